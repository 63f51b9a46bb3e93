"""From where Up is read the next time, and what is told in full then.

Up lists by the instant at which a transaction was created; we date it by the day on which it
settled, or by the day on which it was created as long as it is on hold. To say of some days that
everything dated by them is told, one has to ask from the earliest creation among that on. It is
known: whatever is dated by these days was told in the last reading, or is on hold, or is new.

The cursor says both: `2026-11-02T00:00:00+11:00/2026-11-13` asks from the 2nd on, and then all
that is dated by the 13th or later is told.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Final

from penstock.connectors.up_rows import MELBOURNE, Reading, melbourne
from penstock.connectors.wire import broken

OVERLAP: Final = timedelta(days=7)
EARLIEST: Final = date(1900, 1, 1)


@dataclass(frozen=True, slots=True)
class Since:
    """Ask from `read_from` on; all is told then that is dated by `told_from` or later."""

    read_from: datetime
    told_from: date

    def __str__(self) -> str:
        return f"{self.read_from.isoformat()}/{self.told_from}"


def read_cursor(text: str) -> Since:
    """Return what a cursor says. Raises ContractBroken."""
    instant, _, day = text.partition("/")
    try:
        since = Since(datetime.fromisoformat(instant), date.fromisoformat(day))
    except ValueError:
        raise broken("cursor", "it is none of ours", text) from None
    if since.read_from.tzinfo is None:
        raise broken("cursor", "it has no offset", text)
    return since


def next_cursor(since: Since | None, reading: Reading) -> str | None:
    """Return from where to read the next time; None, which leaves the cursor, where nothing is.

    A week before the newest transaction, and before that whatever is still on hold. The days that
    are told never go back: of earlier ones this reading does not know everything.
    """
    if reading.newest is None:
        return None
    days = [melbourne(reading.newest), *(row.authorized_on or EARLIEST for row in reading.held)]
    days[0] = max(days[0], EARLIEST + OVERLAP) - OVERLAP
    told_from = max(min(days), EARLIEST if since is None else since.told_from)
    made = [melbourne(at) for day, at in reading.first_made.items() if day >= told_from]
    first = max(min([told_from, *made]), EARLIEST)
    return str(Since(datetime.combine(first, time(), MELBOURNE), told_from))
