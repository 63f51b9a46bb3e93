"""Which days are asked for, and what is remembered of it from one reading to the next.

Banks list late, and a pending row that is no longer told is gone: so a month is read again each
time, beginning with its first day, for `dateFrom` is included. No last day is asked for: what lies
ahead is told too.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import Final

import msgspec

from penstock.connectors.wire import CANNOT_READ, broken
from penstock.domain.update import Covered

OVERLAP: Final = timedelta(days=30)


class _Mark(msgspec.Struct, frozen=True):
    """The cursor: until which day everything is read."""

    read_to: date


_MARK: Final = msgspec.json.Decoder(_Mark)


def since(cursor: str | None, today: date, history: timedelta) -> date:
    """Return the first day to ask for. Raises ContractBroken for a cursor that is none of ours."""
    if cursor is None:
        return today - history
    try:
        return min(_MARK.decode(cursor).read_to, today) - OVERLAP
    except (*CANNOT_READ, OverflowError):
        raise broken("cursor", "it is none of ours", cursor) from None


def mark(today: date) -> str:
    """Return the cursor of a reading that came to its end."""
    return msgspec.json.encode(_Mark(today)).decode()


def covered(cursor: str | None, first: date, accounts: Iterable[str]) -> tuple[Covered, ...]:
    """Return the days that are told in full, once all is told from this first day on.

    Of the first reading of all nobody knows it: banks give less history than they are asked for.
    There the engine takes each account from its first row on.
    """
    if cursor is None:
        return ()
    return tuple(Covered(one, first, date.max) for one in accounts)
