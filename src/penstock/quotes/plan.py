"""What to ask whom: every symbol's ways to a price, and those of them that are one request."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice

from penstock.domain.pricing import Kept
from penstock.domain.quote import NoSource, QuoteError, SourceDisabled
from penstock.domain.remedy import ask_person
from penstock.domain.request import Request
from penstock.quotes.declaration import Declaration
from penstock.quotes.freshness import kept_at, validators
from penstock.quotes.symbol import Symbol, candidates_of


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way to a symbol's price: what the person asked, and what that is at this source.

    `url` is the address that asks for it alone, without the key that some sources want.
    """

    asked: str
    symbol: Symbol
    source: Declaration
    url: str

    @property
    def kept_at(self) -> str:
        """Where its answer is kept."""
        return kept_at(self.source, self.url)


@dataclass(frozen=True, slots=True)
class Job:
    """One request, and all the attempts that its answer serves."""

    source: Declaration
    url: str
    attempts: tuple[Attempt, ...]

    @property
    def kept_at(self) -> str:
        """Where its answer is kept: for a single symbol, where that of the attempt is."""
        return kept_at(self.source, self.url)

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """What is asked for, each once."""
        return tuple(dict.fromkeys(attempt.symbol for attempt in self.attempts))

    @property
    def calls(self) -> int:
        """What it spends of the source's quota."""
        by_symbol = self.source.politeness.counts == "symbol"
        return len(self.symbols) if by_symbol else 1

    def request(self, kept: Kept | None) -> Request:
        """Return the request; with a kept answer, it asks whether that still holds."""
        headers = self.source.ask.headers
        if kept is not None:
            headers = {**headers, **validators(kept)}
        return Request("GET", self.url, headers, authorized=False)

    def halves(self) -> "tuple[Job, Job]":
        """Return two jobs of half the symbols each, for a source that answers all or nothing."""
        symbols = self.symbols
        first = frozenset(symbols[: len(symbols) // 2])
        parts: tuple[list[Attempt], list[Attempt]] = ([], [])
        for attempt in self.attempts:
            parts[attempt.symbol not in first].append(attempt)
        return job_of(parts[0]), job_of(parts[1])


@dataclass(slots=True)
class Lane:
    """The attempts at one source that may go into one request, by the address of each."""

    source: Declaration
    waiting: dict[str, list[Attempt]] = field(default_factory=dict)
    workers: int = 0

    def add(self, attempt: Attempt) -> None:
        """Let an attempt wait, with those that ask the same thing."""
        self.waiting.setdefault(attempt.url, []).append(attempt)

    def take(self) -> Job:
        """Return as many as go into one request, in their order."""
        attempts: list[Attempt] = []
        for url in list(islice(self.waiting, self.source.ask.batch)):
            attempts += self.waiting.pop(url)
        return job_of(attempts)


def job_of(attempts: Sequence[Attempt]) -> Job:
    """Return the one request for attempts of one lane."""
    first = attempts[0]
    symbols = list(dict.fromkeys(attempt.symbol for attempt in attempts))
    batch = first.source.ask.batch > 1 and len(symbols) > 1
    url = first.source.address_of(symbols) if batch else first.url
    return Job(first.source, url or first.url, tuple(attempts))


def attempts_for(
    asked: str,
    sources: Sequence[Declaration],
    disabled: Sequence[Declaration],
    *,
    chosen: bool = False,
) -> deque[Attempt]:
    """Return the ways to a symbol's price, the best source first.

    `chosen`: the person named the only source that may be asked. Raises SymbolNotFound for what is
    no symbol, SourceDisabled and NoSource where there is no way.
    """
    symbols = candidates_of(asked)
    ways = deque(
        Attempt(asked, symbol, source, url)
        for source in sources
        for symbol in source.forms(symbols)
        if (url := source.address(symbol))
    )
    if not ways:
        if chosen and sources:
            raise _not_there(asked, sources[0])
        raise _no_source(asked, symbols, disabled)
    return ways


def sources_of(ways: Iterable[Attempt]) -> tuple[Declaration, ...]:
    """Return the sources of these ways, each once, in their order."""
    return tuple({way.source.id: way.source for way in ways}.values())


def _not_there(asked: str, source: Declaration) -> QuoteError:
    return NoSource(
        f"{source.title} does not quote {asked}.",
        symbol=asked,
        source=source.id,
        remedy=ask_person("Ask without naming a source: then each that quotes it is asked."),
    )


def _no_source(
    asked: str, symbols: Iterable[Symbol], disabled: Sequence[Declaration]
) -> QuoteError:
    would = [source for source in disabled if any(map(source.address, symbols))]
    if not would:
        return NoSource(f"No source in use quotes {asked}.", symbol=asked)
    names = " or ".join(source.id for source in would)
    first = would[0]
    settings = [f"PENSTOCK_{first.id}_{auth.option}".upper() for auth in first.auth]
    keyed = f", set {' and '.join(settings)}" if settings else ""
    return SourceDisabled(
        f"No source in use quotes {asked}: {names} would, but is switched off.",
        symbol=asked,
        source=first.id,
        remedy=ask_person(
            f"Read the terms of {first.title} ({first.docs}){keyed}, then enable it: "
            f"add {first.id} to PENSTOCK_QUOTE_SOURCES."
        ),
    )
