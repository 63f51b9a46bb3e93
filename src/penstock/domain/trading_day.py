"""On which days an instrument has a close, and when that is (domain/market_hours.py).

Holidays are not known: they look like days on which nobody told a price.
"""

from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from penstock.domain.market_hours import Hours, hours_of

_DAY: Final = timedelta(days=1)
_WORKING: Final = range(1, 6)
_EVENING: Final = time(17)
"""The close of a market whose hours are not known, on its own clock."""
_LAST: Final = time.max


def zone_of(instrument: str) -> ZoneInfo:
    """Return the zone that an instrument's days are in; UTC where it trades always."""
    hours = hours_of(instrument)
    return ZoneInfo(hours.zone if hours else "UTC")


def close_of(instrument: str, day: date) -> datetime:
    """Return the instant of a day's close, in the market's zone."""
    hours = hours_of(instrument)
    at = _LAST if hours is None else hours.close if _has_sessions(hours) else _EVENING
    return datetime.combine(day, at, zone_of(instrument))


def last_closed(instrument: str, now: datetime) -> date:
    """Return the last day that is over where an instrument is traded."""
    return now.astimezone(zone_of(instrument)).date() - _DAY


def trading_days(instrument: str, first: date, last: date) -> Iterator[date]:
    """Yield the days from `first` to `last` on which an instrument's market is open, in order."""
    hours = hours_of(instrument)
    open_on = range(1, 8) if hours is None else hours.days if _has_sessions(hours) else _WORKING
    for ahead in range((last - first).days + 1):
        day = first + timedelta(days=ahead)
        if day.isoweekday() in open_on:
            yield day


def _has_sessions(hours: Hours) -> bool:
    """Say whether it is known when each day's session begins and ends."""
    return hours.days_long == 0
