"""Lists of MX, told by page numbers: what keeps a row from being lost between two pages.

A list has no cursor. Where a row is added or goes while we turn the page, all that follow move, and
one is told twice or never. So the whole list is counted: it says how many rows it has, and that
must be so on each page, every row must be told once, and at the end they must be as many.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import msgspec

from penstock.connectors.wire import broken
from penstock.domain.errors import RowsMoved

MOST_ON_A_PAGE: Final = 1_000


class Pagination(msgspec.Struct):
    """Where in a list a page is."""

    current_page: int
    total_entries: int
    total_pages: int


@dataclass(slots=True)
class Count:
    """What a list has told so far. `what` is its name, for complaints."""

    what: str
    page: int = 0
    rows: int = 0
    _total: int | None = None
    _names: set[str] = field(default_factory=set)

    def take(self, told: Pagination, rows: int, names: Iterable[str]) -> bool:
        """Count a page of so many rows, some of which have names; say whether there are more.

        Raises RowsMoved where the list changed meanwhile, and ContractBroken for another page.
        """
        self.page += 1
        self.rows += rows
        if told.current_page != self.page:
            raise broken(self.what, f"page {told.current_page} came in place of {self.page}")
        if self._total not in {None, told.total_entries}:
            raise RowsMoved(f"MX's {self.what} became more or fewer while they were read.")
        self._total = told.total_entries
        here: set[str] = set()
        for name in names:
            if name in here:  # on one page nothing moves: it is no id
                raise broken(self.what, "two of one page have the same guid", name)
            if name in self._names:
                raise RowsMoved(f"MX told one of its {self.what} twice.")
            here.add(name)
        self._names |= here
        more = self.page < told.total_pages
        if more and not rows:
            raise broken(self.what, f"page {self.page} of {told.total_pages} is empty")
        if not more and self.rows != told.total_entries:
            raise RowsMoved(f"MX has {told.total_entries} {self.what}, and told {self.rows}.")
        return more
