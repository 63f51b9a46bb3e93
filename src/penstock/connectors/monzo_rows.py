"""Monzo's transactions, and what they mean. Pure functions over bytes.

After docs.monzo.com (Transactions, Pagination), and what the answers hold besides. A transaction
keeps its id from the authorisation to the books; `settled` is empty until then, and the amount may
change with it. What has a `decline_reason` moved no money. Pot transfers, and what the person does
not count as spending (`include_in_spending`), moved it like any other. Instants are in UTC, days
are London's.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import partial
from typing import Annotated, Final
from zoneinfo import ZoneInfo

import msgspec

from penstock.connectors.monzo_money import Minor, exact
from penstock.connectors.wire import broken, decode, each_mapped, usable_id
from penstock.domain.errors import InvalidInput
from penstock.domain.transaction import Removal, Status, TransactionSeen
from penstock.domain.update import Unmapped

LONDON: Final = ZoneInfo("Europe/London")
WHAT: Final = "transactions"
Instant: Final = msgspec.Meta(tz=True)


class _Named(msgspec.Struct):
    name: str | None = None


class _Transaction(msgspec.Struct):
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
_TRANSACTION: Final = msgspec.json.Decoder(_Transaction)
_ID: Final = msgspec.json.Decoder(_Id)


def parse_rows(body: bytes, account: str) -> Rows:
    """Return a page of one account's transactions. Raises ContractBroken.

    One that was declined comes as a removal: if we never had it, nothing happens. One that cannot
    be mapped goes along whole. Nothing is dropped.
    """
    page = decode(body, _PAGE, WHAT).transactions
    mapped, bad = each_mapped(page, partial(_mapped, account=account), account_field=None)
    meanings = [meaning for _, meaning in mapped]
    return Rows(
        upserts=[one for one in meanings if isinstance(one, TransactionSeen)],
        removed=[one for one in meanings if isinstance(one, Removal)],
        unmapped=bad,
        made=[
            (meaning.booked_on or london(told.created), told.created)
            for told, meaning in mapped
            if isinstance(meaning, TransactionSeen)
        ],
        last=_id_of(bytes(page[-1])) if page else None,
    )


def parse_row(raw: bytes, account: str) -> TransactionSeen | Removal:
    """Return one transaction. Raises ContractBroken."""
    return _mapped(raw, account)[1]


def london(instant: datetime) -> date:
    """Return the bank's day."""
    return instant.astimezone(LONDON).date()


def _id_of(raw: bytes) -> str:
    """Return the id after which the list goes on. Raises ContractBroken where it has none."""
    name = decode(raw, _ID, WHAT).id
    if not usable_id(name):
        raise broken(WHAT, "a page ends with a blank `id`: it cannot be gone on from there")
    return name


def _mapped(raw: bytes, account: str) -> tuple[_Transaction, TransactionSeen | Removal]:
    told = decode(raw, _TRANSACTION, WHAT)
    if not usable_id(told.id):
        raise broken(WHAT, "`id` is blank", told.id)
    if told.account_id not in {None, account}:
        raise broken(WHAT, "it is of another account", told.id)
    if told.decline_reason:
        return told, Removal(account, told.id)
    try:
        return told, _movement(told, account)
    except (InvalidInput, OverflowError, msgspec.ValidationError) as error:
        raise broken(WHAT, str(error), told.id) from None


def _movement(told: _Transaction, account: str) -> TransactionSeen:
    booked = _settled_on(told.settled)
    original = _original(told)
    words = " ".join(told.description.split())
    merchant = told.merchant.name if isinstance(told.merchant, _Named) else None
    party = merchant or (told.counterparty.name if told.counterparty else None)
    return TransactionSeen(
        account=account,
        external_id=told.id,
        status=Status.PENDING if booked is None else Status.POSTED,
        amount=exact(told.amount, told.currency),
        currency=told.currency,
        booked_on=booked,
        value_on=booked,
        authorized_on=london(told.created),
        description=words or party or "",
        counterparty=party or None,
        category=told.category or None,
        reference=told.notes or None,
        original_amount=original,
        original_currency=None if original is None else told.local_currency,
    )


def _settled_on(text: str) -> date | None:
    """Return the day on which it got on the books; the empty text says that it has not."""
    if not text:
        return None
    return london(msgspec.convert(text, Annotated[datetime, Instant]))


def _original(told: _Transaction) -> Decimal | None:
    """Return what was paid abroad; None where it was paid in the account's own currency."""
    if told.local_amount is None or told.local_currency in {None, "", told.currency}:
        return None
    return exact(told.local_amount, told.local_currency or "")
