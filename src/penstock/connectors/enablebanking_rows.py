"""Enable Banking's transactions: one shape for what thousands of banks say.

An amount has no sign: `credit_debit_indicator` gives it. `entry_reference` is the bank's own id of
the row; `transaction_id` is not, for it may be another one each time the list is read. Cancelled
and rejected rows are no movements.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache, partial
from typing import Final, Literal

import msgspec

from penstock.connectors.berlin_reading import day, in_one_line, reference, words
from penstock.connectors.wire import (
    CANNOT_READ,
    PLACEHOLDERS,
    amount_of,
    broken,
    clean,
    decode,
    each_mapped,
)
from penstock.domain.errors import ContractBroken, InvalidInput
from penstock.domain.transaction import Status, TransactionSeen
from penstock.domain.update import Unmapped

WHAT: Final = "transactions"

_POSTED: Final = Status.POSTED
_PENDING: Final = Status.PENDING
ID: Final = "entry_reference"
PENDING: Final = frozenset({"PDNG", "HOLD", "SCHD"})
NO_MOVEMENTS: Final = frozenset({"CNCL", "RJCT"})
BOOKED: Final = "BOOK"
UNKNOWN: Final = "OTHR"


class Amount(msgspec.Struct, gc=False):
    """Money as it is written: a decimal text."""

    amount: str
    currency: str


class Party(msgspec.Struct, gc=False):
    """Who paid, or was paid."""

    name: str | None = None


class Code(msgspec.Struct, gc=False):
    """What the bank calls this kind of movement."""

    description: str | None = None


class Exchange(msgspec.Struct, gc=False):
    """What it was in another currency."""

    instructed_amount: Amount | None = None


class Row(msgspec.Struct, gc=False):
    """One transaction."""

    transaction_amount: Amount
    credit_debit_indicator: Literal["CRDT", "DBIT"]
    status: str
    entry_reference: str | None = None
    booking_date: str | None = None
    value_date: str | None = None
    transaction_date: str | None = None
    creditor: Party | None = None
    debtor: Party | None = None
    remittance_information: list[str] | None = None
    note: str | None = None
    reference_number: str | None = None
    bank_transaction_code: Code | None = None
    exchange_rate: Exchange | None = None


class _Answer(msgspec.Struct):
    transactions: list[Row]
    continuation_key: str | None = None


class _LooseAnswer(msgspec.Struct):
    transactions: list[msgspec.Raw]
    continuation_key: str | None = None


class _Aside(msgspec.Struct):
    """A row that was set aside: by itself it does not say whose it is."""

    places: dict[str, str]
    row: msgspec.Raw


@dataclass(frozen=True, slots=True)
class Listed:
    """One page; `next` is the key of the one after it, which may come with an empty page too."""

    rows: list[TransactionSeen]
    unmapped: list[Unmapped]
    next: str | None


_ANSWER: Final = msgspec.json.Decoder(_Answer)
_LOOSE: Final = msgspec.json.Decoder(_LooseAnswer)
_ROW: Final = msgspec.json.Decoder(Row)
_ASIDE: Final = msgspec.json.Decoder(_Aside)


def parse_list(body: bytes, places: Mapping[str, str]) -> Listed:
    """Return a page; `places` are our names of the account by currency. Raises ContractBroken.

    A row that cannot be mapped goes along whole.
    """
    unmapped: list[Unmapped] = []
    answer: _Answer | _LooseAnswer
    try:
        answer = _ANSWER.decode(clean(body))
        rows = [_mapped(row, places) for row in answer.transactions]
    except (*CANNOT_READ, ContractBroken):
        answer = decode(body, _LOOSE, WHAT)
        rows, bad = each_mapped(
            answer.transactions, partial(_row, places=places), account_field=None
        )
        unmapped = [_aside(one, places) for one in bad]
    movements = [row for row in rows if row is not None]
    # Pending ones first: where one is told booked as well, the last word is that.
    if _PENDING in [row.status for row in movements[1:]]:
        movements.sort(key=lambda row: row.status is _POSTED)
    return Listed(movements, unmapped, answer.continuation_key or None)


def parse_aside(raw: bytes) -> TransactionSeen:
    """Return a row that was set aside, from what was kept of it. Raises ContractBroken."""
    aside = decode(raw, _ASIDE, WHAT)
    row = _row(bytes(aside.row), aside.places)
    if row is None:
        raise broken(WHAT, "it is no movement")
    return row


def _aside(one: Unmapped, places: Mapping[str, str]) -> Unmapped:
    raw = msgspec.json.encode(_Aside(dict(places), msgspec.Raw(one.raw)))
    account = next(iter(places.values())) if len(places) == 1 else None
    return Unmapped(account, None, one.reason, raw)


def _row(raw: bytes, places: Mapping[str, str]) -> TransactionSeen | None:
    return _mapped(decode(raw, _ROW, WHAT, ID), places)


def _mapped(row: Row, places: Mapping[str, str]) -> TransactionSeen | None:
    """Return what a row means; nothing where it is no movement, or is none any more."""
    if row.status != BOOKED and row.status in NO_MOVEMENTS:
        return None
    name = row.entry_reference or ""
    if name in PLACEHOLDERS or name.isspace():
        name = ""
    money = row.transaction_amount
    place = places.get(money.currency)
    if place is None:
        raise broken(WHAT, f"the account has no money in {money.currency[:12]!r}", name)
    try:
        amount = directed(money.amount, money.currency, row.credit_debit_indicator)
        original = _original(row) if row.exchange_rate else None
        booked_on = day(row.booking_date) if row.booking_date else None
        value_on = day(row.value_date) if row.value_date else None
        happened = day(row.transaction_date) if row.transaction_date else None
    except InvalidInput as error:
        raise broken(WHAT, str(error), name) from None
    pending = row.status != BOOKED and _is_pending(row, booked=booked_on is not None, name=name)
    if not pending:
        booked_on = booked_on or value_on or happened
        if booked_on is None:
            raise broken(WHAT, "a booked row has no day", name)
    counterparty = _counterparty(row)
    fields = (
        place,
        name,
        _PENDING if pending else _POSTED,
        amount,
        money.currency,
        None if pending else booked_on,
        value_on,
        happened or (booked_on if pending else None),
        _said(row) or counterparty or _code(row),
        counterparty,
        None,
        reference(row.reference_number) if row.reference_number else None,
        *(original or (None, None)),
        None,
    )
    return tuple.__new__(TransactionSeen, fields)


def _said(row: Row) -> str:
    """Return what the payer wrote, or else the note."""
    lines = row.remittance_information
    if lines:
        told = " ".join(lines[0].split()) if len(lines) == 1 else words(*lines)
        if told:
            return told
    return words(row.note)


def _code(row: Row) -> str:
    code = row.bank_transaction_code
    return words(code.description if code else None)


def _is_pending(row: Row, *, booked: bool, name: str) -> bool:
    """Tell whether a row is not on the books yet. Raises ContractBroken where nobody knows."""
    if row.status == UNKNOWN and booked:
        return False
    if row.status not in PENDING:
        raise broken(WHAT, f"`status` is {row.status[:20]!r}: nobody knows whether it counts", name)
    return True


def _counterparty(row: Row) -> str | None:
    first, second = row.creditor, row.debtor
    if row.credit_debit_indicator != "DBIT":
        first, second = second, first
    told = (first and first.name) or (second and second.name)
    return in_one_line(told) or None if told else None


@lru_cache(maxsize=8192)
def directed(text: str, currency: str, direction: str) -> Decimal:
    """Return an amount with its sign. Raises InvalidInput for one that has a sign already.

    Remembered, as `amount_of` is.
    """
    if text[:1] == "-":
        raise InvalidInput(f"The amount {text[:20]!r} has a sign, and a direction besides.")
    amount = amount_of(text, currency)
    return -amount if amount and direction == "DBIT" else amount


def _original(row: Row) -> tuple[Decimal, str] | None:
    """Return what it was in another currency than the account's."""
    told = row.exchange_rate.instructed_amount if row.exchange_rate else None
    if told is None or told.currency == row.transaction_amount.currency:
        return None
    return directed(told.amount, told.currency, row.credit_debit_indicator), told.currency
