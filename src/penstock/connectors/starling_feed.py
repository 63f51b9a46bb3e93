"""Starling's transaction feed, and what its items mean. Pure functions over bytes.

After the v2 reference on the developer portal, and starlingbank/starling-developer-sdk. An item's
amount is unsigned and `direction` gives the sign; the same item, with the same `feedItemUid`, goes
from PENDING to SETTLED. `settlementTime` is absent until then. Days are London's.
"""

from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from functools import partial
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from penstock.connectors.starling_money import Money, unsigned
from penstock.connectors.wire import (
    CANNOT_READ,
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
WHAT: Final = "feed"
ID: Final = "feedItemUid"


class FeedStatus(StrEnum):
    """What became of a feed item."""

    UPCOMING = "UPCOMING"
    UPCOMING_CANCELLED = "UPCOMING_CANCELLED"
    PENDING = "PENDING"
    REVERSED = "REVERSED"
    SETTLED = "SETTLED"
    DECLINED = "DECLINED"
    REFUNDED = "REFUNDED"
    RETRYING = "RETRYING"
    ACCOUNT_CHECK = "ACCOUNT_CHECK"


HELD: Final = frozenset({FeedStatus.UPCOMING, FeedStatus.PENDING, FeedStatus.RETRYING})
"""Not on the books yet."""

BOOKED: Final = frozenset({FeedStatus.SETTLED, FeedStatus.REFUNDED})
"""On the books; what comes back of a refunded payment is an item of its own.

All other statuses are no movements, or no longer: declined, reversed, cancelled, a card check.
"""


class Direction(StrEnum):
    """Whether money came or went."""

    IN = "IN"
    OUT = "OUT"


class FeedItem(msgspec.Struct, rename="camel"):
    """One movement, or what was to be one."""

    feed_item_uid: str
    amount: Money
    direction: Direction
    status: FeedStatus
    updated_at: datetime
    transaction_time: datetime
    settlement_time: datetime | None = None
    source_amount: Money | None = None
    counter_party_name: str | None = None
    reference: str | None = None
    spending_category: str | None = None


class _Feed(msgspec.Struct, rename="camel"):
    feed_items: list[FeedItem]


class _LooseFeed(msgspec.Struct, rename="camel"):
    feed_items: list[msgspec.Raw]


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed's answer, mapped; `newest` is the latest `updatedAt` in it."""

    upserts: list[TransactionSeen]
    removed: list[Removal]
    newest: datetime | None
    unmapped: list[Unmapped] = field(default_factory=list)


_FEED: Final = msgspec.json.Decoder(_Feed)
_LOOSE: Final = msgspec.json.Decoder(_LooseFeed)
_ITEM: Final = msgspec.json.Decoder(FeedItem)


def parse_feed(body: bytes, account: str) -> Feed:
    """Return an answer of the feed for one account or space. Raises ContractBroken.

    An item that is no movement, or no longer, comes as a removal: if we never had it, nothing
    happens. One that cannot be mapped goes along whole. Nothing is dropped.
    """
    try:
        items = [(item, _meaning(item, account)) for item in _FEED.decode(clean(body)).feed_items]
        bad: list[Unmapped] = []
    except (*CANNOT_READ, ContractBroken):
        rows = decode(body, _LOOSE, WHAT).feed_items
        items, bad = each_mapped(
            rows, partial(_item, account=account), id_field=ID, account_field=None
        )
    meanings = [meaning for _, meaning in items]
    return Feed(
        upserts=[one for one in meanings if isinstance(one, TransactionSeen)],
        removed=[one for one in meanings if isinstance(one, Removal)],
        newest=max((item.updated_at for item, _ in items), default=None),
        unmapped=bad,
    )


def parse_item(raw: bytes, account: str) -> TransactionSeen | Removal:
    """Return one item of a feed. Raises ContractBroken."""
    return _item(raw, account)[1]


def _item(raw: bytes, account: str) -> tuple[FeedItem, TransactionSeen | Removal]:
    item = decode(raw, _ITEM, WHAT, ID)
    return item, _meaning(item, account)


def _meaning(item: FeedItem, account: str) -> TransactionSeen | Removal:
    _check(item)
    if item.status in HELD or item.status in BOOKED:
        return _movement(item, account)
    return Removal(account, item.feed_item_uid)


def _check(item: FeedItem) -> None:
    if not usable_id(item.feed_item_uid):
        raise broken(WHAT, f"`{ID}` is blank", item.feed_item_uid)
    for instant in (item.updated_at, item.transaction_time, item.settlement_time):
        if instant is not None and instant.tzinfo is None:
            raise broken(WHAT, "an instant has no offset", item.feed_item_uid)


def _movement(item: FeedItem, account: str) -> TransactionSeen:
    try:
        amount = _directed(item.amount, item.direction)
        original = _original(item)
    except InvalidInput as error:
        raise broken(WHAT, f"`amount`: {error}", item.feed_item_uid) from None
    happened = _london(item.transaction_time)
    booked = None
    if item.status in BOOKED:
        booked = _london(item.settlement_time or item.transaction_time)
    upcoming = item.status is FeedStatus.UPCOMING
    return TransactionSeen(
        account=account,
        external_id=item.feed_item_uid,
        status=Status.PENDING if booked is None else Status.POSTED,
        amount=amount,
        currency=item.amount.currency,
        booked_on=booked,
        value_on=happened if upcoming else booked,
        authorized_on=None if upcoming else happened,
        description=item.reference or item.counter_party_name or "",
        counterparty=item.counter_party_name,
        category=item.spending_category,
        reference=item.reference,
        original_amount=original,
        original_currency=None if original is None else _source_currency(item),
    )


def _original(item: FeedItem) -> Decimal | None:
    """Return what was paid abroad; None where it was paid in the account's own currency."""
    if item.source_amount is None or item.source_amount.currency == item.amount.currency:
        return None
    return _directed(item.source_amount, item.direction)


def _source_currency(item: FeedItem) -> str | None:
    return None if item.source_amount is None else item.source_amount.currency


def _directed(money: Money, direction: Direction) -> Decimal:
    amount = unsigned(money)
    return amount if direction is Direction.IN or not amount else -amount


def _london(instant: datetime) -> date:
    return instant.astimezone(LONDON).date()
