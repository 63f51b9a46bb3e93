"""Which days MX is asked for, and what is remembered of it from one reading to the next.

A list is searched by days in two ways: by when a transaction was, and by when MX last changed what
it says of it. Each reading asks in both: for the last three months, of which everything is told, so
that what is missing there has gone; and for whatever was changed since the reading before, however
old it is. An account that is new is read from its beginning, and so is everything after months of
silence.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Final

import msgspec

from penstock.connectors.mx_rows import Rows
from penstock.connectors.wire import CANNOT_READ, broken
from penstock.domain.update import Covered, Page

BEGINNING: Final = date(2000, 1, 1)
"""Before all that MX knows. Without a day it would tell the last 120 days alone."""
OVERLAP: Final = timedelta(days=90)
AHEAD: Final = timedelta(days=366)
"""Pending payments may be dated ahead; without a day MX tells those of five."""
SLACK: Final = timedelta(days=2)
"""MX's days begin somewhere else than ours, and it knows changes by their day alone."""
LONGEST_SILENCE: Final = timedelta(days=150)
"""MX tells the changes of six months at most."""


class Mark(msgspec.Struct, frozen=True):
    """The cursor: until when MX had read the bank, of which accounts, and how rows are dated.

    A row is dated by when it was booked, and searched for by when it happened: `late` is by how
    many days the first was after the second at most, `early` by how many it was before it.
    """

    heard: date
    accounts: tuple[str, ...]
    late: int
    early: int


_MARK: Final = msgspec.json.Decoder(Mark)


def read_mark(cursor: str) -> Mark:
    """Return what a cursor says. Raises ContractBroken."""
    try:
        return _MARK.decode(cursor)
    except CANNOT_READ:
        raise broken("cursor", "it is none of ours", cursor) from None


@dataclass(frozen=True, slots=True)
class Window:
    """Transactions to ask for: those since a day, or of all times those changed since a day."""

    since: date
    until: date
    changed: date | None = None

    def query(self) -> dict[str, str | int]:
        """Return it as MX wants it."""
        days: dict[str, str | int] = {"from_date": f"{self.since}", "to_date": f"{self.until}"}
        if self.changed is not None:
            days |= {"from_updated_at": f"{self.changed}"}
        return days


@dataclass(slots=True)
class Reading:
    """What was heard of the `accounts`, which MX had read on the day `heard`, since `mark`."""

    accounts: Sequence[str]
    mark: Mark | None
    heard: date
    today: date
    _late: int = 0
    _early: int = 0
    _last: Page | None = None
    _known: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        self._known = frozenset(self.accounts)

    def windows(self) -> tuple[Window, ...]:
        """Return what to ask for."""
        until = max(self.today, self.heard) + AHEAD
        mark = self.mark
        if mark is None or self._begins_anew(mark):
            return (Window(BEGINNING, until),)
        recent = min(mark.heard, self.heard) - OVERLAP - timedelta(days=mark.late)
        changed = min(mark.heard, self.heard) - SLACK
        return Window(max(recent, BEGINNING), until), Window(BEGINNING, until, changed)

    def hear(self, rows: Rows) -> Iterator[Page]:
        """Take a page; yield the one before it, which is not the last.

        An account that MX did not list when it was asked for them is left for the next reading,
        which then reads all of it.
        """
        self._late, self._early = max(self._late, rows.late), max(self._early, rows.early)
        page = Page(
            upserts=[row for row in rows.upserts if row.account in self._known],
            removed=(),
            next_cursor=None,
            more=True,
            unmapped=rows.unmapped,
        )
        if self._last is not None:
            yield self._last
        self._last = page

    def end(self, listed: Sequence[str], said: str) -> Page:
        """Return the last page, with what all of it means: `listed` are the accounts that are."""
        last = self._last or Page((), (), None, more=False)
        return Page(
            upserts=last.upserts,
            removed=(),
            next_cursor=self._next_cursor(),
            more=False,
            unmapped=last.unmapped,
            covered=() if said else tuple(self._covered(listed)),
            said=(said,) if said else (),
        )

    def _begins_anew(self, mark: Mark) -> bool:
        silence = max(self.today, self.heard) - min(mark.heard, self.heard)
        return not self._known.issubset(mark.accounts) or silence > LONGEST_SILENCE

    def _covered(self, listed: Sequence[str]) -> Iterator[Covered]:
        """Yield the days of which every row that is stored would have been told."""
        if self.mark is None:
            return
        window = self.windows()[0]
        since = window.since + timedelta(days=self.mark.late)
        until = window.until - timedelta(days=1 + self.mark.early)
        for account in listed:
            if account in self._known:
                yield Covered(account, since, until)

    def _next_cursor(self) -> str:
        mark = self.mark
        late = max(self._late, mark.late if mark else 0)
        early = max(self._early, mark.early if mark else 0)
        accounts = tuple(sorted(self.accounts))
        return msgspec.json.encode(Mark(self.heard, accounts, late, early)).decode()
