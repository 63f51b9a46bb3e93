"""What things cost at an instant, as far as we or the person know.

A price of a day is that of the name that the thing had on that day, and of one of what was counted
on that day: where it was split between the day of a price and that of what an institution states,
so many more, or fewer, belong to the price.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Final, NamedTuple

import sqlalchemy as sa

from penstock.db import own_prices, prices, securities, security_events
from penstock.db.own_prices import OwnPrice
from penstock.db.prices import Figure
from penstock.db.securities import Security
from penstock.domain.instrument import alike, is_isin, of_isin, of_listing
from penstock.domain.quote import Basis
from penstock.domain.security_event import Called, Event, factor, names_over_time
from penstock.domain.valuation import FRESH_FOR, Price, in_whole_units
from penstock.engine.worth_calendar import Calendar

_EARLIER: Final = FRESH_FOR + timedelta(days=2)


class Named(NamedTuple):
    """What our quotes called a security from `since` on, before `until`; None: always."""

    instrument: str
    since: date | None
    until: date | None


@dataclass(frozen=True, slots=True)
class Thing:
    """A security that a person holds or held, what happened to it, and its names over time."""

    security: Security
    events: Sequence[Event]
    names: Sequence[Named]


@dataclass(frozen=True, slots=True)
class Line:
    """Our prices of a thing, and when each was one."""

    moments: Sequence[datetime]
    prices: Sequence[Price]


@dataclass(frozen=True, slots=True)
class PriceBook:
    """Prices by the number of the security, ours and the person's own, in order."""

    calendar: Calendar
    things: Mapping[int, Thing]
    quotes: Mapping[int, "Line"]
    own: Mapping[int, Sequence[OwnPrice]]

    def at(self, security_id: int | None, moment: datetime, *, counted: date) -> tuple[Price, ...]:
        """Return our last price of a security as of an instant, and the person's.

        `counted` is the day on which it was stated how many are held.
        """
        thing = self.things.get(security_id or 0)
        if security_id is None or thing is None:
            return ()
        number, found = thing.security.id, []
        line = self.quotes.get(number)
        place = bisect_right(line.moments, moment) if line else 0
        if line and place:
            found.append(_counted(line.prices[place - 1], thing, counted))
        own = self.own.get(number, ())
        place = bisect_right(own, self.calendar.day_of(moment), key=lambda one: one.day)
        if place:
            found.append(self._own(own[place - 1], thing, counted))
        return tuple(found)

    def _own(self, one: OwnPrice, thing: Thing, counted: date) -> Price:
        currency, scale = in_whole_units(one.currency)
        return Price(
            one.price,
            currency,
            self.calendar.end(one.day),
            "manual",
            scale,
            one.basis,
            own=True,
            split=factor(thing.events, counted, one.day),
        )

    @property
    def currencies(self) -> set[str]:
        """The currencies of all these prices."""
        found = {one.currency for each in self.quotes.values() for one in each.prices}
        return found | {one.currency for each in self.own.values() for one in each}


def read(
    connection: sa.Connection, calendar: Calendar, *, owner_id: int, first: date, last: date
) -> PriceBook:
    """Read what is known of the prices of some days, of all that a person holds or held."""
    things = things_of(connection, owner_id=owner_id)
    return PriceBook(
        calendar,
        things,
        _quotes(connection, things, calendar, first, last),
        _own(connection, owner_id, things),
    )


def things_of(connection: sa.Connection, *, owner_id: int) -> dict[int, Thing]:
    """Return the owner's securities by number, also by those of what was merged into them."""
    events: dict[int, list[Event]] = defaultdict(list)
    for event in security_events.of_owner(connection, owner_id=owner_id):
        events[event.security_id].append(event)
    found = {
        one.id: Thing(one, events[one.id], list(_names(one, events[one.id])))
        for one in securities.of_owner(connection, owner_id=owner_id)
    }
    for number, into in own_prices.merged(connection, owner_id=owner_id).items():
        if into in found:
            found[number] = found[into]
    return found


def instruments(things: Mapping[int, Thing], held: Iterable[int | None]) -> list[str]:
    """Return what our quotes call the securities that are held or were, and called them once."""
    there = [things[number] for number in {*held} if number is not None and number in things]
    return sorted(
        {name for thing in there for one in thing.names for name in alike(one.instrument)}
    )


def _names(security: Security, events: Sequence[Event]) -> Iterable[Named]:
    for called in names_over_time(security.ticker, security.mic, security.isin, events):
        instrument = _instrument(security, called)
        if instrument:
            yield Named(instrument, called.since, called.until)


def _instrument(security: Security, called: Called) -> str | None:
    """Return what a security that had these names was called, in the way it is called today."""
    today = security.instrument
    if today is None or "/" in today:
        return today
    first, _, mic = today.partition(":")
    if is_isin(first):
        same = called.isin in (None, security.isin)
        return today if same else of_isin(called.isin or "", mic or None)
    same = called.ticker is None or (called.ticker, called.mic) == (security.ticker, security.mic)
    return today if same else of_listing(called.ticker or "", called.mic or "")


def _quotes(
    connection: sa.Connection,
    things: Mapping[int, Thing],
    calendar: Calendar,
    first: date,
    last: date,
) -> dict[int, Line]:
    names = instruments(things, things)
    found: dict[str, dict[datetime, Price]] = defaultdict(dict)
    if last >= calendar.today:
        for name, quote in prices.last(connection, names).items():
            found[name][quote.as_of] = Price.of(quote)
    if names and first < calendar.today:
        until = last + timedelta(days=1)
        for figure in prices.figures(connection, names, first - _EARLIER, until):
            found[figure.instrument][figure.as_of] = _price(figure)
    result = {}
    for thing in things.values():
        mine = [
            price
            for named in thing.names
            for name in alike(named.instrument)
            for price in found.get(name, {}).values()
            if (named.since is None or named.since <= price.as_of.date())
            and (named.until is None or price.as_of.date() < named.until)
        ]
        mine.sort(key=lambda one: one.as_of)
        result[thing.security.id] = Line([one.as_of for one in mine], mine)
    return result


def _price(one: Figure) -> Price:
    return Price(one.price, one.currency, one.as_of, one.source, one.scale, Basis(one.basis))


def _counted(price: Price, thing: Thing, counted: date) -> Price:
    """Return a price with what a split makes of the quantity that was stated on a day."""
    if not thing.events:
        return price
    day = price.as_of.date()
    split = factor(thing.events, counted, day)
    return replace(price, split=split, overtaken=split != 1 and day < counted)


def _own(
    connection: sa.Connection, owner_id: int, things: Mapping[int, Thing]
) -> dict[int, list[OwnPrice]]:
    """Return the person's prices by security and day; of a merged one's, its own go first."""
    by_day: dict[int, dict[date, OwnPrice]] = defaultdict(dict)
    for one in own_prices.of_owner(connection, owner_id=owner_id):
        thing = things.get(one.security_id)
        number = thing.security.id if thing else one.security_id
        if one.day not in by_day[number] or number == one.security_id:
            by_day[number][one.day] = one
    return {number: [days[day] for day in sorted(days)] for number, days in by_day.items()}
