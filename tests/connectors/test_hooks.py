"""Who a webhook is from: what each connector takes for its provider's word (sync.md 28)."""

import hashlib
import hmac
from base64 import urlsafe_b64encode
from collections.abc import Generator
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jws
from joserfc.jwk import ECKey, OctKey

from penstock.connectors import plaid_hooks, up_hooks
from penstock.connectors.plaid_app import App
from penstock.domain.errors import HookRefused, OAuthError
from penstock.domain.hook import Delivery, Event
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
UP_KEY = "a-key-that-was-told-once-0123456789"
PLAID = plaid_hooks.Webhooks(App("https://plaid.example", "id", Secret("secret")))
SIGNER = ECKey.generate_key("P-256")
KID = "6c5516e1-92dc-479e-a8ff-5a51992e0001"
BODY = b'{"webhook_type":"TRANSACTIONS","webhook_code":"SYNC_UPDATES_AVAILABLE","item_id":"x"}'


def up_event(created: datetime = NOW, kind: str = "TRANSACTION_CREATED") -> bytes:
    """Write an event as Up does."""
    attributes = {"eventType": kind, "createdAt": created.isoformat()}
    event = {"type": "webhook-events", "id": "event-1", "attributes": attributes}
    return msgspec.json.encode({"data": event})


def up_delivery(body: bytes, key: str = UP_KEY) -> Delivery:
    """Sign a body as Up does."""
    signed = hmac.new(key.encode(), body, hashlib.sha256).hexdigest()
    return Delivery({up_hooks.SIGNATURE: signed}, body, NOW)


def read_up(delivery: Delivery) -> Event:
    """Verify, where nothing has to be asked."""
    verifying = up_hooks.verify(delivery, Secret(UP_KEY))
    with pytest.raises(StopIteration) as end:
        next(verifying)
    event: Event = end.value.value
    return event


def test_up_signs_the_raw_body() -> None:
    """HMAC-SHA256 over the bytes that came; a ping is no news."""
    assert read_up(up_delivery(up_event())) == Event("event-1", "TRANSACTION_CREATED")
    assert read_up(up_delivery(up_event(kind="PING"))) == Event("event-1", "PING", news=False)


@pytest.mark.parametrize(
    "delivery",
    [
        up_delivery(up_event(), key="another"),
        up_delivery(b"{}"),
        up_delivery(b"\xff"),
        up_delivery(up_event(NOW - timedelta(days=8))),
        up_delivery(up_event(NOW + timedelta(hours=1))),
        Delivery({}, up_event(), NOW),
    ],
    ids=["key", "no event", "no text", "old", "future", "unsigned"],
)
def test_up_never_said_that(delivery: Delivery) -> None:
    """A wrong key, no event, a replay of long ago, a date ahead of time: refused."""
    with pytest.raises(HookRefused):
        next(up_hooks.verify(delivery, Secret(UP_KEY)))


def test_without_a_subscription_nothing_is_ups_word() -> None:
    """Where no key is known nobody can have signed with it."""
    with pytest.raises(HookRefused):
        next(up_hooks.verify(up_delivery(up_event()), None))


def token(body: bytes = BODY, at: datetime = NOW, key: Any = SIGNER, **header: object) -> str:
    """Sign a body as Plaid does, or nearly so."""
    whole = {"alg": "ES256", "kid": KID, "typ": "JWT"} | header
    claims = {
        "iat": int(at.timestamp()),
        "request_body_sha256": hashlib.sha256(body).hexdigest(),
    }
    written = msgspec.json.encode(claims)
    if whole["alg"] == "none":
        parts = [msgspec.json.encode(whole), written, b""]
        return ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in parts)
    return jws.serialize_compact(whole, written, key, [str(whole["alg"])])


def unsigned(claims: str) -> str:
    """Write claims as Plaid does, and sign nothing."""
    parts = [msgspec.json.encode({"alg": "ES256", "kid": KID}), claims.encode(), b"signature"]
    return ".".join(urlsafe_b64encode(part).decode().rstrip("=") for part in parts)


def asking(signed: str, body: bytes = BODY) -> Generator[Request, Response, Event]:
    """Begin to verify a delivery of Plaid's."""
    delivery = Delivery({plaid_hooks.SIGNATURE: signed}, body, NOW)
    return PLAID.declared().verify(delivery, None)


def key_answer(key: ECKey = SIGNER, **more: object) -> Response:
    """Answer with a key."""
    public = key.as_dict(private=False)
    known = {name: public[name] for name in ("kty", "crv", "x", "y")}
    body = {"key": known | {"alg": "ES256", "kid": KID, "expired_at": None} | more}
    return Response(200, {}, msgspec.json.encode(body))


def test_plaid_signs_the_bodys_hash() -> None:
    """ES256 over a hash of the body; the key is asked for by its id, and for nothing else."""
    verifying = asking(token())
    request = next(verifying)
    assert request.url == "https://plaid.example/webhook_verification_key/get"
    assert msgspec.json.decode(request.body or b"") == {"key_id": KID}
    with pytest.raises(StopIteration) as end:
        verifying.send(key_answer())
    event: Event = end.value.value
    assert (event.kind, event.news) == ("TRANSACTIONS.SYNC_UPDATES_AVAILABLE", True)


@pytest.mark.parametrize(
    ("signed", "body"),
    [
        (token(at=NOW - timedelta(minutes=6)), BODY),
        (token(at=NOW + timedelta(minutes=6)), BODY),
        (token(), BODY + b" "),
        (token(b"{}"), b"{}"),
        (token(alg="none"), BODY),
        (token(key=OctKey.import_key("k" * 32), alg="HS256"), BODY),
        (token(kid=""), BODY),
        (unsigned('{"iat":' + "9" * 400 + ',"request_body_sha256":""}'), BODY),
        ("a.b.c", BODY),
        ("", BODY),
    ],
    ids=[
        *("old", "future", "body", "no webhook", "none", "HS256", "no kid", "beyond all time"),
        *("nonsense", "missing"),
    ],
)
def test_what_is_wrong_at_sight_asks_plaid_nothing(signed: str, body: bytes) -> None:
    """Too old, another body, another algorithm: refused before any key is fetched."""
    with pytest.raises(HookRefused):
        next(asking(signed, body))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (key_answer(ECKey.generate_key("P-256")), HookRefused),
        (key_answer(expired_at=1), HookRefused),
        (Response(400, {}, b'{"error_code":"INVALID_FIELD"}'), OAuthError),
    ],
    ids=["another key", "a withdrawn key", "an unknown key"],
)
def test_the_key_has_to_fit(answer: Response, error: type[Exception]) -> None:
    """A key that is not the signer's, or is good no more, makes nothing genuine."""
    verifying = asking(token())
    next(verifying)
    with pytest.raises(error):
        verifying.send(answer)


@given(st.text(max_size=200), st.binary(max_size=200))
def test_nothing_a_stranger_sends_breaks_it(signed: str, body: bytes) -> None:
    """Whatever comes is refused, and never a fault of ours."""
    for name, verify, secret in (
        (up_hooks.SIGNATURE, up_hooks.verify, Secret(UP_KEY)),
        (plaid_hooks.SIGNATURE, PLAID.declared().verify, None),
    ):
        with pytest.raises(HookRefused):
            next(verify(Delivery({name: signed}, body, NOW), secret))
