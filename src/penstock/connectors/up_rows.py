"""Up's transactions, and what they mean. Pure functions over bytes.

After the bank's OpenAPI file (up-banking/api, v1), and what it does not say, after what those who
reconcile against the bank's own statements have found: a purchase's Round Up and its cashback are
no transactions of the account that paid, only attributes of the purchase, and `amount` is without
them. The account's balance moves by all three, so each is a row here. The other half of a Round
Up, in the saver, is a transaction of its own.
"""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from penstock.connectors.up_money import Money, abroad, exact
from penstock.connectors.wire import CANNOT_READ, broken, clean, decode, each_mapped, usable_id
from penstock.domain.errors import ContractBroken, InvalidInput
from penstock.domain.transaction import Status, TransactionSeen
from penstock.domain.update import Unmapped

MELBOURNE: Final = ZoneInfo("Australia/Melbourne")
WHAT: Final = "transactions"
ROUND_UP: Final = "/roundUp"
CASHBACK: Final = "/cashback"


class UpStatus(StrEnum):
    """Whether a transaction is on the books."""

    HELD = "HELD"
    SETTLED = "SETTLED"


class _RoundUp(msgspec.Struct, gc=False):
    amount: Money  # negative, with the boost in it


class _Cashback(msgspec.Struct, gc=False):
    description: str
    amount: Money


class _Attributes(msgspec.Struct, rename="camel", gc=False):
    status: UpStatus
    description: str
    amount: Money
    created_at: datetime
    settled_at: datetime | None = None
    raw_text: str | None = None
    message: str | None = None
    round_up: _RoundUp | None = None
    cashback: _Cashback | None = None
    foreign_amount: Money | None = None
    card_purchase_method: dict[str, object] | None = None


class _Name(msgspec.Struct, gc=False):
    id: str


class _Link(msgspec.Struct, gc=False):
    data: _Name


class _LooseLink(msgspec.Struct, gc=False):
    data: _Name | None = None


class _Relationships(msgspec.Struct, rename="camel", gc=False):
    account: _Link
    category: _LooseLink | None = None


class Resource(msgspec.Struct, gc=False):
    """One transaction."""

    id: str
    attributes: _Attributes
    relationships: _Relationships


class _Links(msgspec.Struct):
    next: str | None


class _Page(msgspec.Struct):
    data: list[Resource]
    links: _Links


class _LoosePage(msgspec.Struct):
    data: list[msgspec.Raw]
    links: _Links


@dataclass(frozen=True, slots=True)
class Rows:
    """A page of an account's transactions, mapped.

    `made` says of each by which day it is dated, and when it was created; `next` is the address of
    the page that follows.
    """

    upserts: list[TransactionSeen]
    unmapped: list[Unmapped]
    made: list[tuple[date, datetime]]
    next: str | None


_PAGE: Final = msgspec.json.Decoder(_Page)
_LOOSE: Final = msgspec.json.Decoder(_LoosePage)
_RESOURCE: Final = msgspec.json.Decoder(Resource)


def parse_rows(body: bytes, account: str) -> Rows:
    """Return a page of one account's transactions. Raises ContractBroken.

    One that cannot be mapped goes along whole; nothing is dropped.
    """
    bad: list[Unmapped] = []
    try:
        page = _PAGE.decode(clean(body))
        mapped = [(one, _movements(one, account)) for one in page.data]
        following = page.links.next
    except (*CANNOT_READ, ContractBroken):
        loose = decode(body, _LOOSE, WHAT)
        mapped, bad = each_mapped(loose.data, partial(_mapped, account=account), account_field=None)
        following = loose.links.next
    return Rows(
        upserts=[row for _, rows in mapped for row in rows],
        unmapped=bad,
        made=[
            (rows[0].booked_on or melbourne(one.attributes.created_at), one.attributes.created_at)
            for one, rows in mapped
        ],
        next=following,
    )


def parse_row(raw: bytes, account: str) -> TransactionSeen:
    """Return one transaction. Raises ContractBroken, also for one that is more than one row."""
    _, (row, *beside) = _mapped(raw, account)
    if beside:
        raise broken(WHAT, "it is several rows: read everything `--from-start`", row.external_id)
    return row


def melbourne(instant: datetime) -> date:
    """Return the bank's day."""
    return instant.astimezone(MELBOURNE).date()


def _mapped(raw: bytes, account: str) -> tuple[Resource, list[TransactionSeen]]:
    resource = decode(raw, _RESOURCE, WHAT)
    return resource, _movements(resource, account)


def _check(resource: Resource, account: str) -> None:
    if not usable_id(resource.id):
        raise broken(WHAT, "`id` is blank", resource.id)
    if resource.relationships.account.data.id != account:
        raise broken(WHAT, "it is of another account", resource.id)
    about = resource.attributes
    for instant in (about.created_at, about.settled_at):
        if instant is not None and instant.tzinfo is None:
            raise broken(WHAT, "an instant has no offset", resource.id)
    if (about.status is UpStatus.SETTLED) != (about.settled_at is not None):
        raise broken(WHAT, f"it is {about.status}, `settledAt` notwithstanding", resource.id)


def _movements(resource: Resource, account: str) -> list[TransactionSeen]:
    """Return the transaction, and what moved together with it. Raises ContractBroken."""
    _check(resource, account)
    about = resource.attributes
    try:
        whole = _whole(resource, account, exact(about.amount))
        rows = [whole]
        if about.round_up is not None and whole.amount < 0:
            rows.append(_beside(whole, ROUND_UP, about.round_up.amount, "Round Up"))
        if about.cashback is not None:
            rows.append(_beside(whole, CASHBACK, about.cashback.amount, about.cashback.description))
    except (InvalidInput, OverflowError) as error:
        raise broken(WHAT, str(error), resource.id) from None
    return rows


def _whole(resource: Resource, account: str, amount: Decimal) -> TransactionSeen:
    about = resource.attributes
    booked = None if about.settled_at is None else melbourne(about.settled_at)
    foreign, category = about.foreign_amount, resource.relationships.category
    return TransactionSeen(
        account=account,
        external_id=resource.id,
        status=Status.PENDING if booked is None else Status.POSTED,
        amount=amount,
        currency=about.amount.currency_code,
        booked_on=booked,
        value_on=booked,
        authorized_on=melbourne(about.created_at),
        description=about.description or about.raw_text or "",
        counterparty=about.description if about.card_purchase_method is not None else None,
        category=category.data.id if category and category.data else None,
        reference=about.message,
        original_amount=None if foreign is None else abroad(foreign),
        original_currency=None if foreign is None else foreign.currency_code,
    )


def _beside(whole: TransactionSeen, part: str, money: Money, words: str) -> TransactionSeen:
    """Return what moved together with a transaction, under a name made of its id."""
    return whole._replace(
        external_id=whole.external_id + part,
        amount=exact(money),
        currency=money.currency_code,
        description=words,
        counterparty=None,
        category=None,
        reference=whole.description,
        original_amount=None,
        original_currency=None,
    )
