"""The one engine that asks for prices: many symbols at once, each host in its own pace.

Every symbol ends as one `Quote` or one `QuoteError`, in the order they were asked for. Nothing here
opens a socket: requests go out through the `Sender` that is handed in.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final

from penstock.domain.clock import Clock
from penstock.domain.errors import InvalidInput
from penstock.domain.pricing import Accepted, Answers, Gate, Splits
from penstock.domain.protocol import Sender
from penstock.domain.quote import QuoteError
from penstock.domain.trail import Trail
from penstock.quotes.alone import AcceptedAlone, AnswersAlone, GateAlone, Sleep
from penstock.quotes.asking import Asker
from penstock.quotes.believing import Believer
from penstock.quotes.declaration import Declaration
from penstock.quotes.errand import Errand
from penstock.quotes.keys import Keys
from penstock.quotes.plan import attempts_for, sources_of
from penstock.quotes.quest import Outcome, Quest
from penstock.quotes.recall import Believed, Recalled

PATIENCE: Final = 20.0
"""Seconds that one request may take."""


class QuoteEngine:
    """Asks sources for prices. `await engine.fetch(["EUR/USD", "SAP:XETR"])`.

    `sources` are asked in their order, each for what it covers; `disabled` ones are only named to
    the person who misses them, as are those that want an API key which is not among the `keys`.
    `gate`, `answers` and `accepted` are what the engine shares with others of its kind; without
    them it has its own, in memory. `splits` explain jumps. `patience` is seconds for one request.
    """

    def __init__(  # noqa: PLR0913 - each may be shared, or left out
        self,
        sources: Sequence[Declaration],
        send: Sender,
        *,
        clock: Clock,
        disabled: Sequence[Declaration] = (),
        gate: Gate | None = None,
        answers: Answers | None = None,
        accepted: Accepted | None = None,
        splits: Splits | None = None,
        keys: Keys | None = None,
        sleep: Sleep = asyncio.sleep,
        patience: float = PATIENCE,
    ) -> None:
        keys = keys or {}
        self._sources = [one for one in sources if _has_keys(one, keys)]
        self._disabled = [*disabled, *(one for one in sources if one not in self._sources)]
        self._clock = clock
        self._answers = answers or AnswersAlone()
        self._accepted = accepted or AcceptedAlone()
        self._splits = splits
        gate = gate or GateAlone(clock=clock, sleep=sleep)
        self._asker = Asker(send, gate, clock=clock, keys=keys, patience=patience)

    async def fetch(
        self,
        symbols: Iterable[str],
        *,
        source: str | None = None,
        trust: Collection[str] = (),
        deadline: float | None = None,
    ) -> list[Outcome]:
        """Return one quote or one error for each symbol, in order; the same symbol is asked once.

        With `source`, that one alone is asked. `trust` are those of the symbols whose price a
        person wants to be believed this time, though it does not go with the last one. After
        `deadline` seconds, what has no price yet is SourceUnavailable. Raises InvalidInput where
        there is no source of that id, and nothing that a source can cause: what went wrong is in
        the list.
        """
        trails = await self.explain(symbols, source=source, trust=trust, deadline=deadline)
        return [trail.outcome for trail in trails]

    async def explain(
        self,
        symbols: Iterable[str],
        *,
        source: str | None = None,
        trust: Collection[str] = (),
        deadline: float | None = None,
    ) -> list[Trail]:
        """Fetch as `fetch` does, and return how each symbol came to its outcome, in order."""
        asked = list(symbols)
        sources, disabled = self._among(source)
        trails: dict[str, Trail] = {}
        quests: dict[str, Quest] = {}
        for symbol in dict.fromkeys(asked):
            try:
                ways = attempts_for(symbol, sources, disabled, chosen=source is not None)
                every = ways if source is None else attempts_for(symbol, self._sources, disabled)
                quests[symbol] = Quest(symbol, ways, sources_of(every))
            except QuoteError as error:
                trails[symbol] = Trail(symbol, error)
        if quests:
            await self._go(quests, trust, deadline)
        trails |= {symbol: quest.trail() for symbol, quest in quests.items()}
        return [trails[symbol] for symbol in asked]

    async def _go(
        self, quests: Mapping[str, Quest], trust: Collection[str], deadline: float | None
    ) -> None:
        recalled, believed = Recalled(self._answers), Believed(self._accepted, self._splits)
        believed.expect({way.symbol.instrument for quest in quests.values() for way in quest.ways})
        believer = Believer(believed, recalled, frozenset(trust))
        errand = Errand(quests, self._asker, recalled, believed, believer, clock=self._clock)
        await errand.run(deadline)

    def _among(self, source: str | None) -> tuple[Sequence[Declaration], Sequence[Declaration]]:
        """Return the sources that may be asked, and those that are switched off."""
        if source is None:
            return self._sources, self._disabled
        named = [
            [one for one in group if one.id == source] for group in (self._sources, self._disabled)
        ]
        if not any(named):
            known = ", ".join(sorted(one.id for one in (*self._sources, *self._disabled)))
            raise InvalidInput(f"There is no quote source {source[:40]!r}. There are: {known}.")
        return named[0], named[1]


def _has_keys(source: Declaration, keys: Keys) -> bool:
    own = keys.get(source.id, {})
    return all(own.get(auth.option) for auth in source.auth if auth.required)
