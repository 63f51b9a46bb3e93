"""Asks for what things cost on the days before we first asked for them, since they are held.

One instrument after the other, the newest missing days first; what came is stored piece by piece,
together with how far back all is known. So whoever is killed is followed by another who goes on
from there. A day that has a price keeps it, whoever told it. Days on which somebody's worth was
worked out without these prices are worked out again, as after any late price (db/worth_stale.py).
"""

import random
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Final

import sqlalchemy as sa

from penstock.db import price_history, prices
from penstock.db.lane import Database
from penstock.db.price_history import Asked
from penstock.domain.clock import Clock
from penstock.domain.closes import Closes, Historian
from penstock.domain.price_turn import UNPRICED, Known, after_failure
from penstock.domain.quote import NoSource, Quote, QuoteError
from penstock.domain.remedy import ask_person
from penstock.domain.trading_day import last_closed, trading_days
from penstock.domain.valuation import FRESH_FOR
from penstock.engine.own_prices import EARLIEST
from penstock.observe.log import bind_request_id, get_logger

LEASE: Final = timedelta(minutes=10)
"""So long an instrument is left alone of which nobody hears any more: longer than one request."""
EVERY: Final = timedelta(days=1)
IDLE: Final = timedelta(minutes=1)
"""So long nobody looks again where nothing was due."""
_AROUND: Final = timedelta(days=40)
_LATE: Final = timedelta(days=2)
"""So long after a day its close may still come: some tell it on the next morning."""

log = get_logger("penstock.prices")


@dataclass(frozen=True, slots=True)
class Filled:
    """Which days were looked at, how many were missing, how many closes were stored or doubted.

    `error` is why there is no more; what came before it is stored.
    """

    first: date
    last: date
    missing: int = 0
    stored: int = 0
    doubted: int = 0
    sources: tuple[str, ...] = ()
    error: QuoteError | None = None


@dataclass(frozen=True, slots=True)
class _Gap:
    """Missing days of an instrument within a span, and what is known around them."""

    first: date
    last: date
    days: Sequence[date]
    asked: Asked
    known: Sequence[Quote]


@dataclass(slots=True)
class Backfiller:
    """Fills in the closes of past days. `database` is the program's own: prices are everybody's."""

    database: Database
    historian: Historian
    clock: Clock
    scheduled: bool = True
    chance: Callable[[], float] = random.random
    _begun: bool = field(default=False, init=False)
    _idle_until: datetime | None = field(default=None, init=False)

    async def tick(self) -> int:
        """Look at one instrument that is held; return whether one was due: 1 or 0."""
        now = self.clock()
        if not self.scheduled or (self._idle_until is not None and now < self._idle_until):
            return 0
        if not self._begun:
            await self.database.write(price_history.reconsider, UNPRICED, now=now)
            self._begun = True
        name = await self.database.write(price_history.claim, now=now, until=now + LEASE)
        if name is None:
            self._idle_until = now + IDLE
            return 0
        with bind_request_id(f"history-{secrets.token_hex(8)}"):
            await self._fill(name)
        return 1

    async def fetch(
        self, instrument: str, first: date | None = None, *, owner_id: int | None = None
    ) -> Filled:
        """Ask now for the missing days of an instrument, also for those that nobody had before.

        They begin with `first`, else with the day on which somebody first held it: the owner, if
        one is named, who learns nothing of what others hold.
        """
        return await self._fill(instrument, first, owner_id=owner_id, again=True)

    async def _fill(
        self,
        name: str,
        first: date | None = None,
        *,
        owner_id: int | None = None,
        again: bool = False,
    ) -> Filled:
        gap = await self.database.read(
            _gap, name, first, owner_id=owner_id, now=self.clock(), again=again
        )
        if not gap.known:
            unknown = f"No price of {name} is known yet that its past could be held against."
            remedy = ask_person(f"Ask for one first: penstock quote {name}")
            return Filled(gap.first, gap.last, error=NoSource(unknown, symbol=name, remedy=remedy))
        done, asked, days = Filled(gap.first, gap.last, len(gap.days)), gap.asked, gap.days
        known, through = list(gap.known), gap.last
        try:
            while days:
                told = await self.historian.closes(name, days[0], days[-1], known)
                known += told.quotes
                if days is gap.days:
                    through = _through(gap, told)
                days = [day for day in days if day < told.first]
                since = days[-1] + timedelta(days=1) if days else gap.first
                asked = asked.and_also(since, through)
                added = await self.database.write(_store, name, told, asked, now=self.clock())
                done = _and(done, told, added)
        except QuoteError as error:
            await self._failed(name, asked, error)
            return replace(done, error=error)
        if not gap.days:
            asked = asked.and_also(gap.first, gap.last)
        asked = replace(asked, failures=0, last_code=None)
        await self.database.write(price_history.note, name, asked, due_at=self.clock() + EVERY)
        if done.missing:
            log.info("prices.filled", instrument=name, stored=done.stored, doubted=done.doubted)
        return done

    async def _failed(self, name: str, asked: Asked, error: QuoteError) -> None:
        known, due = after_failure(
            Known(failures=asked.failures), error, now=self.clock(), chance=self.chance()
        )
        if error.code != asked.last_code:
            log.info("prices.no_history", instrument=name, code=error.code, reason=error.message)
        asked = replace(asked, failures=known.failures, last_code=known.last_code)
        await self.database.write(price_history.note, name, asked, due_at=due.at)


def _gap(
    connection: sa.Connection,
    name: str,
    first: date | None,
    *,
    owner_id: int | None,
    now: datetime,
    again: bool,
) -> _Gap:
    """Return which days are missing; `again`: also those that were asked for before."""
    last = last_closed(name, now)
    if first is None:
        held = price_history.first_held(connection, name, owner_id=owner_id)
        # A position of a Monday is worth what the last close before it says.
        first = min(max(held, EARLIEST) - FRESH_FOR, last) if held else last
    asked = price_history.find(connection, name)
    priced = price_history.priced(connection, name, first, last)
    days = [
        day
        for day in trading_days(name, first, last)
        if day not in priced and (again or not asked.knows(day))
    ]
    newest = prices.last(connection, [name])
    around = prices.between(connection, [name], first - _AROUND, last + _AROUND) if days else []
    known = {one.as_of: one for one in (*newest.values(), *around)}
    return _Gap(first, last, days, asked, list(known.values()))


def _through(gap: _Gap, told: Closes) -> date:
    """Return up to which day all is known: after the newest that was told, more may come."""
    doubted = (one.quote for one in told.doubts)
    days = (one.as_of.date() for one in (*told.quotes, *doubted) if one is not None)
    newest = max(days, default=date.min)
    return gap.last if newest >= gap.days[-1] else max(newest, gap.last - _LATE)


def _store(
    connection: sa.Connection, name: str, told: Closes, asked: Asked, *, now: datetime
) -> int:
    """Add the closes of days that have no price, and write down that they were asked for."""
    days = [one.as_of.date() for one in told.quotes]
    there = price_history.priced(connection, name, days[0], days[-1]) if days else set()
    new = [one for day, one in zip(days, told.quotes, strict=True) if day not in there]
    price_history.note(connection, name, asked, due_at=now + LEASE)
    return prices.accept(connection, new, now=now)


def _and(done: Filled, told: Closes, added: int) -> Filled:
    return replace(
        done,
        stored=done.stored + added,
        doubted=done.doubted + len(told.doubts),
        sources=tuple(dict.fromkeys((*done.sources, told.source))),
    )
