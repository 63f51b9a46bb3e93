"""Instants as sources write them, read by what their declaration says of them."""

import re
from datetime import UTC, datetime, time, timezone
from typing import Final
from zoneinfo import ZoneInfo

from penstock.quotes.declared.terms import Time

UNDATED: Final = "undated"
"""A flag: the source does not say when the price was made, `as_of` is when we fetched it."""

_LONGEST: Final = 80
_HALF: Final = re.compile(r"\b([ap])\.\s?m\.", re.IGNORECASE)
"""What many write for AM and PM."""
_HOURS: Final = ("%H", "%I", "%X", "%c", "%T", "%R")


def instant_of(written: str, declared: Time) -> datetime:
    """Return an instant. Raises ValueError (or what it is made of) for what is none.

    Its date is the day that the source means: seconds are in UTC, all else where it was written.
    """
    if len(written) > _LONGEST:
        raise ValueError("too long for an instant")
    if declared.kind in ("epoch", "epoch_ms"):
        return _since_1970(written, 1000 if declared.kind == "epoch_ms" else 1)
    if declared.kind == "iso":
        return _completed(datetime.fromisoformat(written), declared, timed=":" in written)
    return _by_format(_plain(written), declared)


def is_timed(written: str, declared: Time) -> bool:
    """Say whether a text has a time of day, and not a day alone."""
    if declared.kind in ("epoch", "epoch_ms"):
        return True
    if declared.kind == "iso":
        return ":" in written
    forms = (form for form in declared.ways if _fits(_plain(written), form))
    return any(hour in next(forms, "") for hour in _HOURS)


def _plain(written: str) -> str:
    """Return a text as formats read it: AM for `a.m.`."""
    return _HALF.sub(r"\1m", written.strip())


def _fits(written: str, form: str) -> bool:
    try:
        datetime.strptime(written, form)  # noqa: DTZ007 - only whether it can be read
    except ValueError:
        return False
    return True


def _since_1970(written: str, parts: int) -> datetime:
    """Read whole numbers and those with a fraction: 1795224600, 1795224600.25."""
    if parts == 1 and written.isascii() and written.isdigit():
        return datetime.fromtimestamp(int(written), UTC)
    whole, _, fraction = written.strip().partition(".")
    if not whole.isascii() or not whole.isdigit() or not (fraction or "0").isdigit():
        raise ValueError("no seconds since 1970")
    seconds, rest = divmod(int(whole), parts)
    microseconds = rest * (1_000_000 // parts) if parts > 1 else int(f"{fraction:0<6}"[:6])
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=microseconds)


def _by_format(written: str, declared: Time) -> datetime:
    for form in declared.ways:
        try:
            moment = datetime.strptime(written, form)  # noqa: DTZ007 - completed in the next line
        except ValueError:
            continue
        return _completed(moment, declared, timed=any(hour in form for hour in _HOURS))
    raise ValueError("in none of the formats")


def _completed(moment: datetime, declared: Time, *, timed: bool) -> datetime:
    """Add what a text left out: the time of day at which it holds, and the zone."""
    if not timed:
        moment = datetime.combine(moment.date(), time.fromisoformat(declared.at), moment.tzinfo)
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(declared.zone))
    offset = moment.utcoffset()
    return moment.astimezone(UTC if not offset else timezone(offset))
