"""Plaid's webhooks (https://plaid.com/docs/api/webhooks/webhook-verification/).

An Item has one address, which is set with its access token. Each delivery comes with a JWT, signed
with ES256, that holds the SHA-256 of the body and when it was made; the key is asked for by its id.
Only what is right in all else is worth that question: a known algorithm, the body's own hash, and
an age of five minutes at most.
"""

import hashlib
import hmac
from base64 import urlsafe_b64decode
from binascii import Error as NotBase64
from collections.abc import Generator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from penstock.connectors.plaid_app import App
from penstock.connectors.plaid_errors import check
from penstock.connectors.wire import CANNOT_READ, decode
from penstock.domain.errors import HookRefused
from penstock.domain.hook import Delivery, Event, Hooks, Subscribed
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret

SIGNATURE: Final = "plaid-verification"
OLDEST: Final = timedelta(minutes=5)
_MOST_CHARACTERS: Final = 4096
_NO_NEWS: Final = frozenset({"WEBHOOK_UPDATE_ACKNOWLEDGED"})

_Short = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class _Header(msgspec.Struct):
    alg: Literal["ES256"]
    kid: _Short


class _Claims(msgspec.Struct):
    iat: int
    request_body_sha256: str


class _Body(msgspec.Struct):
    webhook_type: _Short
    webhook_code: _Short


class _Jwk(msgspec.Struct):
    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: str
    y: str
    expired_at: int | None = None


class _Key(msgspec.Struct):
    key: _Jwk


_HEADER: Final = msgspec.json.Decoder(_Header)
_CLAIMS: Final = msgspec.json.Decoder(_Claims)
_BODY: Final = msgspec.json.Decoder(_Body)
_KEY: Final = msgspec.json.Decoder(_Key)


@dataclass(frozen=True, slots=True)
class Webhooks:
    """Setting an Item's address, and knowing what comes to it."""

    app: App

    def declared(self) -> Hooks:
        """Return the declaration. With the Item goes its address, so nothing has to be ended."""
        return Hooks(self._verify, (SIGNATURE,), subscribe=self._subscribe)

    def _verify(self, delivery: Delivery, _: Secret | None) -> Generator[Request, Response, Event]:
        """Read a delivery of Plaid's. Raises HookRefused."""
        token = delivery.headers.get(SIGNATURE, "")
        header, claims = _parts(token)
        _check_age(claims.iat, delivery.received_at)
        body_hash = hashlib.sha256(delivery.body).hexdigest()
        if not hmac.compare_digest(body_hash.encode(), claims.request_body_sha256.encode()):
            raise HookRefused("The body is not the one that was signed.")
        try:
            body = _BODY.decode(delivery.body)
        except CANNOT_READ:
            raise HookRefused("That is no webhook of Plaid's.") from None
        answer = yield self.app.post(
            "webhook_verification_key/get", authorized=False, key_id=header.kid
        )
        key = decode(check(answer), _KEY, "verification key").key
        if key.expired_at is not None:
            raise HookRefused("The key has been withdrawn.")
        _check_signature(token, key)
        return Event(
            hashlib.sha256(token.encode()).hexdigest(),
            f"{body.webhook_type}.{body.webhook_code}",
            news=body.webhook_code not in _NO_NEWS,
        )

    def _subscribe(self, url: str) -> Generator[Request, Response, Subscribed]:
        """Set the Item's address. Raises ContractBroken."""
        yield self.app.post("item/webhook/update", webhook=url)
        return Subscribed("")


def _parts(token: str) -> tuple[_Header, _Claims]:
    """Read a JWT that is not verified yet."""
    try:
        header, claims, _ = token[:_MOST_CHARACTERS].split(".")
        return _HEADER.decode(_unpadded(header)), _CLAIMS.decode(_unpadded(claims))
    except (*CANNOT_READ, NotBase64, ValueError):
        raise HookRefused("There is no signature of Plaid's on it.") from None


def _unpadded(part: str) -> bytes:
    return urlsafe_b64decode(part + "=" * (-len(part) % 4))


def _check_age(issued: int, received: datetime) -> None:
    if abs(int(received.timestamp()) - issued) > OLDEST.total_seconds():
        raise HookRefused("It was signed more than five minutes ago.")


def _check_signature(token: str, known: _Jwk) -> None:
    try:
        key = ECKey.import_key({"kty": known.kty, "crv": known.crv, "x": known.x, "y": known.y})
        jws.deserialize_compact(token, key, algorithms=["ES256"])
    except (JoseError, ValueError):
        raise HookRefused("The signature is not Plaid's.") from None
