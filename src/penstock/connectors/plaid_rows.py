"""Plaid's transactions, and what they mean. Pure functions over bytes.

After /transactions/sync. An amount is a JSON number and positive where money *leaves* the account,
so it is turned round here. Days are local ones of the institution. A row has exactly one of
`iso_currency_code` and `unofficial_currency_code`. A posted row that was pending has a new id, and
names the pending one if Plaid could match them; the pending one comes among `removed`, in the same
update but not always on the same page.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from functools import lru_cache
from typing import Final

import msgspec

from penstock.connectors.wire import (
    CANNOT_READ,
    LOOSE_DELTA,
    PLACEHOLDERS,
    broken,
    clean,
    decode,
    each_mapped,
    row_or_removal,
    usable_currency,
    usable_id,
)
from penstock.domain.errors import ContractBroken, InvalidInput
from penstock.domain.money import canonical
from penstock.domain.transaction import Removal, Status, TransactionSeen
from penstock.domain.update import Page

WHAT: Final = "transactions"
ID: Final = "transaction_id"
_OF_ROWS: Final = frozenset({"amount", "date", "pending", "name"})


class _Category(msgspec.Struct, gc=False):
    primary: str
    detailed: str


class _Meta(msgspec.Struct, gc=False):
    reference_number: str | None = None


class _Row(msgspec.Struct, gc=False):
    transaction_id: str
    account_id: str
    amount: Decimal
    day: date = msgspec.field(name="date")
    pending: bool
    iso_currency_code: str | None = None
    unofficial_currency_code: str | None = None
    name: str | None = None
    original_description: str | None = None
    merchant_name: str | None = None
    authorized_date: date | None = None
    pending_transaction_id: str | None = None
    personal_finance_category: _Category | None = None
    payment_meta: _Meta | None = None
    check_number: str | None = None


class _Gone(msgspec.Struct, gc=False):
    transaction_id: str
    account_id: str


class _Page(msgspec.Struct):
    added: list[_Row]
    modified: list[_Row]
    removed: list[_Gone]
    next_cursor: str
    has_more: bool


_PAGE: Final = msgspec.json.Decoder(_Page)
_ROW: Final = msgspec.json.Decoder(_Row)
_GONE: Final = msgspec.json.Decoder(_Gone)


def parse_page(body: bytes) -> Page:
    """Return one page of the delta; a row that cannot be mapped goes along whole, as it came.

    Raises ContractBroken where the page itself is not what it should be.
    """
    try:
        answer = _PAGE.decode(clean(body))
        upserts = _rows(answer.added) + _rows(answer.modified)
        removed = [_removal(each) for each in answer.removed]
    except (*CANNOT_READ, ContractBroken):
        return _row_by_row(body)
    return Page(upserts, removed, answer.next_cursor, answer.has_more)


def parse_row(raw: bytes) -> TransactionSeen:
    """Return one row of `added` or `modified`. Raises ContractBroken."""
    return _rows([decode(raw, _ROW, WHAT, ID)])[0]


def parse_removal(raw: bytes) -> Removal:
    """Return one row of `removed`. Raises ContractBroken."""
    return _removal(decode(raw, _GONE, WHAT, ID))


def parse_entry(raw: bytes) -> TransactionSeen | Removal:
    """Return one entry, whichever list of a page it came from. Raises ContractBroken."""
    return row_or_removal(raw, parse_row, parse_removal, _OF_ROWS)


def currency_of(iso: str | None, unofficial: str | None) -> str:
    """Return the one currency that is named. Raises InvalidInput."""
    currency = iso or unofficial or ""
    if not usable_currency(currency):
        raise InvalidInput("neither `iso_currency_code` nor the unofficial one is a currency.")
    return currency


def _row_by_row(body: bytes) -> Page:
    """Map what can be mapped: one bad row does not hold back the others (sync.md 8)."""
    answer = decode(body, LOOSE_DELTA, WHAT, ID)
    upserts, bad = each_mapped([*answer.added, *answer.modified], parse_row, id_field=ID)
    removed, unheard = each_mapped(answer.removed, parse_removal, id_field=ID)
    return Page(upserts, removed, answer.next_cursor, answer.has_more, unmapped=(*bad, *unheard))


def _rows(rows: Sequence[_Row]) -> list[TransactionSeen]:
    """Map rows, in one plain loop: it runs a million times.

    `tuple.__new__` makes the same named tuple as calling its class, in half the time.
    """
    mapped: list[TransactionSeen] = []
    for row in rows:
        name = row.transaction_id
        if not name or name in PLACEHOLDERS or name.isspace():
            raise broken(WHAT, f"`{ID}` is blank or a placeholder", name)
        try:
            currency = currency_of(row.iso_currency_code, row.unofficial_currency_code)
            amount = _towards_holder(row.amount, currency)
        except InvalidInput as error:
            raise broken(WHAT, f"`amount`: {error}", name) from None
        booked = None if row.pending else row.day
        category, meta = row.personal_finance_category, row.payment_meta
        fields = (
            row.account_id,
            name,
            Status.PENDING if row.pending else Status.POSTED,
            amount,
            currency,
            booked,
            _due(row),
            row.authorized_date or (row.day if row.pending else None),
            row.original_description or row.name or "",
            row.merchant_name,
            category.detailed if category else None,
            (meta.reference_number if meta else None) or row.check_number,
            None,
            None,
            None if row.pending else row.pending_transaction_id or None,
        )
        mapped.append(tuple.__new__(TransactionSeen, fields))
    return mapped


def _due(row: _Row) -> date | None:
    """Return the day on which a pending row is to happen, where that is not when it was made."""
    later = row.pending and row.authorized_date is not None and row.day > row.authorized_date
    return row.day if later else None


def _towards_holder(amount: Decimal, currency: str) -> Decimal:
    """Return Plaid's amount with our sign. Raises InvalidInput for what is no amount of money."""
    if not amount.is_finite():
        raise InvalidInput("it is not finite.")
    return _turned(amount, currency)


@lru_cache(maxsize=8192)
def _turned(amount: Decimal, currency: str) -> Decimal:
    """Turn an amount round; remembered, for people pay the same prices again and again."""
    return canonical(amount.copy_negate(), currency)


def _removal(gone: _Gone) -> Removal:
    if not usable_id(gone.transaction_id):
        raise broken(WHAT, "a removal names no row", gone.transaction_id)
    return Removal(gone.account_id, gone.transaction_id)
