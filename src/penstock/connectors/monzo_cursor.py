"""Where a reading of Monzo got to, what is to be read the next time, and what Monzo still owes.

Monzo tells what was created in the last ninety days. What is older it tells in the five minutes
after the person has approved in the app, and at most a year of it in one question. So the recent
part is read first; then, backwards year by year, what has not been read yet: all of it at the first
reading, and what went by where nobody read for three months. What is refused is owed: the cursor
keeps it, each reading asks for it again, and says so.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Final

import msgspec

from penstock.connectors.by_creation import OVERLAP, Reading, Since, next_since
from penstock.connectors.monzo_rows import LONDON, london
from penstock.connectors.wire import CANNOT_READ, broken

ALWAYS: Final = timedelta(days=89)
"""How far back Monzo tells at any time: a day less than it says, for the clock runs on."""
LONGEST: Final = timedelta(days=364)
"""How much may be asked at once: a day less than Monzo says."""
SEAM: Final = timedelta(minutes=1)
"""How far two windows overlap, for nobody says whether `before` is included."""
FOUNDED: Final = datetime(2015, 1, 1, tzinfo=UTC)
"""Earlier than Monzo's first account."""


class Span(msgspec.Struct, frozen=True):
    """From one instant to another."""

    since: datetime
    until: datetime

    def windows(self) -> Iterator["Span"]:
        """Yield it in pieces that may be asked at once, the newest first."""
        until = self.until
        while until > self.since:
            since = max(self.since, until - LONGEST)
            yield Span(since, until)
            until = since


class Mark(msgspec.Struct, frozen=True, omit_defaults=True):
    """The cursor: until when all was read, from where to read on (by_creation.py), what is owed."""

    read_to: datetime
    read_from: datetime
    told_from: date
    owed: Span | None = None


_MARK: Final = msgspec.json.Decoder(Mark)


def read_mark(cursor: str) -> Mark:
    """Return what a cursor says. Raises ContractBroken."""
    try:
        mark = _MARK.decode(cursor)
    except CANNOT_READ:
        raise broken("cursor", "it is none of ours", cursor) from None
    owed = () if mark.owed is None else (mark.owed.since, mark.owed.until)
    if any(at.tzinfo is None for at in (mark.read_to, mark.read_from, *owed)):
        raise broken("cursor", "it has no offset", cursor)
    return mark


def write_mark(mark: Mark | None, reading: Reading, now: datetime, owed: Span | None) -> str:
    """Return the cursor for the next time; `now` is until when all was read."""
    reading.newest = now
    before = None if mark is None else Since(mark.read_from, mark.told_from)
    then = next_since(before, reading, LONDON) or Since(now, london(now))
    return msgspec.json.encode(Mark(now, then.read_from, then.told_from, owed)).decode()


def recent_from(mark: Mark | None, now: datetime) -> datetime:
    """Return from where to read what Monzo tells at any time."""
    earliest = now - ALWAYS
    return earliest if mark is None else max(earliest, mark.read_from)


def covered_from(mark: Mark, now: datetime) -> date:
    """Return from which day on all pending rows are told; these are dated by their creation."""
    return max(mark.told_from, london(now - ALWAYS) + timedelta(days=1))


def owed_at(mark: Mark | None, opened: datetime | None, now: datetime) -> Span | None:
    """Return what has not been read and is not recent; `opened` is when the account was.

    What is pending for so long is not waited for: it stays as it was told last.
    """
    recent = now - ALWAYS
    if mark is None:
        gap = Span(min(opened or FOUNDED, recent), recent)
        return gap if gap.since < gap.until else None
    gap = Span(min(mark.read_to - OVERLAP, recent), recent)
    spans = [span for span in (mark.owed, gap) if span is not None and span.since < span.until]
    if not spans:
        return None
    return Span(min(span.since for span in spans), max(span.until for span in spans))
