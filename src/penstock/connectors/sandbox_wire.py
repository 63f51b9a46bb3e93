"""What the sandbox bank's answers look like, and what they mean. Pure functions over bytes."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Final

import msgspec

from penstock.connectors.wire import (
    CANNOT_READ,
    LOOSE_DELTA,
    PLACEHOLDERS,
    amount_of,
    broken,
    clean,
    decode,
    each_mapped,
    row_or_removal,
    usable_currency,
    usable_id,
)
from penstock.domain.account import AccountSeen, AccountType
from penstock.domain.balance import BalanceKind, BalanceSeen
from penstock.domain.errors import ContractBroken, InvalidInput
from penstock.domain.institution import Institution
from penstock.domain.transaction import Removal, Status, TransactionSeen
from penstock.domain.update import Discovery, Page

WHAT: Final = "transactions"
_OF_ROWS: Final = frozenset({"status", "amount", "currency", "description"})


class _Account(msgspec.Struct):
    id: str
    name: str
    type: AccountType
    currency: str
    mask: str | None = None
    iban: str | None = None


class _Institution(msgspec.Struct):
    id: str
    name: str


class _Accounts(msgspec.Struct):
    institution: _Institution
    accounts: list[_Account]


class _Opening(msgspec.Struct):
    amount: str
    as_of: datetime
    as_of_on: date


class _Balance(msgspec.Struct):
    account_id: str
    currency: str
    as_of: datetime
    as_of_on: date
    current: str
    available: str | None = None
    limit: str | None = None
    opening: _Opening | None = None


class _Balances(msgspec.Struct):
    balances: list[_Balance]


class _Row(msgspec.Struct, gc=False):
    id: str
    account_id: str
    status: Status
    amount: str
    currency: str
    description: str
    booked_on: date | None = None
    value_on: date | None = None
    authorized_on: date | None = None
    counterparty: str | None = None
    category: str | None = None
    reference: str | None = None
    original_amount: str | None = None
    original_currency: str | None = None
    pending_id: str | None = None


class _Gone(msgspec.Struct, gc=False):
    id: str
    account_id: str


class _Page(msgspec.Struct):
    added: list[_Row]
    modified: list[_Row]
    removed: list[_Gone]
    next_cursor: str
    has_more: bool


class _Error(msgspec.Struct):
    code: str


class _Refusal(msgspec.Struct):
    error: _Error


_ACCOUNTS = msgspec.json.Decoder(_Accounts)
_BALANCES = msgspec.json.Decoder(_Balances)
_PAGE = msgspec.json.Decoder(_Page)
_ROW = msgspec.json.Decoder(_Row)
_GONE = msgspec.json.Decoder(_Gone)
_REFUSAL = msgspec.json.Decoder(_Refusal)


def parse_accounts(body: bytes) -> Discovery:
    """Return the institution and its accounts. Raises ContractBroken."""
    answer = decode(body, _ACCOUNTS, "accounts")
    for each in answer.accounts:
        if not usable_id(each.id):
            raise broken("accounts", "an account has no id", each.name)
        if not usable_currency(each.currency):
            raise broken("accounts", f"{each.currency[:12]!r} is no currency", each.id)
    return Discovery(
        Institution(answer.institution.id, answer.institution.name),
        tuple(
            AccountSeen(each.id, each.name, each.type, each.currency, each.mask, each.iban)
            for each in answer.accounts
        ),
    )


def parse_balances(body: bytes) -> tuple[BalanceSeen, ...]:
    """Return every balance of the answer; `current` counts posted rows only. ContractBroken."""
    answer = decode(body, _BALANCES, "balances", "account_id")
    return tuple(balance for each in answer.balances for balance in _balances(each))


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
    return _rows([decode(raw, _ROW, WHAT)])[0]


def parse_removal(raw: bytes) -> Removal:
    """Return one row of `removed`. Raises ContractBroken."""
    return _removal(decode(raw, _GONE, WHAT))


def parse_entry(raw: bytes) -> TransactionSeen | Removal:
    """Return one entry, whichever list of a page it came from. Raises ContractBroken."""
    return row_or_removal(raw, parse_row, parse_removal, _OF_ROWS)


def _row_by_row(body: bytes) -> Page:
    """Map what can be mapped: one bad row does not hold back the others (sync.md 8)."""
    answer = decode(body, LOOSE_DELTA, WHAT)
    upserts, bad = each_mapped([*answer.added, *answer.modified], parse_row)
    removed, unheard = each_mapped(answer.removed, parse_removal)
    return Page(upserts, removed, answer.next_cursor, answer.has_more, unmapped=(*bad, *unheard))


def error_code(body: bytes) -> str:
    """Return the code of an error answer, the empty text where there is none."""
    try:
        return _REFUSAL.decode(body).error.code
    except CANNOT_READ:
        return ""


def _rows(rows: Sequence[_Row]) -> list[TransactionSeen]:
    """Map rows, in one plain loop: it runs a million times.

    `tuple.__new__` makes the same named tuple as calling its class, in half the time.
    """
    mapped: list[TransactionSeen] = []
    for row in rows:
        name = row.id
        if not name or name in PLACEHOLDERS or name.isspace():
            raise broken(WHAT, "`id` is blank or a placeholder", name)
        if row.booked_on is None and row.status is Status.POSTED:
            raise broken(WHAT, "`booked_on` is missing on a posted row", name)
        try:
            amount = amount_of(row.amount, row.currency)
            original = None if row.original_amount is None else _original(row)
        except InvalidInput as error:
            raise broken(WHAT, f"`amount`: {error}", name) from None
        fields = (
            row.account_id,
            name,
            row.status,
            amount,
            row.currency,
            row.booked_on,
            row.value_on,
            row.authorized_on,
            row.description,
            row.counterparty,
            row.category,
            row.reference,
            original,
            row.original_currency,
            row.pending_id,
        )
        mapped.append(tuple.__new__(TransactionSeen, fields))
    return mapped


def _original(row: _Row) -> Decimal:
    if row.original_amount is None or row.original_currency is None:
        raise InvalidInput("`original_currency` is missing.")
    return amount_of(row.original_amount, row.original_currency)


def _removal(gone: _Gone) -> Removal:
    if not usable_id(gone.id):
        raise broken(WHAT, "a removal names no row", gone.id)
    return Removal(gone.account_id, gone.id)


def _balances(stated: _Balance) -> Iterator[BalanceSeen]:
    """Yield what is stated of one account; the opening balance has an instant of its own."""
    amounts = {
        BalanceKind.CURRENT: stated.current,
        BalanceKind.AVAILABLE: stated.available,
        BalanceKind.LIMIT: stated.limit,
    }
    for kind, text in amounts.items():
        if text is not None:
            yield _seen(stated, kind, text, stated.as_of, stated.as_of_on)
    opening = stated.opening
    if opening is not None:
        yield _seen(stated, BalanceKind.OPENING, opening.amount, opening.as_of, opening.as_of_on)


def _seen(
    stated: _Balance, kind: BalanceKind, text: str, as_of: datetime, as_of_on: date
) -> BalanceSeen:
    if as_of.tzinfo is None:
        raise broken("balances", f"`as_of` of `{kind}` has no offset", stated.account_id)
    try:
        amount = amount_of(text, stated.currency)
    except InvalidInput as error:
        raise broken("balances", f"`{kind}`: {error}", stated.account_id) from None
    return BalanceSeen(stated.account_id, kind, amount, stated.currency, as_of, as_of_on)
