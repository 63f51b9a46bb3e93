"""When a new price of an instrument can be had: while its market is open, and once after it closed.

Prices come late: all instants here are those at which a price is told, which is so much later than
it was made. Holidays are not known. A price that does not move in an open session is asked for ever
more seldom (domain/price_turn.py), so that a holiday costs a few requests.
"""

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from penstock.domain.instrument import AMERICAN, is_isin

SETTLES: Final = timedelta(minutes=10)
"""So long after the close the last price of the day is what it will stay."""

FURTHEST: Final = timedelta(days=6)
"""No next price is further away than this."""

_SPREAD: Final = 0.2
_MORNING: Final = timedelta(minutes=15)
_EVENING: Final = timedelta(minutes=20)
_DAY: Final = timedelta(days=1)
_LOOK: Final = 8
_NIGHT: Final = time(0)
_FILE: Final = Path(__file__).with_suffix(".toml")


@dataclass(frozen=True, slots=True)
class Due:
    """When to ask next: at `at`, or from `earliest` on where others are asked for anyway."""

    at: datetime
    earliest: datetime


@dataclass(frozen=True, slots=True)
class Hours:
    """The sessions of a market on its own clock; `days` are those on which one begins (1: Monday).

    A session ends `days_long` days after the one on which it began.
    """

    zone: str
    open: time = _NIGHT
    close: time = _NIGHT
    days: tuple[int, ...] = (1,)
    days_long: int = 5

    def around(self, now: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield the sessions from a week before to a week after, in order, as instants in UTC."""
        zone = ZoneInfo(self.zone)
        today = now.astimezone(zone).date()
        for days in range(-_LOOK, _LOOK + 1):
            day = today + timedelta(days=days)
            if day.isoweekday() in self.days:
                last = day + timedelta(days=self.days_long)
                yield _instant(day, self.open, zone), _instant(last, self.close, zone)


FOREX: Final = Hours("America/New_York", time(17), time(17), (7,), 5)


def hours_of(instrument: str) -> Hours | None:
    """Return the hours of an instrument's market (domain/instrument.py); None: it never closes.

    Of a market that we do not know it is the working days of its country, or of UTC.
    """
    base, pair, quote = instrument.partition("/")
    if pair:
        return FOREX if {base, quote} <= _table().money else None
    name, _, mic = instrument.partition(":")
    table = _table()
    known = table.by_mic.get("XNYS" if mic == AMERICAN else mic)
    if known is not None:
        return known
    return Hours(table.zones.get(name[:2], "UTC") if is_isin(name) else "UTC")


def opened(instrument: str, now: datetime, *, delay: timedelta = timedelta(0)) -> datetime | None:
    """Return since when prices of the session are told that `now` is in; None: it is in none."""
    hours = hours_of(instrument)
    if hours is None:
        return None
    for begin, end in hours.around(now):
        if begin + delay <= now < end + delay + SETTLES:
            return begin + delay
    return None


def next_price(
    instrument: str, now: datetime, *, every: timedelta, delay: timedelta, chance: float
) -> Due:
    """Return when to ask for the next price, having asked `now`.

    `delay` is how late prices are told, `chance` (0..1) spreads instruments apart: never do all
    come at the full hour.
    """
    every = min(every, _DAY)
    soonest, at = now + every, now + every * (1 + _SPREAD * chance)
    hours = hours_of(instrument)
    if hours is None:
        return Due(at, soonest)
    for begin, end in hours.around(now):
        first, last, settled = begin + delay, end + delay, end + delay + SETTLES
        if now < first:
            opening = first + min(every, _MORNING) * chance
            return _alone(min(opening, settled))
        if now < last and at < last:
            return Due(at, soonest)
        if now < settled:
            return _alone(settled + _EVENING * chance)
    raise AssertionError("there is a session in every week")


def _alone(at: datetime) -> Due:
    return Due(at, at)


def _instant(day: date, at: time, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, at, zone).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class _Table:
    by_mic: Mapping[str, Hours]
    zones: Mapping[str, str]
    money: frozenset[str]


@cache
def _table() -> _Table:
    read = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    exchanges: dict[str, dict[str, Any]] = read["exchanges"]
    zones: dict[str, str] = {}
    for one in exchanges.values():
        zones.setdefault(one["country"], one["zone"])
    by_mic = {mic: _hours(one) for mic, one in exchanges.items()}
    return _Table(by_mic, zones, frozenset(read["money"].split()))


def _hours(said: Mapping[str, Any]) -> Hours:
    if "open" not in said:
        return Hours(said["zone"])
    days = tuple(said.get("days", range(1, 6)))
    opens, closes = time.fromisoformat(said["open"]), time.fromisoformat(said["close"])
    return Hours(said["zone"], opens, closes, days, 0)
