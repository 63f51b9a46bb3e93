"""How long a server asks us to wait: `Retry-After` (RFC 9110 §10.2.3)."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

MOST: Final = 24 * 60 * 60.0
_LONGEST: Final = 128
_MOST_DIGITS: Final = 12


def retry_after(value: str | None, now: datetime) -> float | None:
    """Return for how many seconds to wait from `now`, 0 to 24 hours (sync.md 22).

    None where nothing is said. Both forms are read: seconds, and a date (RFC 1123, RFC 850,
    asctime; one without a zone is UTC). Longer waits become 24 hours, so that there is one probe
    a day. What is neither form (`-5`, `1.5`, `soon`) says nothing.
    """
    text = (value or "").strip()
    if not text or len(text) > _LONGEST:
        return None
    if text.isascii() and text.isdigit():
        return min(float(text), MOST) if len(text) <= _MOST_DIGITS else MOST
    until = _date(text)
    return None if until is None else min(max((until - now).total_seconds(), 0.0), MOST)


def _date(text: str) -> datetime | None:
    try:
        until = parsedate_to_datetime(text)
        return until.replace(tzinfo=UTC) if until.tzinfo is None else until.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
