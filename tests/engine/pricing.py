"""A source of prices that does as it is told, and pricers that ask it over one database."""

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from penstock.db import price_turns
from penstock.db.lane import Database
from penstock.db.price_turns import Turn
from penstock.domain.quote import Quote, QuoteError
from penstock.domain.trail import How, Step, Trail
from penstock.engine.price import Pricer
from tests.engine.bench import Bench, Watch
from tests.engine.fake_bank import FakeBank, reading
from tests.engine.positions import held, snapshot

EVERY = timedelta(minutes=15)


def bank_of(*instruments: str) -> FakeBank:
    """Return a bank that says that one account holds these, and nothing else."""
    return FakeBank(scripts={"a": reading(holding(*instruments))})


def holding(*instruments: str) -> Any:
    """Return the snapshot of an account that holds listings, written as instruments."""
    rows = []
    for instrument in instruments:
        ticker, _, mic = instrument.partition(":")
        rows.append(held(ticker.lower(), symbol=ticker, mic=mic))
    return snapshot(*rows)


@dataclass
class Source:
    """Answers at once, or when it is let; `says` errors in place of prices."""

    clock: Watch
    says: dict[str, QuoteError] = field(default_factory=dict)
    asked: list[tuple[str, ...]] = field(default_factory=list)
    under_way: list[str] = field(default_factory=list)
    began: asyncio.Event = field(default_factory=asyncio.Event)
    may_answer: asyncio.Event | None = None
    as_of: datetime | None = None
    breaks_at: str = ""

    async def explain(self, symbols: Iterable[str], **_how: Any) -> list[Trail]:
        """Return a price of each, or what is said of it."""
        asked = tuple(symbols)
        assert not set(asked) & set(self.under_way), "two asked for the same at once"
        self.asked.append(asked)
        self.under_way += asked
        self.began.set()
        try:
            if self.may_answer is not None:
                await self.may_answer.wait()
        finally:
            self.under_way = [one for one in self.under_way if one not in asked]
        if self.breaks_at in asked:
            raise RuntimeError("the engine is broken")
        return [self._trail(one) for one in asked]

    @property
    def names(self) -> list[str]:
        """What was asked for, each time that it was."""
        return [one for some in self.asked for one in some]

    def _trail(self, symbol: str) -> Trail:
        error = self.says.get(symbol)
        if error is not None:
            return Trail(symbol, error)
        now = self.clock()
        quote = Quote(
            symbol=symbol,
            price=Decimal(10),
            currency="EUR",
            quoted_unit="EUR",
            as_of=self.as_of or now,
            fetched_at=now,
            source="fake",
            extractor="fake",
            raw="10",
            instrument=symbol,
        )
        step = Step("fake", symbol, "https://fake.example/", How.FETCHED, quote)
        return Trail(symbol, quote, (step,))


@dataclass
class FakeRates:
    """Rates that are due when they are said to be."""

    due: datetime
    in_use: bool = True
    refreshed: int = 0
    fails: QuoteError | None = None
    next: Callable[[], datetime] | None = None

    async def next_due(self) -> datetime:
        """Return when to look next."""
        return self.due

    async def refresh(self) -> object:
        """Look."""
        self.refreshed += 1
        if self.fails is not None:
            raise self.fails
        if self.next is not None:
            self.due = self.next()
        return None


def pricer(
    database: Database, watch: Watch, source: Source, rates: FakeRates | None = None, **more: Any
) -> Pricer:
    """Return one process's pricer; chance adds nothing."""
    kept = rates or FakeRates(watch() + timedelta(days=1000))
    fields: dict[str, Any] = {"every": EVERY, "chance": lambda: 0.0}
    return Pricer(database, source, kept, watch, **(fields | more))


async def turns(it: Bench) -> dict[str, Turn]:
    """Return every turn by its instrument."""
    names = [row.instrument for row in await it.all(price_turns.price_turns.select())]
    return await it.database.read(price_turns.some, names)
