"""A SnapTrade Personal key: a client id, and a consumer key that signs every request.

The signature (https://docs.snaptrade.com/docs/request-signatures) is the base64 of an HMAC-SHA256
over canonical JSON: names in order, no spaces. It covers the body, the path and the query, in which
the client id and the time stand; the consumer key itself goes nowhere.
"""

import json
from base64 import b64encode
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from hmac import digest
from typing import Final
from urllib.parse import urlencode, urlsplit

from penstock.domain.consent import Credentials
from penstock.domain.errors import ContractBroken, OAuthError
from penstock.domain.remedy import ask_person
from penstock.domain.request import Request
from penstock.domain.secret import Secret

PREFIX: Final = "personal:"
"""What the credentials of a Personal key begin with; an access token never does."""


@dataclass(frozen=True, slots=True)
class Key:
    """A Personal key."""

    client_id: str
    consumer_key: Secret

    @property
    def credentials(self) -> Credentials:
        """What opens a connection with it. It does not expire."""
        return Credentials(Secret(f"{PREFIX}{self.client_id}:{self.consumer_key.reveal()}"))


def pasted_key(pasted: Secret) -> Key:
    """Read `client id:consumer key`. Raises OAuthError."""
    client_id, colon, consumer_key = pasted.reveal().strip().partition(":")
    if not (client_id and colon and consumer_key):
        raise OAuthError(
            "That is no Personal key.",
            code="invalid_token",
            remedy=ask_person("Paste the client id and the consumer key, with a colon between."),
        )
    return Key(client_id, Secret(consumer_key))


def key_in(credentials: Credentials) -> Key | None:
    """Return the Personal key that these credentials are; None where they are a token."""
    text = credentials.access.reveal()
    if not text.startswith(PREFIX):
        return None
    client_id, _, consumer_key = text.removeprefix(PREFIX).partition(":")
    return Key(client_id, Secret(consumer_key))


def with_signature(request: Request, key: Key, base_url: str, now: datetime) -> Request:
    """Return the request signed, as of now.

    Raises ContractBroken for an address that is not below `base_url`: nothing is signed for others.
    """
    if not request.url.startswith(base_url + "/"):
        raise ContractBroken(f"{request!r} leads away from {base_url}: it was not sent.")
    mark = "&" if urlsplit(request.url).query else "?"
    who = urlencode({"clientId": key.client_id, "timestamp": int(now.timestamp())})
    url = f"{request.url}{mark}{who}"
    made = signature(url, request.body, key.consumer_key)
    return replace(request, url=url, headers={**request.headers, "Signature": made})


def signature(url: str, body: bytes | None, consumer_key: Secret) -> str:
    """Return the signature of a request. An empty body is none."""
    parts = urlsplit(url)
    content = json.loads(body) if body else None
    return signed(
        {"content": content or None, "path": parts.path, "query": parts.query}, consumer_key
    )


def signed(content: object, consumer_key: Secret) -> str:
    """Return the base64 of the HMAC-SHA256 over an object's canonical JSON."""
    canonical = json.dumps(content, separators=(",", ":"), sort_keys=True)
    made = digest(consumer_key.reveal().encode(), canonical.encode(), sha256)
    return b64encode(made).decode("ascii")
