"""Starling's transaction feed, and what its items mean. Pure functions over bytes.

After the v2 reference on the developer portal, and starlingbank/starling-developer-sdk. An item's
amount is unsigned and `direction` gives the sign; the same item, with the same `feedItemUid`, goes
from PENDING to SETTLED. `settlementTime` is absent until then. Days are London's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from functools import partial
from typing import Annotated, Final
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
_PENDING: Final = Status.PENDING
_POSTED: Final = Status.POSTED

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
"""An instant with its offset."""


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


_UPCOMING: Final = FeedStatus.UPCOMING
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


_OUT: Final = Direction.OUT


class FeedItem(msgspec.Struct, rename="camel", gc=False):
    """One movement, or what was to be one."""

    feed_item_uid: str
    amount: Money
    direction: Direction
    status: FeedStatus
    updated_at: Instant
    transaction_time: Instant
    settlement_time: Instant | None = None
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
        return _mapped(_FEED.decode(clean(body)).feed_items, account)
    except (*CANNOT_READ, ContractBroken):
        rows = decode(body, _LOOSE, WHAT).feed_items
    good, bad = each_mapped(rows, partial(_sound, account=account), id_field=ID, account_field=None)
    return replace(_mapped(good, account), unmapped=bad)


def parse_item(raw: bytes, account: str) -> TransactionSeen | Removal:
    """Return one item of a feed. Raises ContractBroken."""
    feed = _mapped([_sound(raw, account)], account)
    return feed.upserts[0] if feed.upserts else feed.removed[0]


def _sound(raw: bytes, account: str) -> FeedItem:
    """Return an item that can be mapped. Raises ContractBroken for any other."""
    item = decode(raw, _ITEM, WHAT, ID)
    _mapped([item], account)
    return item


def _mapped(items: Sequence[FeedItem], account: str) -> Feed:
    upserts: list[TransactionSeen] = []
    removed: list[Removal] = []
    for item in items:
        if not usable_id(item.feed_item_uid):
            raise broken(WHAT, f"`{ID}` is blank", item.feed_item_uid)
        if item.status in HELD or item.status in BOOKED:
            upserts.append(_movement(item, account))
        else:
            removed.append(Removal(account, item.feed_item_uid))
    newest = max((item.updated_at for item in items), default=None)
    return Feed(upserts, removed, newest)


def _movement(item: FeedItem, account: str) -> TransactionSeen:
    try:
        amount = _directed(item.amount, item.direction)
        original = _original(item)
    except InvalidInput as error:
        raise broken(WHAT, f"`amount`: {error}", item.feed_item_uid) from None
    happened = item.transaction_time.astimezone(LONDON).date()
    booked = None
    if item.status in BOOKED:
        booked = (item.settlement_time or item.transaction_time).astimezone(LONDON).date()
    upcoming = item.status is _UPCOMING
    fields = (
        account,
        item.feed_item_uid,
        _PENDING if booked is None else _POSTED,
        amount,
        item.amount.currency,
        booked,
        happened if upcoming else booked,
        None if upcoming else happened,
        item.reference or item.counter_party_name or "",
        item.counter_party_name,
        item.spending_category,
        item.reference,
        original,
        None if original is None or item.source_amount is None else item.source_amount.currency,
        None,
    )
    return tuple.__new__(TransactionSeen, fields)


def _original(item: FeedItem) -> Decimal | None:
    """Return what was paid abroad; None where it was paid in the account's own currency."""
    if item.source_amount is None or item.source_amount.currency == item.amount.currency:
        return None
    return _directed(item.source_amount, item.direction)


def _directed(money: Money, direction: Direction) -> Decimal:
    amount = unsigned(money)
    return -amount if direction is _OUT and amount else amount
