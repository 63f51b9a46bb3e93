"""How SnapTrade lets a program in: OAuth for apps, and keys that sign each request.

OAuth (https://docs.snaptrade.com/docs/oauth-apps): metadata, code with PKCE S256, a client that
shows its secret by HTTP Basic only, scopes `read` and `webhook`, refresh tokens that rotate,
revocation. Unlike SnapTrade, the bank sends people back to any port of this machine.

A Personal key is a client id and a consumer key. The id is a token that somebody made by hand, and
the key is made of it, so that nothing has to be remembered.
"""

import hmac
import json
from base64 import b64encode
from hashlib import sha256

import msgspec
from aiohttp import web

from penstock.domain.consent import ConsentState
from penstock.domain.errors import OAuthError
from penstock.sandbox.authority import Grant, Tokens
from penstock.sandbox.bank import Bank
from penstock.sandbox.faces.answers import Refusal, json_bytes
from penstock.sandbox.faces.own_oauth import OAuthFace

PREFIX = "/snaptrade"
SCOPES = ("read", "webhook")
GOOD_FOR_SECONDS = 300
ENDED = frozenset({ConsentState.EXPIRED, ConsentState.REVOKED})


class SnapTradeOAuth(OAuthFace):
    """The authorization server as SnapTrade's."""

    def __init__(self, bank: Bank) -> None:
        super().__init__(bank, pkce=True, scopes=SCOPES)

    @property
    def issuer(self) -> str:
        """SnapTrade's callbacks do not say who sent them."""
        return ""

    def routes(self) -> list[web.RouteDef]:
        """Return the metadata, and what it names."""
        return [
            web.get(f"/.well-known/oauth-authorization-server{PREFIX}", self.metadata),
            web.get(f"{PREFIX}/oauth/authorize", self.ask),
            web.post(f"{PREFIX}/oauth/authorize", self.decide),
            web.post(f"{PREFIX}/oauth/token/", self.token),
            web.post(f"{PREFIX}/oauth/revoke_token/", self.revoke),
        ]

    async def metadata(self, _request: web.Request) -> web.Response:
        """Describe the server (RFC 8414)."""
        here = f"{self.bank.url}{PREFIX}"
        told = {
            "issuer": here,
            "authorization_endpoint": f"{here}/oauth/authorize",
            "token_endpoint": f"{here}/oauth/token/",
            "revocation_endpoint": f"{here}/oauth/revoke_token/",
            "response_types_supported": ["code"],
            "grant_types_supported": ["authorization_code", "refresh_token"],
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_basic"],
            "scopes_supported": list(self.scopes),
        }
        return json_bytes(msgspec.json.encode(told))

    def _client(self, request: web.Request, form: dict[str, str]) -> str:
        """Return who asks: a client with a secret, which it shows by HTTP Basic."""
        shown = request.headers.get("Authorization", "").lower().startswith("basic ")
        if not shown or "client_secret" in form:
            raise OAuthError("A client shows its secret by HTTP Basic.", code="invalid_client")
        client_id = super()._client(request, form)
        if self.bank.clients[client_id].secret is None:
            raise OAuthError("This client has no secret.", code="invalid_client")
        return client_id

    def _answer(self, tokens: Tokens) -> dict[str, object]:
        """Say beside the tokens whose they are."""
        return {**super()._answer(tokens), "sub": {"snaptrade_user_id": tokens.grant.person}}


def consumer_key(client_id: str) -> str:
    """Return the consumer key that belongs to a client id."""
    return sha256(f"consumer key of {client_id}".encode()).hexdigest()


def signature(content: object, key: str) -> str:
    """Return the base64 of the HMAC-SHA256 over canonical JSON: names in order, no spaces."""
    canonical = json.dumps(content, separators=(",", ":"), sort_keys=True)
    made = hmac.digest(key.encode(), canonical.encode(), sha256)
    return b64encode(made).decode("ascii")


def is_signed(request: web.Request) -> bool:
    """Tell whether a request comes with a signature, and not with a token."""
    return "Signature" in request.headers


def admit(bank: Bank, request: web.Request) -> Grant:
    """Return whose data is asked for, by token or by signature. Raises Refusal.

    Who has to sign in at their broker again is let in: SnapTrade goes on telling what it knows.
    """
    grant = _signer(bank, request) if is_signed(request) else _bearer(bank, request)
    if grant is None or bank.authority.state(grant) in ENDED:
        raise Refusal(401, "invalid_token", "Authentication credentials were not accepted.")
    return grant


def _bearer(bank: Bank, request: web.Request) -> Grant | None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return bank.authority.admit(token) if scheme.lower() == "bearer" else None


def _signer(bank: Bank, request: web.Request) -> Grant | None:
    client_id = request.query.get("clientId", "")
    path, _, query = request.raw_path.partition("?")
    content = {"content": None, "path": path, "query": query}
    made = signature(content, consumer_key(client_id))
    if not hmac.compare_digest(made, request.headers["Signature"]):
        raise Refusal(401, "invalid_signature", "Unable to verify signature sent")
    now, sent = bank.options.clock().timestamp(), request.query.get("timestamp", "")
    if not sent.isdecimal() or abs(now - int(sent)) > GOOD_FOR_SECONDS:
        raise Refusal(401, "invalid_timestamp", "Invalid timestamp")
    return bank.authority.admit(client_id)
