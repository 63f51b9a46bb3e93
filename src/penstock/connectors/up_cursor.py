"""From where Up is read the next time, as it is written down.

`2026-11-02T00:00:00+11:00/2026-11-13` asks from the 2nd on, and then all that is dated by the 13th
or later is told (by_creation.py).
"""

from datetime import date, datetime

from penstock.connectors.by_creation import Reading, Since, next_since
from penstock.connectors.up_rows import MELBOURNE
from penstock.connectors.wire import broken


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
    """Return the cursor for the next time; None, which leaves it as it is, where nothing was."""
    then = next_since(since, reading, MELBOURNE)
    return None if then is None else f"{then.read_from.isoformat()}/{then.told_from}"
