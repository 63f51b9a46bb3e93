"""Transactions as the bank's own protocol writes them, a page as bytes.

Amounts are decimal texts, + towards the holder; days are the bank's own; what is not so is left
out. A million rows are served from templates: a row of the history differs from its pattern only
by its id and its days.
"""

from datetime import date
from functools import lru_cache

import msgspec

from penstock.domain.transaction import TransactionSeen
from penstock.sandbox.delta import Slice
from penstock.sandbox.history import MOST_LAG, History

_MARK = "@"
NO_IDS = (None, "", "0", "9998")


class Row(msgspec.Struct, omit_defaults=True, kw_only=True):
    """One transaction on the wire."""

    id: str | None = None
    account_id: str
    status: str
    amount: str
    currency: str
    description: str
    booked_on: date | str | None = None
    value_on: date | str | None = None
    authorized_on: date | str | None = None
    counterparty: str | None = None
    category: str | None = None
    reference: str | None = None
    original_amount: str | None = None
    original_currency: str | None = None
    pending_id: str | None = None


class Gone(msgspec.Struct):
    """One removal on the wire."""

    account_id: str
    id: str


def wire(row: TransactionSeen) -> Row:
    """Return a row as the protocol writes it."""
    return Row(
        id=row.external_id,
        account_id=row.account,
        status=row.status.value,
        amount=f"{row.amount:f}",
        currency=row.currency,
        description=row.description,
        booked_on=row.booked_on,
        value_on=row.value_on,
        authorized_on=row.authorized_on,
        counterparty=row.counterparty,
        category=row.category,
        reference=row.reference,
        original_amount=None if row.original_amount is None else f"{row.original_amount:f}",
        original_currency=row.original_currency,
        pending_id=row.pending_external_id,
    )


class Pages:
    """Writes pages of one world's rows."""

    def __init__(self, history: History) -> None:
        self._history = history
        self._encode = msgspec.json.Encoder().encode
        self._dates = [self._encode(day) for day in history.dates]
        self._template = lru_cache(maxsize=64)(self._make_template)

    def page(self, found: Slice, cursor: str) -> bytes:
        """Return the whole answer for a slice of the world."""
        added = [self._history_rows(found.history), *map(self._row, found.added)]
        return b'{"added":[%b],"modified":[%b],"removed":%b,"next_cursor":%b,"has_more":%b}' % (
            b",".join(filter(None, added)),
            b",".join(map(self._row, found.modified)),
            self._encode([Gone(row.account, row.external_id) for row in found.removed]),
            self._encode(cursor),
            b"true" if found.more else b"false",
        )

    def nameless_page(self, found: Slice, cursor: str) -> bytes:
        """Return the same without ids: missing, blank, zero, or one for many, in turn.

        What cannot be named cannot be taken back, so there are no removals.
        """
        history = [self._history.row(index) for index in found.history]
        rows = [wire(row) for row in (*history, *found.added, *found.modified)]
        for number, row in enumerate(rows):
            row.id = NO_IDS[number % len(NO_IDS)]
        return self._encode(
            {
                "added": rows,
                "modified": [],
                "removed": [],
                "next_cursor": cursor,
                "has_more": found.more,
            }
        )

    def _row(self, row: TransactionSeen) -> bytes:
        return self._encode(wire(row))

    def _history_rows(self, rows: range | list[int]) -> bytes:
        history = self._history
        if not isinstance(rows, range) or rows.stop > history.first_pending or not rows:
            return b",".join(self._row(history.row(index)) for index in rows)
        template, value, authorized = self._template(rows.start % len(history.cycle), len(rows))
        dates, days = self._dates, history.days(rows)
        values: list[int | bytes] = [0] * (4 * len(rows))
        values[0::4] = rows
        values[1::4] = [dates[day + MOST_LAG] for day in days]
        values[2::4] = [dates[day + lag] for day, lag in zip(days, value, strict=True)]
        values[3::4] = [dates[day + lag] for day, lag in zip(days, authorized, strict=True)]
        return template % tuple(values)

    def _make_template(self, first: int, count: int) -> tuple[bytes, list[int], list[int]]:
        """Return so many hollow rows in one text, and where their other dates are to be found."""
        history = self._history
        places = [(first + step) % len(history.cycle) for step in range(count)]
        patterns = [history.pattern(place) for place in places]
        return (
            b",".join(map(self._hollow, places)),
            [MOST_LAG + pattern.value_lag for pattern in patterns],
            [MOST_LAG - pattern.authorized_lag for pattern in patterns],
        )

    def _hollow(self, index: int) -> bytes:
        """Return a row with places for its number and its three days."""
        row = wire(self._history.row(index))
        row.id = self._history.prefix + _MARK
        row.booked_on = row.value_on = row.authorized_on = _MARK
        whole = self._encode(row).replace(b"%", b"%%")
        return whole.replace(f'{_MARK}"'.encode(), b'%08d"', 1).replace(b'"@"', b"%b")
