"""What to ask whom: every symbol's ways to a price, and those of them that are one request."""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from penstock.domain.quote import NoSource, QuoteError, SourceDisabled
from penstock.domain.remedy import ask_person
from penstock.domain.request import Request
from penstock.quotes.declaration import Declaration
from penstock.quotes.symbol import Symbol, candidates_of


@dataclass(frozen=True, slots=True)
class Attempt:
    """One way to a symbol's price: what the person asked, and what that is at this source."""

    asked: str
    symbol: Symbol
    source: Declaration
    url: str


@dataclass(frozen=True, slots=True)
class Job:
    """One request, and all the attempts that its answer serves."""

    source: Declaration
    request: Request
    attempts: tuple[Attempt, ...]

    @property
    def host(self) -> str:
        """The host and port to ask, for politeness is owed to hosts."""
        return urlsplit(self.request.url).netloc


def attempts_for(
    asked: str, sources: Sequence[Declaration], disabled: Sequence[Declaration]
) -> deque[Attempt]:
    """Return the ways to a symbol's price, the best source first.

    Raises SymbolNotFound for what is no symbol, SourceDisabled and NoSource where there is no way.
    """
    symbols = candidates_of(asked)
    ways = deque(
        Attempt(asked, symbol, source, url)
        for source in sources
        for symbol in source.forms(symbols)
        if (url := source.address(symbol))
    )
    if not ways:
        raise _no_source(asked, symbols, disabled)
    return ways


def jobs_of(attempts: Iterable[Attempt]) -> list[Job]:
    """Put attempts that ask one source the same thing into one job."""
    same: dict[tuple[str, str], list[Attempt]] = {}
    for attempt in attempts:
        same.setdefault((attempt.source.id, attempt.url), []).append(attempt)
    return [
        Job(
            source := alike[0].source,
            Request("GET", url, source.ask.headers, authorized=False),
            tuple(alike),
        )
        for (_, url), alike in same.items()
    ]


def _no_source(
    asked: str, symbols: Iterable[Symbol], disabled: Sequence[Declaration]
) -> QuoteError:
    would = [source for source in disabled if any(map(source.address, symbols))]
    if not would:
        return NoSource(f"No source in use quotes {asked}.", symbol=asked)
    names = " or ".join(source.id for source in would)
    first = would[0]
    return SourceDisabled(
        f"No source in use quotes {asked}: {names} would, but is switched off.",
        symbol=asked,
        source=first.id,
        remedy=ask_person(
            f"Read the terms of {first.title} ({first.docs}), then enable it: "
            f"add {first.id} to PENSTOCK_QUOTE_SOURCES."
        ),
    )
