"""Every sample answer that Starling has published: read, or refused by name, and none a crash."""

import asyncio
from collections.abc import Callable
from contextlib import suppress

import msgspec
import pytest

from penstock.connectors.starling import Starling
from penstock.connectors.starling_accounts import (
    parse_accounts,
    parse_balance,
    parse_identifiers,
    parse_spaces,
    space_balance,
)
from penstock.connectors.starling_feed import FeedStatus, parse_feed, parse_item
from penstock.domain.errors import ContractBroken
from penstock.domain.link_plan import TokenPlan
from penstock.domain.protocol import VerdictKind
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from penstock.domain.transaction import Removal, Status, TransactionSeen
from penstock.engine.admission import take_pasted
from tests.connectors.starling_samples import DATE, ITEM, PLACE, SAMPLES, feed, sample

FILES = sorted(path.stem for path in SAMPLES.glob("*.json")) or ["absent"]
ACCOUNT = b'{"accounts":[{"accountUid":"acc","defaultCategory":"cat","currency":"GBP"}]}'
READERS: dict[str, Callable[[bytes], object]] = {
    "accounts": parse_accounts,
    "identifiers": lambda body: parse_identifiers(body, parse_accounts(ACCOUNT)[0]),
    "spaces": parse_spaces,
    "balance": lambda body: parse_balance(body, DATE, PLACE),
    "space balance": lambda body: space_balance(body, DATE, PLACE),
    "feed": lambda body: parse_feed(body, PLACE),
    "item": lambda body: parse_item(body, PLACE),
}
UNDERSTOOD = {
    "v2-get-accounts": {"accounts"},
    "v2-get-account-identifiers": {"identifiers"},
    "v2-get-account-balance": {"balance"},
    "v2-get-savings-goals": {"spaces", "space balance"},
    "v2-get-feed-items": {"feed"},
    "v2-get-feed-item": {"item"},
}
"""What each is read as; all others tell of things that we do not ask for."""


@pytest.mark.parametrize("name", FILES)
def test_each_official_sample_is_read_or_refused_by_name(name: str) -> None:
    """Whatever is put before whichever reader: what it is for, or ContractBroken that says why."""
    body = sample(name)
    understood = UNDERSTOOD.get(name, set())
    for reader, read in READERS.items():
        if reader in understood:
            assert read(body) is not None
            continue
        with pytest.raises(ContractBroken, match="The bank's"):
            read(body)


@pytest.mark.parametrize("name", [name for name in FILES if name != "v2-get-feed-item"])
def test_each_official_sample_as_an_item_of_the_feed(name: str) -> None:
    """As a row among others it is set aside, whole; the others are mapped all the same."""
    alien = sample(name)
    told = parse_feed(b'{"feedItems":[' + msgspec.json.encode(ITEM) + b"," + alien + b"]}", PLACE)
    assert [row.external_id for row in told.upserts] == ["item-1"]
    (bad,) = told.unmapped
    assert msgspec.json.decode(bad.raw) == msgspec.json.decode(alien)


@pytest.mark.parametrize("name", FILES)
def test_each_official_sample_where_a_refusal_is_expected(name: str) -> None:
    """Any body has a verdict, with any status."""
    for status in (200, 400, 403, 429, 500):
        verdict = Starling().classify(Response(status, {}, sample(name)))
        assert (verdict.kind is VerdictKind.OK) == (status == 200)


def test_the_official_feed_one_by_one() -> None:
    """Each item of the official feed is mapped when it is mapped again by itself."""
    items = msgspec.json.decode(sample("v2-get-feed-items"))["feedItems"]
    rows = [parse_item(msgspec.json.encode(item), PLACE) for item in items]
    assert rows == parse_feed(sample("v2-get-feed-items"), PLACE).upserts
    for field in items[0]:
        lacking = {name: value for name, value in items[0].items() if name != field}
        with suppress(ContractBroken):
            assert isinstance(
                parse_item(msgspec.json.encode(lacking), PLACE), TransactionSeen | Removal
            )


def test_a_personal_token_does_not_expire() -> None:
    """Nothing renews it, and nothing has to; the bank is not asked when it is pasted."""

    async def send(_request: Request) -> Response:
        raise AssertionError

    (plan,) = Starling().link_plans
    assert isinstance(plan, TokenPlan)
    granted = asyncio.run(take_pasted(plan, Secret("token"), send))
    assert (granted.credentials.expires_at, granted.credentials.refresh) == (None, None)


def test_no_settlement_time_while_it_is_pending() -> None:
    """`settlementTime` is absent until the money moved: then it is the day on the books."""
    pending = {**ITEM, "status": FeedStatus.PENDING}
    del pending["settlementTime"]
    (before,), (after,) = (parse_feed(feed(one), PLACE).upserts for one in (pending, ITEM))
    assert (before.status, before.booked_on) == (Status.PENDING, None)
    assert (after.status, after.external_id) == (Status.POSTED, before.external_id)
    assert after.booked_on is not None
