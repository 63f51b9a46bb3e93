"""Names for rows to which the bank gives no id, or one that is others' as well (sync.md 13).

A name says what the row says, and which of the equal ones it is: so many equal rows of a day, so
many names, whatever the order in which they were told. That holds only where the whole day was
told; and only what does not change when a payment settles goes into it.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from penstock.domain.transaction import Status, TransactionSeen
from penstock.domain.update import Covered

OURS: Final = "~"
"""With this our names begin, so that no bank's id is one."""


@dataclass(slots=True)
class Names:
    """Names the rows of one update; `days` are those of which rows were named, by account.

    Where it is known before, `told` are the days that are told in full: a row that was bought
    before them, and booked within, is named by its booking day.
    """

    told: Sequence[Covered] | None = None
    days: set[tuple[str, date | None]] = field(default_factory=set)
    _equal: Counter[str] = field(default_factory=Counter)

    def name(self, row: TransactionSeen) -> TransactionSeen:
        """Return a row under its name; one that the bank gave an id is what it was."""
        if row.external_id:
            return row
        says, day = what_it_says(row, self.told)
        self.days.add((row.account, day))
        self._equal[says] += 1
        return row._replace(external_id=f"{says}.{self._equal[says]}")

    def unproven(self, covered: Iterable[Covered]) -> list[tuple[str, date | None]]:
        """Return the days, by account, of which rows were named and that were not told in full.

        What is pending may have no day at all: it is told with whatever days are.
        """
        told = list(covered)
        return [
            (account, day)
            for account, day in sorted(self.days, key=str)
            if not is_told(told, account, day)
        ]


class _Told(NamedTuple):
    """What is remembered of a row: the page on which it came, and what tells it from others."""

    page: int
    status: Status
    money: tuple[Decimal, str]
    row: bytes


@dataclass(slots=True)
class Repeats:
    """Finds the ids that one reading gives to several rows: they count as none (13).

    An id that comes once more is no such id where it is the same row on another page (lists move
    while they are read), nor where a pending row stands beside the posted one that it became: that
    is `settled`. Some 200 bytes are kept of each row: only where banks are known to do this.
    """

    ids: set[tuple[str, str]] = field(default_factory=set)
    settled: set[tuple[str, str]] = field(default_factory=set)
    _page: int = 0
    _told: dict[tuple[str, str], tuple[_Told, ...]] = field(default_factory=dict)

    def hear(self, rows: Iterable[TransactionSeen]) -> None:
        """Note the rows of the next page."""
        self._page += 1
        for row in rows:
            if row.external_id:
                self._note((row.account, row.external_id), row)

    def without(self, row: TransactionSeen) -> TransactionSeen | None:
        """Return a row without an id that counts as none; nothing where it has settled."""
        key = (row.account, row.external_id)
        if key in self.ids:
            return row._replace(external_id="")
        return None if key in self.settled and row.status is Status.PENDING else row

    def _note(self, key: tuple[str, str], row: TransactionSeen) -> None:
        whole = _digest(repr(row)).digest()  # hash() is the same for -1 and -2
        told = _Told(self._page, row.status, (row.amount, row.currency), whole)
        before = self._told.get(key, ())
        if any(one.row == told.row and one.page != told.page for one in before):
            return
        self._told[key] = (*before, told)
        if not before or key in self.ids:
            return
        if all(one.status is not told.status and one.money == told.money for one in before):
            self.settled.add(key)
        else:
            self.ids.add(key)


def is_told(told: Iterable[Covered], account: str, day: date | None) -> bool:
    """Tell whether a day of an account was told in full; no day is, if any day is."""
    return any(
        one.account == account and (day is None or one.since <= day <= one.until) for one in told
    )


def what_it_says(
    row: TransactionSeen, told: Sequence[Covered] | None = None
) -> tuple[str, date | None]:
    """Return how names begin that say what this row says, and the day on which that rests.

    It is the day that does not change when the row settles; the booking day, if `told` are days
    within which that lies, and the other does not.
    """
    day, by = row.authorized_on or row.booked_on or row.value_on, ""
    if told is not None and row.booked_on is not None and not is_told(told, row.account, day):
        within = is_told(told, row.account, row.booked_on)
        day, by = (row.booked_on, "booked") if within else (day, by)
    said = (row.account, day, row.amount, row.currency, row.description, row.counterparty)
    whole = "\0".join("" if part is None else str(part) for part in (*said, row.reference, by))
    return OURS + _digest(whole).hexdigest(), day


def _digest(text: str) -> hashlib.blake2b:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16)
