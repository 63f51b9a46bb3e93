"""The bank's authorization server over HTTP: metadata, consent, tokens, revocation, introspection.

OAuth 2.1 with PKCE S256; RFC 8414 metadata, RFC 9207 `iss` in the callback, RFC 7009, RFC 7662.

A program consents without a browser by what the page itself does: it sends the query of the
authorization URL back to that URL as a form, with `decision=allow` (or `deny`), and if it likes
`person` and `scenario`; the answer is a 303 whose `Location` is the callback.
"""

from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Iterable, Sequence
from urllib.parse import unquote_plus

import msgspec
from aiohttp import web

from penstock.domain.errors import InvalidInput, NotFound, OAuthError
from penstock.sandbox.authority import Tokens
from penstock.sandbox.authorization import SCOPES, Question, Redirected, back, question
from penstock.sandbox.bank import Bank
from penstock.sandbox.faces.answers import json_bytes
from penstock.sandbox.faces.consent_page import HEADERS, consent_page, refusal_page
from penstock.sandbox.faces.decision import person_in, scenario_in
from penstock.sandbox.faces.spoil import reset, throttled
from penstock.sandbox.faults import FaultKind, Place
from penstock.sandbox.scenario import Scenario

Pairs = Sequence[tuple[str, str]]


class OAuthFace:
    """The authorization server: with `pkce` and `iss` as OAuth 2.1 wants it, or as older ones."""

    def __init__(self, bank: Bank, *, pkce: bool, scopes: Iterable[str] = SCOPES) -> None:
        self.bank = bank
        self.pkce = pkce
        self.scopes = tuple(scopes)

    @property
    def issuer(self) -> str:
        """What a callback says of who sent it, where it does (RFC 9207)."""
        return self.bank.url if self.pkce else ""

    async def metadata(self, _request: web.Request) -> web.Response:
        """Describe the server (RFC 8414)."""
        return _json(
            {
                "issuer": self.bank.url,
                "authorization_endpoint": f"{self.bank.url}/oauth/authorize",
                "token_endpoint": f"{self.bank.url}/oauth/token",
                "revocation_endpoint": f"{self.bank.url}/oauth/revoke",
                "introspection_endpoint": f"{self.bank.url}/oauth/introspect",
                "response_types_supported": ["code"],
                "grant_types_supported": ["authorization_code", "refresh_token"],
                "code_challenge_methods_supported": ["S256"],
                "token_endpoint_auth_methods_supported": ["none", "client_secret_post"],
                "scopes_supported": list(SCOPES),
                "authorization_response_iss_parameter_supported": True,
            }
        )

    async def ask(self, request: web.Request) -> web.Response:
        """Show the consent page."""
        pairs = list(request.query.items())
        try:
            asking = question(pairs, self.bank.clients, pkce=self.pkce, scopes=self.scopes)
            proposed = scenario_in(dict(pairs), self.bank)
        except Redirected as refused:
            return self._redirect_refusal(refused)
        except InvalidInput as refused:
            return _page(refusal_page(refused.message), status=400)
        return _page(consent_page(asking.asked.client_id, asking.asked.scope, pairs, proposed))

    async def decide(self, request: web.Request) -> web.Response:
        """Take the person's decision, and send them back to the client with it."""
        pairs = [(name, str(text)) for name, text in (await request.post()).items()]
        given = dict(pairs)
        try:
            asking = question(pairs, self.bank.clients, pkce=self.pkce, scopes=self.scopes)
            scenario, person = scenario_in(given, self.bank), person_in(given)
        except Redirected as refused:
            return self._redirect_refusal(refused)
        except (InvalidInput, NotFound) as refused:
            return _page(refusal_page(refused.message), status=400)
        if given.get("decision") != "allow":
            return self._redirect(asking, {"error": "access_denied"})
        code = self.bank.authority.consent(asking.asked, person, scenario)
        return self._redirect(asking, {"code": code})

    async def token(self, request: web.Request) -> web.Response:
        """Exchange a code, or refresh."""
        self.bank.counters["requests:token"] += 1
        form = {name: str(text) for name, text in (await request.post()).items()}
        fault = self.bank.next_fault(Place.TOKEN, None)
        if fault is not None and fault.kind is FaultKind.THROTTLED:
            return throttled(self.bank, fault, _complaint("rate_limited"))
        if fault is not None and fault.kind is FaultKind.SERVER_ERROR:
            return json_bytes(_complaint("server_error"), status=fault.status)
        try:
            client_id = self._client(request, form)
            tokens = self._tokens(form, client_id)
        except OAuthError as refused:
            status = 401 if refused.code == "invalid_client" else 400
            return _json({"error": refused.code, "error_description": refused.message}, status)
        lost = fault is not None and fault.kind is FaultKind.TOKEN_LOST
        if lost or _loses_answer(tokens):
            self.bank.counters["fault:token_lost"] += not lost
            return reset(request)
        return _json(self._answer(tokens))

    async def revoke(self, request: web.Request) -> web.Response:
        """Revoke a token with its whole grant; always 200 (RFC 7009)."""
        form = {name: str(text) for name, text in (await request.post()).items()}
        try:
            client_id = self._client(request, form)
        except OAuthError as refused:
            return _json({"error": refused.code}, 401)
        self.bank.counters["requests:revoke"] += 1
        self.bank.authority.revoke(form.get("token", ""), client_id)
        return web.Response(status=200)

    async def introspect(self, request: web.Request) -> web.Response:
        """Say what a token is good for (RFC 7662), so that tests can look."""
        form = {name: str(text) for name, text in (await request.post()).items()}
        try:
            self._client(request, form)
        except OAuthError as refused:
            return _json({"error": refused.code}, 401)
        return _json(self.bank.authority.introspect(form.get("token", "")))

    def _tokens(self, form: dict[str, str], client_id: str) -> Tokens:
        authority = self.bank.authority
        match form.get("grant_type"):
            case "authorization_code":
                return authority.exchange(
                    form.get("code", ""),
                    client_id,
                    form.get("redirect_uri", ""),
                    form.get("code_verifier", ""),
                )
            case "refresh_token":
                return authority.rotate(form.get("refresh_token", ""), client_id)
            case _:
                raise OAuthError("This grant is not offered.", code="unsupported_grant_type")

    def _client(self, request: web.Request, form: dict[str, str]) -> str:
        """Return who asks; a client with a secret has to show it (RFC 6749 §2.3.1)."""
        client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
        scheme, _, encoded = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() == "basic":
            client_id, secret = _basic(encoded)
        client = self.bank.clients.get(client_id)
        if client is None or (client.secret is not None and client.secret != secret):
            raise OAuthError("The client is unknown or its secret wrong.", code="invalid_client")
        return client_id

    def _answer(self, tokens: Tokens) -> dict[str, object]:
        """Return what a token endpoint answers (RFC 6749 §5.1)."""
        return {
            "access_token": tokens.access,
            "refresh_token": tokens.refresh,
            "token_type": "Bearer",
            "expires_in": tokens.seconds,
            "scope": tokens.grant.asked.scope,
        }

    def _redirect(self, asking: Question, answer: dict[str, str]) -> web.Response:
        parameters = {**answer, "state": asking.state, "iss": self.issuer}
        return _see_other(back(asking.asked.redirect_uri, parameters))

    def _redirect_refusal(self, refused: Redirected) -> web.Response:
        parameters = {
            "error": refused.code,
            "error_description": refused.message,
            "state": refused.state,
            "iss": self.issuer,
        }
        return _see_other(back(refused.redirect_uri, parameters))


def _loses_answer(tokens: Tokens) -> bool:
    """Tell whether this is the one refresh whose answer never arrives."""
    return tokens.grant.scenario is Scenario.ROTATED_TOKEN_LOST and tokens.grant.refreshes == 1


def _basic(encoded: str) -> tuple[str, str]:
    try:
        name, _, secret = b64decode(encoded, validate=True).decode().partition(":")
    except (NotBase64, ValueError):
        raise OAuthError("These are no credentials.", code="invalid_client") from None
    return unquote_plus(name), unquote_plus(secret)


def _complaint(code: str) -> bytes:
    return msgspec.json.encode({"error": code})


def _json(content: dict[str, object], status: int = 200) -> web.Response:
    return json_bytes(msgspec.json.encode(content), status=status)


def _page(text: str, *, status: int = 200) -> web.Response:
    return web.Response(text=text, status=status, content_type="text/html", headers=HEADERS)


def _see_other(location: str) -> web.Response:
    return web.Response(status=303, headers={**HEADERS, "Location": location})
