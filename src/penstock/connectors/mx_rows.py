"""MX's transactions, and what they mean. Pure functions over bytes.

An amount is a number without a sign, and `type` says which way it went; a row without a currency is
in its account's. A row has two names: `guid` is MX's, and the one that counts; `id` is whatever the
bank calls it, where MX knows, and may be anything. The instants are noon of the day they mean
(UTC). `date`, by which rows are searched for, is when it happened, or else when it was booked.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from functools import lru_cache, partial
from typing import Final

import msgspec

from penstock.connectors.mx_pages import Pagination
from penstock.connectors.wire import (
    CANNOT_READ,
    broken,
    clean,
    decode,
    each_mapped,
    usable_currency,
    usable_id,
)
from penstock.domain.errors import ContractBroken, InvalidInput
from penstock.domain.money import canonical
from penstock.domain.transaction import Status, TransactionSeen
from penstock.domain.update import Unmapped

WHAT: Final = "transactions"
ID: Final = "guid"
_STATUSES: Final = {"POSTED": Status.POSTED, "PENDING": Status.PENDING}
_ENTERS: Final = {"CREDIT": True, "DEBIT": False}


class _Row(msgspec.Struct, gc=False):
    guid: str
    account_guid: str
    amount: Decimal
    type: str
    status: str
    day: date | None = msgspec.field(name="date", default=None)
    posted_at: datetime | None = None
    transacted_at: datetime | None = None
    currency_code: str | None = None
    description: str | None = None
    original_description: str | None = None
    merchant_guid: str | None = None
    category: str | None = None
    memo: str | None = None
    check_number_string: str | None = None


class _Page(msgspec.Struct):
    transactions: list[_Row]
    pagination: Pagination


class _LoosePage(msgspec.Struct):
    transactions: list[msgspec.Raw]
    pagination: Pagination


class _Aside(msgspec.Struct):
    currencies: dict[str, str]
    transaction: msgspec.Raw


@dataclass(frozen=True, slots=True)
class Rows:
    """A page of transactions, mapped.

    `listed` is how many it has, whether they could be mapped or not. `late` is how many days at
    most one is dated after the day by which it is searched for, and `early` how many before it.
    """

    upserts: Sequence[TransactionSeen]
    unmapped: Sequence[Unmapped]
    listed: int
    late: int
    early: int
    pagination: Pagination


_PAGE: Final = msgspec.json.Decoder(_Page)
_LOOSE: Final = msgspec.json.Decoder(_LoosePage)
_ROW: Final = msgspec.json.Decoder(_Row)
_ASIDE: Final = msgspec.json.Decoder(_Aside)
Mapped = tuple[TransactionSeen, int]
"""A row, and how many days after the one by which it is searched for it is dated."""


def parse_rows(body: bytes, currencies: Mapping[str, str]) -> Rows:
    """Return a page of transactions; `currencies` are those of the accounts.

    A row that cannot be mapped goes along whole, as it came. Raises ContractBroken where the page
    itself is not what it should be.
    """
    try:
        page = _PAGE.decode(clean(body))
        mapped = [_mapped(row, currencies) for row in page.transactions]
    except (*CANNOT_READ, ContractBroken):
        return _row_by_row(body, currencies)
    return _rows(mapped, [], page.pagination)


def parse_aside(raw: bytes) -> TransactionSeen:
    """Return a row that was set aside. Raises ContractBroken."""
    aside = decode(raw, _ASIDE, "row set aside")
    return _mapped(decode(bytes(aside.transaction), _ROW, WHAT, ID), aside.currencies)[0]


def _row_by_row(body: bytes, currencies: Mapping[str, str]) -> Rows:
    """Map what can be mapped: one bad row does not hold back the others (sync.md 8)."""
    page = decode(body, _LOOSE, WHAT, ID)
    mapped, bad = each_mapped(
        page.transactions,
        partial(_one, currencies=currencies),
        id_field=ID,
        account_field="account_guid",
    )
    return _rows(mapped, [_aside(each, currencies) for each in bad], page.pagination)


def _rows(mapped: Sequence[Mapped], bad: Sequence[Unmapped], pagination: Pagination) -> Rows:
    return Rows(
        upserts=[row for row, _ in mapped],
        unmapped=bad,
        listed=len(mapped) + len(bad),
        late=max((days for _, days in mapped), default=0),
        early=max((-days for _, days in mapped), default=0),
        pagination=pagination,
    )


def _one(raw: bytes, currencies: Mapping[str, str]) -> Mapped:
    return _mapped(decode(raw, _ROW, WHAT, ID), currencies)


def _aside(bad: Unmapped, currencies: Mapping[str, str]) -> Unmapped:
    """Keep with a row what is needed to map it one day: what its account is in."""
    mine = {name: currency for name, currency in currencies.items() if name == bad.account}
    kept = msgspec.json.encode(_Aside(mine, msgspec.Raw(bad.raw)))
    return Unmapped(bad.account, bad.external_id, bad.reason, kept)


def _mapped(row: _Row, currencies: Mapping[str, str]) -> Mapped:
    """Map one row; it runs a million times. Raises ContractBroken."""
    if not usable_id(row.guid):
        raise broken(WHAT, f"`{ID}` is blank or a placeholder", row.guid)
    status, enters = _STATUSES.get(row.status), _ENTERS.get(row.type)
    if status is None or enters is None:
        raise broken(WHAT, f"it is {row.status!r:.20} and {row.type!r:.20}", row.guid)
    account = currencies.get(row.account_guid)
    if account is None:
        raise broken(WHAT, "it is of an account that MX does not list", row.guid)
    currency = row.currency_code or account
    try:
        amount = _towards_holder(row.amount, currency, enters=enters)
    except InvalidInput as error:
        raise broken(WHAT, f"`amount`: {error}", row.guid) from None
    posted, happened = _day(row.posted_at, row.guid), _day(row.transacted_at, row.guid)
    searched = row.day or happened or posted
    if searched is None:
        raise broken(WHAT, "it has no day at all", row.guid)
    booked = (posted or searched) if status is Status.POSTED else None
    authorized = happened or (searched if booked is None else None)
    fields = (
        row.account_guid,
        row.guid,
        status,
        amount,
        currency,
        booked,
        None,
        authorized,
        row.original_description or row.description or "",
        row.description if row.merchant_guid else None,
        row.category or None,
        row.memo or row.check_number_string or None,
        None,
        None,
        None,
    )
    dated = booked or authorized or searched
    return tuple.__new__(TransactionSeen, fields), (dated - searched).days


def _towards_holder(amount: Decimal, currency: str, *, enters: bool) -> Decimal:
    """Return an amount with our sign. Raises InvalidInput for what is no amount without one."""
    if not amount.is_finite() or amount < 0:
        raise InvalidInput("it is not finite, or has a sign")
    if not usable_currency(currency):
        raise InvalidInput("`currency_code` is no currency")
    return _signed(amount, currency, enters=enters)


@lru_cache(maxsize=8192)
def _signed(amount: Decimal, currency: str, *, enters: bool) -> Decimal:
    """Sign an amount; remembered, for people pay the same prices again and again."""
    return canonical(amount if enters else amount.copy_negate(), currency)


def _day(at: datetime | None, guid: str) -> date | None:
    """Return the day that an instant means. Raises ContractBroken."""
    if at is None:
        return None
    if at.tzinfo is None:
        raise broken(WHAT, "an instant has no offset", guid)
    try:
        return at.astimezone(UTC).date()
    except OverflowError:
        raise broken(WHAT, "an instant lies out of all time", guid) from None


def names_in(rows: Rows) -> Iterable[str]:
    """Yield the guids of a page."""
    yield from (row.external_id for row in rows.upserts)
    yield from (bad.external_id for bad in rows.unmapped if bad.external_id)
