"""Monzo's transactions, and what they mean. Pure functions over bytes.

After docs.monzo.com (Transactions, Pagination), and what the answers hold besides. A transaction
keeps its id from the authorisation to the books; `settled` is empty until then, and the amount may
change with it. What has a `decline_reason` moved no money. Pot transfers, and what the person does
not count as spending (`include_in_spending`), moved it like any other. Instants are in UTC, days
are London's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import lru_cache, partial
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import msgspec

from penstock.connectors.monzo_money import Minor
from penstock.connectors.wire import (
    CANNOT_READ,
    amount_of_minor,
    broken,
    clean,
    decode,
    each_mapped,
    usable_id,
)
from penstock.domain.errors import ContractBroken, InvalidInput
from penstock.domain.transaction import Removal, Status, TransactionSeen
from penstock.domain.update import Unmapped

LONDON: Final = ZoneInfo("Europe/London")
WHAT: Final = "transactions"
Instant: Final = msgspec.Meta(tz=True)
_PENDING: Final = Status.PENDING
_POSTED: Final = Status.POSTED


class _Named(msgspec.Struct, gc=False):
    name: str | None = None


class _Transaction(msgspec.Struct, gc=False):
    id: str
    created: Annotated[datetime, Instant]
    settled: str
    amount: Minor
    currency: str
    description: str
    account_id: str | None = None
    decline_reason: str | None = None
    local_amount: Minor | None = None
    local_currency: str | None = None
    merchant: _Named | str | None = None
    counterparty: _Named | None = None
    category: str | None = None
    notes: str | None = None


class _Page(msgspec.Struct):
    transactions: list[_Transaction]


class _LoosePage(msgspec.Struct):
    transactions: list[msgspec.Raw]


class _Id(msgspec.Struct):
    id: str


@dataclass(frozen=True, slots=True)
class Rows:
    """A page of an account's transactions, mapped.

    `made` says of each by which day it is dated, and when it was created; `last` is the id after
    which the list goes on, None where it has ended.
    """

    upserts: list[TransactionSeen]
    removed: list[Removal]
    unmapped: list[Unmapped]
    made: list[tuple[date, datetime]]
    last: str | None


_PAGE: Final = msgspec.json.Decoder(_Page)
_LOOSE: Final = msgspec.json.Decoder(_LoosePage)
_TRANSACTION: Final = msgspec.json.Decoder(_Transaction)
_ID: Final = msgspec.json.Decoder(_Id)


def parse_rows(body: bytes, account: str) -> Rows:
    """Return a page of one account's transactions. Raises ContractBroken.

    One that was declined comes as a removal: if we never had it, nothing happens. One that cannot
    be mapped goes along whole. Nothing is dropped.
    """
    try:
        return _mapped(_PAGE.decode(clean(body)).transactions, account)
    except (*CANNOT_READ, ContractBroken):
        page = decode(body, _LOOSE, WHAT).transactions
    good, bad = each_mapped(page, partial(_sound, account=account), account_field=None)
    last = _id_of(bytes(page[-1])) if page else None
    return replace(_mapped(good, account), unmapped=bad, last=last)


def parse_row(raw: bytes, account: str) -> TransactionSeen | Removal:
    """Return one transaction. Raises ContractBroken."""
    rows = _mapped([_sound(raw, account)], account)
    return rows.upserts[0] if rows.upserts else rows.removed[0]


def london(instant: datetime) -> date:
    """Return the bank's day."""
    return instant.astimezone(LONDON).date()


def _id_of(raw: bytes) -> str:
    """Return the id after which the list goes on. Raises ContractBroken where it has none."""
    name = decode(raw, _ID, WHAT).id
    if not usable_id(name):
        raise broken(WHAT, "a page ends with a blank `id`: it cannot be gone on from there")
    return name


def _sound(raw: bytes, account: str) -> _Transaction:
    """Return a transaction that can be mapped. Raises ContractBroken for any other."""
    told = decode(raw, _TRANSACTION, WHAT)
    _mapped([told], account)
    return told


def _mapped(page: Sequence[_Transaction], account: str) -> Rows:
    rows = Rows([], [], [], [], page[-1].id if page else None)
    for told in page:
        if not usable_id(told.id):
            raise broken(WHAT, "`id` is blank", told.id)
        if told.account_id is not None and told.account_id != account:
            raise broken(WHAT, "it is of another account", told.id)
        if told.decline_reason:
            rows.removed.append(Removal(account, told.id))
            continue
        try:
            created_on = london(told.created)
            seen = _movement(told, account, created_on)
        except (InvalidInput, OverflowError, msgspec.ValidationError) as error:
            raise broken(WHAT, str(error), told.id) from None
        rows.upserts.append(seen)
        rows.made.append((seen.booked_on or created_on, told.created))
    return rows


def _movement(told: _Transaction, account: str, created_on: date) -> TransactionSeen:
    booked = _settled_on(told.settled)
    original = _original(told)
    words = " ".join(told.description.split())
    merchant = told.merchant.name if isinstance(told.merchant, _Named) else None
    party = merchant or (told.counterparty.name if told.counterparty else None)
    fields = (
        account,
        told.id,
        _PENDING if booked is None else _POSTED,
        amount_of_minor(told.amount, told.currency),
        told.currency,
        booked,
        booked,
        created_on,
        words or party or "",
        party or None,
        told.category or None,
        told.notes or None,
        original,
        None if original is None else told.local_currency,
        None,
    )
    return tuple.__new__(TransactionSeen, fields)


@lru_cache(maxsize=8192)
def _settled_on(text: str) -> date | None:
    """Return the day on which it got on the books; the empty text says that it has not.

    Remembered, for what settles together does so at one instant.
    """
    if not text:
        return None
    settled = msgspec.convert(text, datetime)
    if settled.tzinfo is None:
        raise InvalidInput("`settled` has no offset.")
    return london(settled)


def _original(told: _Transaction) -> Decimal | None:
    """Return what was paid abroad; None where it was paid in the account's own currency."""
    currency = told.local_currency
    if told.local_amount is None or not currency or currency == told.currency:
        return None
    return amount_of_minor(told.local_amount, currency)
