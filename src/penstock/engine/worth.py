"""What a person is worth: now, on a day, and day by day.

Today is always worked out anew. A day that is over is worked out once and stored, and again when
something came that it depends on: a late row, a late price, an undo (db/worth_stale.py).
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from penstock.db import feeds, net_worth, prices, rate_prices, worth_reads, worth_stale
from penstock.db.lane import Database
from penstock.db.net_worth import DayWorth, Lacking, Mark
from penstock.domain.clock import Clock
from penstock.domain.errors import InvalidInput
from penstock.domain.fx import needed
from penstock.domain.gain import Gain, gain
from penstock.domain.net_worth import Worth, add_up, first_in_currency
from penstock.domain.says import Invested
from penstock.domain.valuation import Line, Rate, value
from penstock.engine import worth_day
from penstock.engine.worth_calendar import Calendar
from penstock.engine.worth_day import LeftOut
from penstock.engine.worth_known import Asked, Known, read
from penstock.engine.worth_prices import instruments, things_of

USUAL: Final = "EUR"
"""The currency of somebody who has no account yet."""

EARLIEST: Final = date(1970, 1, 1)
MOST_DAYS: Final = 3_700
"""Of so many days at the most is a series: ten years."""

_AT_ONCE: Final = timedelta(days=365)
"""So much is worked out in one go: between two of them others get their turn to read, and what is
done is stored, should nobody wait for the rest."""

_OVERLAP: Final = timedelta(minutes=1)
"""Prices and rates are stamped before they can be read: what others are just storing is looked
for the next time."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What somebody is worth on a day, and which accounts are not in it."""

    day: date
    worth: Worth
    left_out: Sequence[LeftOut]


@dataclass(frozen=True, slots=True)
class Valuation:
    """What a position is worth now. `amount` is in the asked currency; None: it is not known."""

    line: Line
    currency: str
    amount: Decimal | None
    rate: Rate | None
    gain: Gain | None


@dataclass(frozen=True, slots=True)
class Valuer:
    """Says what people are worth. `invested` tells by connector what its balances are."""

    database: Database
    clock: Clock
    zone: ZoneInfo
    invested: Mapping[str, Invested]

    async def usual_currency(self, owner_id: int) -> str:
        """Return the currency in which most of a person's accounts are."""
        found = await self.database.read(worth_reads.commonest_currency, owner_id=owner_id)
        return found or USUAL

    async def on_day(self, owner_id: int, currency: str, day: date | None = None) -> Answer:
        """Return what a person is worth on a day, or now. Raises InvalidInput for a later day."""
        calendar = self.calendar()
        asked_day = calendar.today if day is None else day
        if asked_day > calendar.today:
            raise InvalidInput(f"{asked_day} is still to come: nobody knows what it will bring.")
        if asked_day < EARLIEST:
            raise InvalidInput(f"Nothing is known of the time before {EARLIEST}.")
        asked = self._asked(owner_id, currency, asked_day, asked_day, calendar)
        return await self.database.read(_on_day, asked)

    async def series(
        self, owner_id: int, currency: str, first: date, last: date
    ) -> Sequence[DayWorth]:
        """Return every day from `first` to `last`, today at the latest; stores what it worked out.

        Raises InvalidInput for days in the wrong order, or too many of them.
        """
        calendar = self.calendar()
        last = min(last, calendar.today)
        if first > last:
            raise InvalidInput(f"The series would begin on {first}, after its end on {last}.")
        if (last - first).days >= MOST_DAYS:
            raise InvalidInput(f"Ask for {MOST_DAYS} days at the most.")
        days: list[DayWorth] = []
        while first <= last:
            end = min(first + _AT_ONCE, last)
            asked = self._asked(owner_id, currency, first, end, calendar)
            found = await self.database.read(_series, asked)
            if found.new or len(found.marks) > 1:
                await self.database.write(_store, found, owner_id, currency)
            days += found.days
            first = end + timedelta(days=1)
        return days

    async def positions(self, owner_id: int, currency: str) -> Mapping[int, Valuation]:
        """Return what each position that a person holds is worth now, by its number."""
        calendar = self.calendar()
        today = calendar.today
        asked = self._asked(owner_id, currency, today, today, calendar, standing=False)
        return await self.database.read(_positions, asked)

    def calendar(self) -> Calendar:
        """Return which day it is, in whose zone."""
        return Calendar(self.zone, self.clock())

    def _asked(
        self,
        owner_id: int,
        currency: str,
        first: date,
        last: date,
        calendar: Calendar,
        *,
        standing: bool = True,
    ) -> Asked:
        return Asked(owner_id, first, last, calendar, self.invested, [currency], standing)


