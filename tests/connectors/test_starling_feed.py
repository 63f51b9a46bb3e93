"""Items of Starling's feed: what each of them becomes."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from penstock.connectors.starling_feed import BOOKED, HELD, FeedStatus, parse_feed, parse_item
from penstock.domain.errors import ContractBroken
from penstock.domain.transaction import Removal, Status
from tests.connectors.starling_samples import ITEM, PLACE, feed, sample


def test_official_feed_sample() -> None:
    """The five sample items go out: one pending, four settled, one of them paid in euros."""
    got = parse_feed(sample("v2-get-feed-items"), PLACE)
    assert got.removed == []
    assert [str(row.amount) for row in got.upserts] == [
        "-23.75", "-10.00", "-3.90", "-8.99", "-2.06"
    ]  # fmt: skip
    assert [row.status for row in got.upserts] == [Status.PENDING, *[Status.POSTED] * 4]
    trains, space, bus, carol, france = got.upserts
    assert trains.booked_on is None
    assert trains.authorized_on == date(2019, 10, 25)
    assert trains.external_id == "3303f51a-de75-43ad-b6b5-62c4b7c5b059"
    assert trains.counterparty == "Virgin Trains"
    assert space.description == "Trip to Paris"
    assert (bus.booked_on, bus.category) == (date(2019, 10, 25), "TRANSPORT")
    assert carol.reference == "For internet"
    assert (str(france.original_amount), france.original_currency) == ("-2.39", "EUR")
    assert all(row.original_amount is None for row in got.upserts[:4])
    assert got.newest == datetime(2019, 10, 25, 23, 8, 3, 799_000, tzinfo=UTC)


def test_official_single_item_sample() -> None:
    """A single feed item has the shape of those in the list."""
    item = msgspec.json.decode(sample("v2-get-feed-item"))
    (row,) = parse_feed(feed(item), PLACE).upserts
    assert (row.status, str(row.amount)) == (Status.PENDING, "-23.75")


def test_days_are_londons() -> None:
    """sync.md 16: half past eleven at night in UTC is the next day in London's summer."""
    (row,) = parse_feed(feed(ITEM), PLACE).upserts
    assert (row.authorized_on, row.booked_on) == (date(2026, 7, 1), date(2026, 7, 2))
    winter = {**ITEM, "transactionTime": "2026-01-15T23:30:00Z"}
    assert parse_feed(feed(winter), PLACE).upserts[0].authorized_on == date(2026, 1, 15)


def test_direction_gives_the_sign() -> None:
    """sync.md 15: amounts are unsigned: IN is towards the holder, OUT away, in both currencies."""
    coming = {**ITEM, "direction": "IN", "sourceAmount": {"currency": "JPY", "minorUnits": 500}}
    (row,) = parse_feed(feed(coming), PLACE).upserts
    assert (row.amount, row.original_amount) == (Decimal("23.75"), Decimal(500))
    nothing = {**ITEM, "amount": {"currency": "GBP", "minorUnits": 0}}
    assert str(parse_feed(feed(nothing), PLACE).upserts[0].amount) == "0.00"


@pytest.mark.parametrize("status", FeedStatus)
def test_each_status_means_one_thing(status: FeedStatus) -> None:
    """Held items are pending, booked ones posted; declined, reversed and the like are removals."""
    item = {**ITEM, "status": status}
    if status not in BOOKED:
        del item["settlementTime"]
    got = parse_feed(feed(item), PLACE)
    if status in HELD:
        assert [row.status for row in got.upserts] == [Status.PENDING]
        assert got.upserts[0].booked_on is None
    elif status in BOOKED:
        assert [row.status for row in got.upserts] == [Status.POSTED]
        assert got.upserts[0].booked_on is not None
    else:
        assert (got.upserts, got.removed) == ([], [Removal(PLACE, "item-1")])


def test_an_unheard_of_status_is_refused() -> None:
    """sync.md 8: what we cannot map is kept whole; it is never skipped, nor counted as seen."""
    found = parse_feed(feed({**ITEM, "status": "TELEPORTED"}), PLACE)
    assert [bad.external_id for bad in found.unmapped] == [ITEM["feedItemUid"]]
    assert (found.upserts, found.removed, found.newest) == ([], [], None)


@pytest.mark.parametrize(
    "change",
    [
        {"amount": {"currency": "GBP", "minorUnits": -1}},
        {"amount": {"currency": "GBP", "minorUnits": 1.5}},
        {"amount": {"currency": "GBP", "minorUnits": "1"}},
        {"amount": {"currency": "GBP", "minorUnits": 10**40}},
        {"amount": {"currency": "GBP", "minorUnits": True}},
        {"sourceAmount": {"currency": "EUR", "minorUnits": -1}},
        {"direction": "SIDEWAYS"},
        {"updatedAt": "yesterday"},
        {"updatedAt": "2026-07-01T22:37:51"},
        {"transactionTime": None},
        {"settlementTime": "2026-07-01T22:37:51"},
    ],
    ids=range(11),
)
def test_a_wrong_item_is_named(change: dict[str, Any]) -> None:
    """sync.md 8: an item that breaks the contract is kept whole, beside those that do not."""
    wrong = {**ITEM, "feedItemUid": "culprit", **change}
    found = parse_feed(feed(ITEM, wrong), PLACE)
    (bad,) = found.unmapped
    assert len(found.upserts) == 1
    assert (bad.external_id, msgspec.json.decode(bad.raw)) == ("culprit", wrong)
    with pytest.raises(ContractBroken):
        parse_item(bad.raw, PLACE)
