"""Whether pages that are asked for by offset tell one list, from its beginning to its end.

Rows that come or go between two pages move all that stand behind them, and one could be passed
over. So each page is asked for with the last row of the page before: that has to be its first. And
there must be as many rows in all as before. Otherwise the update starts over.
"""

from dataclasses import dataclass
from datetime import date

from penstock.connectors.snaptrade_rows import Activities
from penstock.connectors.wire import broken
from penstock.domain.errors import RowsMoved


@dataclass(slots=True)
class Reading:
    """How far a reading of activities has come.

    `place` is where the next page begins, with the row `last` of the page before; `total` is how
    many rows there are. `newest` is the day of the newest, and None where one has no day of trade:
    nobody knows whether that one is told where days are asked for.
    """

    place: int = 0
    last: str | None = None
    total: int | None = None
    newest: date | None = None
    pages: int = 0
    untraded: bool = False

    def hear(self, page: Activities) -> bool:
        """Add a page; say whether there is more. Raises RowsMoved and ContractBroken."""
        self._check(page)
        told = len(page.names)
        more = self.place + told < page.total
        overlaps = more and told > 1 and page.names[-1] is not None
        self.last = page.names[-1] if overlaps else None
        self.place += told - overlaps
        self.total = page.total
        self.pages += 1
        self.untraded = self.untraded or page.untraded
        days = [row.booked_on for row in page.upserts if row.booked_on is not None]
        newest = max([*days, *([self.newest] if self.newest else [])], default=None)
        self.newest = None if self.untraded else newest
        return more

    def _check(self, page: Activities) -> None:
        if page.offset not in (None, self.place):
            raise broken("pages", f"{self.place} was asked for, and {page.offset} came")
        if self.total is not None and page.total != self.total:
            raise RowsMoved("There are suddenly more or fewer activities.")
        if self.last is not None and page.names[:1] != [self.last]:
            raise RowsMoved("The activities moved while they were read.")
        if not page.names and self.place < page.total:
            raise broken("pages", "one is empty, and more is announced")
