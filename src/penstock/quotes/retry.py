"""When a source may be asked again: its `Retry-After` (RFC 9110 \u00a710.2.3)."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from penstock.domain.protocol import Response

USUAL: Final = timedelta(minutes=1)
MOST: Final = timedelta(days=1)

_MOST_DIGITS: Final = 6


def retry_at(response: Response, now: datetime) -> datetime:
    """Return the instant that the answer names, a minute ahead if it names none, a day at most."""
    text = response.headers.get("retry-after", "").strip()
    if text.isascii() and text.isdigit():
        wait = timedelta(seconds=int(text)) if len(text) <= _MOST_DIGITS else MOST
        return now + min(wait, MOST)
    try:
        named = parsedate_to_datetime(text[:64])
        named = named.replace(tzinfo=UTC) if named.tzinfo is None else named.astimezone(UTC)
    except (ValueError, TypeError, IndexError, OverflowError):
        return now + USUAL
    return min(max(named, now), now + MOST)
