"""The days on which the central bank publishes rates, and when to ask for them next.

Those are the days on which TARGET is open: not Saturdays and Sundays, not 1 January, Good Friday,
Easter Monday, 1 May, 25 and 26 December (the rule since 2002; before, some years closed on 31
December too). https://www.ecb.europa.eu/ecb/contacts/working-hours/html/index.en.html
"""

from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

PUBLISHED_AT: Final = time(16, 0)
_ZONE: Final = "Europe/Berlin"
_DAY: Final = timedelta(days=1)
_SATURDAY: Final = 5
_FIXED: Final = frozenset([(1, 1), (5, 1), (12, 25), (12, 26)])
_MOVED: Final = (-2, 1)
_SOONEST: Final = timedelta(minutes=15)
_LATEST: Final = timedelta(hours=6)


def easter(year: int) -> date:
    """Return the Sunday of Easter in the Gregorian calendar (Meeus, after an anonymous rule)."""
    golden = year % 19
    century, rest = divmod(year, 100)
    leap, odd = divmod(century, 4)
    moon = (19 * golden + century - leap - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    week = (32 + 2 * odd + 2 * (rest // 4) - moon - rest % 4) % 7
    late = (golden + 11 * moon + 22 * week) // 451
    month, day = divmod(moon + week - 7 * late + 114, 31)
    return date(year, month, day + 1)


def is_open(day: date) -> bool:
    """Say whether rates are published on a day."""
    if day.weekday() >= _SATURDAY or (day.month, day.day) in _FIXED:
        return False
    sunday = easter(day.year)
    return all(day != sunday + timedelta(days=moved) for moved in _MOVED)


def next_open(day: date) -> date:
    """Return the first day after this one on which rates are published."""
    day += _DAY
    while not is_open(day):
        day += _DAY
    return day


def published(day: date) -> datetime:
    """Return the instant at which a day's rates should be there."""
    return datetime.combine(day, PUBLISHED_AT, ZoneInfo(_ZONE))


def newest(now: datetime) -> date:
    """Return the last day whose rates should be there by now."""
    day = now.astimezone(ZoneInfo(_ZONE)).date()
    while not is_open(day) or published(day) > now:
        day -= _DAY
    return day


def next_due(now: datetime, last_day: date | None, *, asked_at: datetime | None = None) -> datetime:
    """Return when to ask for rates: now or earlier means at once.

    `last_day` is the day up to which all are there; None: none are, and history is to be fetched.
    `asked_at` is when that was tried last, whatever came of it: rates that are late are asked for
    again after a quarter of an hour, and ever less often the longer they do not come.
    """
    due = now if last_day is None else published(next_open(last_day))
    if asked_at is None or (last_day is not None and asked_at < due):
        return due
    late = max(asked_at - due, timedelta(0)) if last_day is not None else timedelta(0)
    return asked_at + min(max(late / 2, _SOONEST), _LATEST)
