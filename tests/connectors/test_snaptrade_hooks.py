"""What is taken for SnapTrade's word, and how the sandbox's face gives it (sync.md 28)."""

import asyncio
import hmac
import json
from base64 import b64encode
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from hashlib import sha256
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st

from penstock.connectors.snaptrade import SnapTrade
from penstock.connectors.snaptrade_hooks import SIGNATURE
from penstock.domain.errors import HookRefused
from penstock.domain.hook import Delivery, Event
from penstock.domain.secret import Secret
from tests.connectors.linking import connector_at, link
from tests.connectors.snaptrade_samples import BROKERS
from tests.sandbox.visitor import NOON, visiting

KEY = "consumer-key"
EVENT: dict[str, Any] = {
    "webhookId": "35a74573",
    "schemaVersion": "oauth_v1",
    "eventTimestamp": NOON.isoformat(),
    "eventType": "ACCOUNT_HOLDINGS_UPDATED",
    "userId": "Zoë",
    "details": {"positions": {"success": True, "error": None}, "b": [1, 2.5, "x"]},
}


def signed(content: object, key: str = KEY) -> str:
    """Sign as the documents' own example does."""
    canonical = json.dumps(content, separators=(",", ":"), sort_keys=True)
    return b64encode(hmac.new(key.encode(), canonical.encode(), sha256).digest()).decode()


def delivery(content: object = None, **changes: Any) -> Delivery:
    """Write an event loosely, and sign it as it is."""
    told = EVENT if content is None else content
    body = json.dumps(told, indent=3, ensure_ascii=False).encode()
    return replace(Delivery({SIGNATURE: signed(told)}, body, NOON), **changes)


def read(came: Delivery) -> Event:
    """Verify; nothing is asked of anybody."""
    hooks = replace(BROKERS, consumer_key=Secret(KEY)).hooks
    assert hooks is not None
    with pytest.raises(StopIteration) as end:
        next(hooks.verify(came, None))
    event: Event = end.value.value
    return event


def test_the_signature_is_over_canonical_json() -> None:
    """Names in order and no spaces, however the body was written: not over the raw body."""
    came = delivery()
    assert came.body != json.dumps(EVENT, separators=(",", ":"), sort_keys=True).encode()
    assert read(came) == Event("35a74573", "ACCOUNT_HOLDINGS_UPDATED")
    compact = json.dumps(EVENT, separators=(",", ":")).encode()
    assert read(replace(came, body=compact)) == read(came)


@pytest.mark.parametrize(
    ("kind", "news"),
    [
        ("ACCOUNT_TRANSACTIONS_UPDATED", True),
        ("CONNECTION_BROKEN", True),
        ("SOMETHING_NEW", True),
        ("CONNECTION_ATTEMPTED", False),
        ("USER_REGISTERED", False),
    ],
)
def test_some_events_are_no_news(kind: str, news: bool) -> None:
    """What says nothing of accounts starts no sync; what is not known may."""
    assert read(delivery({**EVENT, "eventType": kind})).news is news


@pytest.mark.parametrize(
    "came",
    [
        delivery(headers={SIGNATURE: signed(EVENT, "another")}),
        delivery(headers={}),
        delivery(headers={SIGNATURE: "ÿ"}),
        delivery(body=json.dumps({**EVENT, "userId": "me"}).encode()),
        delivery(received_at=NOON + timedelta(minutes=5, seconds=1)),
        delivery(received_at=NOON - timedelta(minutes=5, seconds=1)),
        delivery({**EVENT, "eventTimestamp": "2026-11-20T12:00:00"}),
        delivery({"webhookId": "x"}),
        delivery({**EVENT, "webhookId": ""}),
        delivery([EVENT]),
        delivery(body=b'{"a":1,"a":1}', headers={SIGNATURE: signed({"a": 1})}),
        delivery(body=b'{"a":NaN}', headers={SIGNATURE: signed({"a": float("nan")})}),
        delivery(body=b'{"a":' * 50_000),
    ],
    ids=range(13),
)
def test_snaptrade_never_said_that(came: Delivery) -> None:
    """Another key, another body, too old, ahead of time, no event, two readings: refused."""
    hooks = replace(BROKERS, consumer_key=Secret(KEY)).hooks
    assert hooks is not None
    with pytest.raises(HookRefused):
        next(hooks.verify(came, None))


@given(st.text(max_size=100), st.binary(max_size=200))
def test_nothing_a_stranger_sends_breaks_it(signature: str, body: bytes) -> None:
    """Whatever comes is refused, and never a fault of ours."""
    test_snaptrade_never_said_that(Delivery({SIGNATURE: signature}, body, NOON))


def test_without_the_key_none_are_heard() -> None:
    """Then SnapTrade is not asked for any; with it, a person sets the address."""
    assert BROKERS.hooks is None
    hooks = replace(BROKERS, consumer_key=Secret(KEY)).hooks
    assert hooks is not None
    assert "dashboard.snaptrade.com" in hooks.where
    assert (hooks.headers, hooks.subscribe) == ((SIGNATURE,), None)


def test_the_face_sends_what_the_connector_takes() -> None:
    """Over HTTP: one event for each account that has news, signed with the customer's key."""
    came: list[Delivery] = []

    async def hear(request: web.Request) -> web.Response:
        headers = {name.lower(): text for name, text in request.headers.items()}
        came.append(Delivery(headers, await request.read(), NOON))
        return web.Response()

    async def story() -> SnapTrade:
        app = web.Application()
        app.router.add_post("/hook", hear)
        async with visiting(clock=lambda: NOON) as visitor, TestServer(app) as server:
            connector = connector_at("snaptrade", visitor.bank.url)
            await link(connector, visitor.bank, visitor.http)
            address = {"url": str(server.make_url("/hook"))}
            dashboard = f"{visitor.bank.url}/snaptrade/dashboard/webhook"
            assert (await visitor.send("POST", dashboard, json={})).status == 400
            told = await visitor.send("POST", dashboard, json=address)
            assert told.json == {"users": 1}
            for _ in range(2):
                visitor.bank.world.post("checking", Decimal("-1.00"), "Tea")
            visitor.bank.world.post("card", Decimal("-2.00"), "Cake")
            assert await visitor.bank.hooks.tell() == 2
            assert await visitor.bank.hooks.tell() == 0
            assert isinstance(connector, SnapTrade)
            return connector

    connector = asyncio.run(story())
    assert connector.hooks is not None
    assert len(came) == 2
    ids = set()
    for each in came:
        with pytest.raises(StopIteration) as end:
            next(connector.hooks.verify(each, None))
        ids.add(end.value.value.id)
        assert end.value.value.kind == "ACCOUNT_TRANSACTIONS_UPDATED"
    assert len(ids) == 2
