"""Names for rows to which the bank gives no id (sync.md 13).

A name says what the row says, and which of the equal ones it is: so many equal rows of a day, so
many names, whatever the order in which they were told. That holds only where the whole day was
told; and only what does not change when a payment settles goes into it.
"""

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Final

from penstock.domain.transaction import TransactionSeen
from penstock.domain.update import Covered

OURS: Final = "~"
"""With this our names begin, so that no bank's id is one."""


@dataclass(slots=True)
class Names:
    """Names the rows of one update; `days` are those of which rows were named, by account."""

    days: set[tuple[str, date | None]] = field(default_factory=set)
    _equal: Counter[str] = field(default_factory=Counter)

    def name(self, row: TransactionSeen) -> TransactionSeen:
        """Return a row under its name; one that the bank gave an id is what it was."""
        if row.external_id:
            return row
        day = row.authorized_on or row.booked_on or row.value_on
        self.days.add((row.account, day))
        says = _fingerprint(row, day)
        self._equal[says] += 1
        return row._replace(external_id=f"{OURS}{says}.{self._equal[says]}")

    def unproven(self, covered: Iterable[Covered]) -> list[tuple[str, date | None]]:
        """Return the days, by account, of which rows were named and that were not told in full."""
        told = list(covered)
        return [
            (account, day)
            for account, day in sorted(self.days, key=str)
            if day is None
            or not any(one.account == account and one.since <= day <= one.until for one in told)
        ]


def _fingerprint(row: TransactionSeen, day: date | None) -> str:
    """Return what a row says, in a length that is always the same."""
    said = (row.account, day, row.amount, row.currency, row.description, row.counterparty)
    whole = "\0".join("" if part is None else str(part) for part in (*said, row.reference))
    return hashlib.blake2b(whole.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
