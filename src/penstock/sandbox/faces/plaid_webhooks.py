"""Plaid's webhooks: an address for each Item, a JWT with the hash of each body, and its key.

POST /plaid/item/webhook/update             sets the address
POST /plaid/webhook_verification_key/get    the key of a signature, by its id
"""

import hashlib
from collections.abc import Iterator, Mapping

import msgspec
from joserfc import jws
from joserfc.jwk import ECKey

from penstock.domain.clock import Clock
from penstock.sandbox.authority import Grant
from penstock.sandbox.faces import plaid_shapes as shapes
from penstock.sandbox.faces.answers import Refusal
from penstock.sandbox.hooks import HookBook, Posted
from penstock.sandbox.log import Change

SIGNATURE = "Plaid-Verification"
Asked = Mapping[str, object]


class WebhookFace:
    """The endpoints, and the key that signs."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._key = ECKey.generate_key("P-256")
        self._kid = self._key.thumbprint()
        self._created = int(clock().timestamp())

    def update(self, book: HookBook, grant: Grant, asked: Asked) -> str | None:
        """Set the address of an Item; nothing takes it away."""
        number, url = f"plaid:{grant.number}", asked.get("webhook")
        book.subscriptions.pop(number, None)
        if not url:
            return None
        book.add(number, grant, str(url), lambda news: self._write(grant, news))
        return str(url)

    def key(self, asked: Asked) -> bytes:
        """Tell a key."""
        if asked.get("key_id") != self._kid:
            raise Refusal(400, "invalid_request", "invalid key_id provided")
        public = self._key.as_dict(private=False)
        known = {name: public[name] for name in ("crv", "kty", "x", "y")}
        whole = {
            **known,
            "alg": "ES256",
            "kid": self._kid,
            "use": "sig",
            "created_at": self._created,
            "expired_at": None,
        }
        return shapes.answer(key=whole)

    def sign(self, body: bytes) -> Posted:
        """Return a webhook with what proves whose it is."""
        claims = {
            "iat": int(self._clock().timestamp()),
            "request_body_sha256": hashlib.sha256(body).hexdigest(),
        }
        header = {"alg": "ES256", "kid": self._kid, "typ": "JWT"}
        token = jws.serialize_compact(header, msgspec.json.encode(claims), self._key, ["ES256"])
        return Posted({SIGNATURE: token}, body)

    def _write(self, grant: Grant, news: list[Change]) -> Iterator[Posted]:
        """However much there is to read, it is one word."""
        if not news:
            return
        yield self.sign(
            msgspec.json.encode(
                {
                    "webhook_type": "TRANSACTIONS",
                    "webhook_code": "SYNC_UPDATES_AVAILABLE",
                    "item_id": f"item-{grant.number}",
                    "initial_update_complete": True,
                    "historical_update_complete": True,
                    "environment": "sandbox",
                }
            )
        )
