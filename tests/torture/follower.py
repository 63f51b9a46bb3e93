"""A program that follows the change feed while everything else dies around it (sync.md 19)."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from penstock.db import changes
from penstock.db.changes import START, Position
from penstock.db.lane import Database
from penstock.domain.clock import utc_now


@dataclass(slots=True)
class Follower:
    """What it knows of one person's transactions, by our number of them."""

    owner_id: int
    known: dict[int, Any] = field(default_factory=dict)
    backwards: int = 0
    _place: Position = START

    async def read_on(self, database: Database) -> None:
        """Read what is new; count what comes before the place where it was."""
        more = True
        while more:
            page = await database.read(
                changes.page,
                owner_id=self.owner_id,
                today=utc_now().date(),
                after=self._place,
                limit=500,
            )
            for one in page.changes:
                self.backwards += one.position <= self._place
                self._place = one.position
                if one.kind == "transaction":
                    self.known[one.row.id] = one.row
            more = page.more

    def standing(self) -> dict[int, tuple[str, Decimal, str]]:
        """Return what stands, by our number: status, amount and words."""
        return {
            number: (row.status, Decimal(row.amount), row.description)
            for number, row in self.known.items()
            if row.removed_at is None
        }
