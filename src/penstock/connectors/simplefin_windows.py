"""Which days SimpleFIN is asked for, and what is remembered of it from one reading to the next.

The bridge answers for at most ninety days at a time, and says not how far back it knows more. So an
account is read backwards, until two windows in a row have nothing.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

import msgspec

from penstock.connectors.wire import CANNOT_READ, broken

LONGEST: Final = timedelta(days=90)
OVERLAP: Final = timedelta(days=30)
MOST_WINDOWS: Final = 8
"""How many windows an account that is new is read back: two years, within a day's requests."""
AHEAD: Final = timedelta(days=2)
"""How far the last window goes beyond today: some banks are a day ahead of Greenwich."""
EMPTY: Final = 2


class Window(msgspec.Struct, frozen=True):
    """Days to ask for: from the beginning of `start` to the beginning of `end`."""

    start: date
    end: date

    def query(self) -> list[tuple[str, str]]:
        """Return it as the protocol wants it: the start is included, the end is not."""
        return [("start-date", _seconds(self.start)), ("end-date", _seconds(self.end))]

    @property
    def before(self) -> "Window":
        """The window of the same length at most that ends where this one starts."""
        return Window(self.start - LONGEST, self.start)


class Mark(msgspec.Struct, frozen=True):
    """The cursor: until when everything is read, and of which accounts."""

    read_to: date
    accounts: tuple[str, ...]


_MARK: Final = msgspec.json.Decoder(Mark)


def read_mark(cursor: str) -> Mark:
    """Return what a cursor says. Raises ContractBroken."""
    try:
        return _MARK.decode(cursor)
    except CANNOT_READ:
        raise broken("cursor", "it is none of ours", cursor) from None


def write_mark(read_to: date, accounts: Sequence[str]) -> str:
    """Return a cursor."""
    return msgspec.json.encode(Mark(read_to, tuple(sorted(accounts)))).decode()


def recent(mark: Mark | None, today: date) -> Iterator[Window]:
    """Yield what is read of every account, the newest window first: all since `mark`, and a month.

    Without a mark it is one window.
    """
    end = today + AHEAD
    start = end - LONGEST if mark is None else min(mark.read_to, today) - OVERLAP
    while end - start > LONGEST:
        yield Window(end - LONGEST, end)
        end -= LONGEST
    yield Window(start, end)


def _seconds(day: date) -> str:
    return str(int(datetime.combine(day, time(), UTC).timestamp()))
