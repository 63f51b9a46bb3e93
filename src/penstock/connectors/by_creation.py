"""Lists that go by the instant at which a row was created, while rows are dated otherwise.

Some banks list by the creation of a transaction; we date it by the day on which it settled, or by
the day of its creation as long as it is pending. To say of some days that everything dated by them
is told, one has to ask from the earliest creation among that on. It is known: whatever is dated by
these days was told in the last reading, or is pending, or is new.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from penstock.domain.transaction import Status, TransactionSeen

OVERLAP: Final = timedelta(days=7)
EARLIEST: Final = date(1900, 1, 1)


@dataclass(frozen=True, slots=True)
class Since:
    """Ask from `read_from` on; all is told then that is dated by `told_from` or later."""

    read_from: datetime
    told_from: date


@dataclass(slots=True)
class Reading:
    """What was learned of an account, page after page.

    `held` are its pending rows; `first_made` the earliest creation of what is dated by each day;
    `newest` the latest one of all; `whole` says that every row could be mapped.
    """

    held: list[TransactionSeen] = field(default_factory=list)
    first_made: dict[date, datetime] = field(default_factory=dict)
    newest: datetime | None = None
    whole: bool = True

    def hear(
        self,
        upserts: Iterable[TransactionSeen],
        made: Iterable[tuple[date, datetime]],
        *,
        whole: bool,
    ) -> None:
        """Add a page to it; `made` says by which day a row is dated, and when it was created."""
        self.held += [row for row in upserts if row.status is Status.PENDING]
        self.whole = self.whole and whole
        for day, created in made:
            self.first_made[day] = min(created, self.first_made.get(day, created))
            self.newest = created if self.newest is None else max(created, self.newest)


def next_since(since: Since | None, reading: Reading, zone: ZoneInfo) -> Since | None:
    """Return from where to read the next time; None where nothing was read.

    A week before the newest transaction, and before that whatever is still pending. The days that
    are told never go back: of earlier ones this reading does not know everything.
    """
    if reading.newest is None:
        return None
    newest = reading.newest.astimezone(zone).date()
    days = [max(newest, EARLIEST + OVERLAP) - OVERLAP]
    days += [row.authorized_on or EARLIEST for row in reading.held]
    told_from = max(min(days), EARLIEST if since is None else since.told_from)
    made = [at for day, at in reading.first_made.items() if day >= told_from]
    first = max(min([told_from, *(at.astimezone(zone).date() for at in made)]), EARLIEST)
    return Since(datetime.combine(first, time(), zone), told_from)