def _on_day(connection: sa.Connection, asked: Asked) -> Answer:
    known = read(connection, asked)
    return _answer(known, asked.last, asked.currencies[0])


def _answer(known: Known, day: date, currency: str) -> Answer:
    found = worth_day.on(known, day)
    return Answer(day, add_up(found.parts, currency, found.convert), found.left_out)


@dataclass(frozen=True, slots=True)
class _Series:
    """All days, those of them that are new, and the marks of those that are still so."""

    days: Sequence[DayWorth]
    new: Sequence[DayWorth]
    good: Sequence[date]
    marks: Collection[Mark]
    mark: Mark


def _store(connection: sa.Connection, found: _Series, owner_id: int, currency: str) -> None:
    """Store them, unless something came while they were worked out: it may be in none of them."""
    if feeds.hold(connection, owner_id) != found.mark.change_number:
        return
    whose: dict[str, Any] = {"owner_id": owner_id, "currency": currency}
    net_worth.store(connection, found.new, found.mark, **whose)
    # Else there would be a mark a day, and each would have to be looked at.
    net_worth.confirm(connection, found.good, found.marks, found.mark, **whose)


def _series(connection: sa.Connection, asked: Asked) -> _Series:
    """Take the days that are stored and still so, and work out the others."""
    owner_id, currency, today = asked.owner_id, asked.currencies[0], asked.calendar.today
    mark = Mark(feeds.last(connection, owner_id), asked.calendar.now - _OVERLAP)
    stored = net_worth.between(
        connection, owner_id=owner_id, currency=currency, first=asked.first, last=asked.last
    )
    still_so = _still_so(connection, stored, owner_id, currency)
    good = {day.day: day for day in still_so if day.day < today}
    marks = {mark for day, mark in stored if day.day in good}
    span = (asked.last - asked.first).days + 1
    days = [asked.first + timedelta(days=one) for one in range(span)]
    wanted = [day for day in days if day not in good]
    if not wanted:
        return _Series([good[day] for day in days], (), list(good), marks, mark)
    part = Asked(owner_id, wanted[0], wanted[-1], asked.calendar, asked.invested, asked.currencies)
    known = read(connection, part)
    found = {day: _as_day(_answer(known, day, currency)) for day in wanted}
    new = [one for day, one in found.items() if day < today]
    return _Series([(good | found)[day] for day in days], new, list(good), marks, mark)


def _still_so(
    connection: sa.Connection,
    stored: Sequence[tuple[DayWorth, Mark]],
    owner_id: int,
    currency: str,
) -> list[DayWorth]:
    """Return those stored days that nothing has come for since."""
    if not stored:
        return []
    held = worth_reads.held_of(connection, owner_id=owner_id)
    things = things_of(connection, owner_id=owner_id)
    names = instruments(things, [row.security_id for row in held])
    codes = needed(
        {currency}
        | {row.currency for row in held}
        | {one.currency for one in prices.last(connection, names).values()}
        | worth_reads.currencies_of(connection, owner_id=owner_id)
    )
    names += rate_prices.instruments(codes)
    since: dict[Mark, date | None] = {}
    good = []
    for day, mark in stored:
        if mark not in since:
            since[mark] = worth_stale.stale_since(
                connection, mark, owner_id=owner_id, instruments=names, currencies=codes
            )
        first = since[mark]
        if first is None or day.day < first:
            good.append(day)
    return good


def _as_day(answer: Answer) -> DayWorth:
    worth = answer.worth
    return DayWorth(
        day=answer.day,
        total=worth.total,
        assets=worth.assets,
        liabilities=worth.liabilities,
        counted=len(worth.counted),
        oldest=worth.oldest.part.key if worth.oldest else None,
        oldest_as_of=worth.oldest.as_of if worth.oldest else None,
        missing=tuple(Lacking(one.part.key, one.part.name, one.reason) for one in worth.missing),
    )


def _positions(connection: sa.Connection, asked: Asked) -> dict[int, Valuation]:
    known = read(connection, asked)
    currency, now = asked.currencies[0], asked.calendar.now
    convert = worth_day.converting(known, asked.last)
    found = {}
    for account in known.accounts:
        for version in account.now:
            position = known.position(version, account.row.last_success_at)
            told = known.prices.at(version.security_id, now, counted=version.day)
            line = value(position, told, now=now, convert=convert)
            there = first_in_currency((line.taken, line.theirs), currency, convert)
            taken, amount, rate = there or (line.taken, None, None)
            line = replace(line, taken=taken)
            found[version.holding_id] = Valuation(line, currency, amount, rate, gain(line, convert))
    return found
