"""Monzo's way in: a code for tokens with a secret and without PKCE, and an approval in the app.

    GET, POST /monzo/authorize       the consent page
    POST      /monzo/oauth2/token    each refresh ends the tokens before it, a new link all others
    POST      /monzo/oauth2/logout
    GET, POST /monzo/app             the person's phone: what waits for approval, and the button

The button of the consent page approves in the app as well, as if the phone lay beside. Who sends
`approve=later` along with it has to press the other one: until then every answer is a refusal.
"""

from datetime import datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import msgspec
from aiohttp import web

from penstock.domain.consent import ConsentState
from penstock.sandbox.authority import DEAD, Grant, Tokens
from penstock.sandbox.authorization import Client
from penstock.sandbox.bank import Bank
from penstock.sandbox.faces.answers import Refusal, json_bytes
from penstock.sandbox.faces.consent_page import HEADERS
from penstock.sandbox.faces.own_oauth import OAuthFace

CLIENT_ID = "penstock-monzo"
SECRET = "sandbox-monzo-secret"  # noqa: S105  opens nothing but the fake bank
WHILE = timedelta(minutes=5)
_PAGE = (
    """<!doctype html><html lang="en"><title>Your phone</title><h1>Your phone</h1>{asked}</html>"""
)
_ASKED = """<form method="post"><p>{client} would like to read your accounts.</p>
<button name="grant" value="{number}">Approve</button></form>"""


class MonzoLogin(OAuthFace):
    """The authorization server, and the app; `approved` is since when each grant may read."""

    def __init__(self, bank: Bank) -> None:
        super().__init__(bank, pkce=False)
        bank.clients.setdefault(CLIENT_ID, Client(CLIENT_ID, secret=SECRET))
        self.approved: dict[int, datetime | None] = {}
        self._later: set[str] = set()

    def routes(self, prefix: str) -> list[web.RouteDef]:
        """Return every route of it."""
        return [
            web.get(f"{prefix}/authorize", self.ask),
            web.post(f"{prefix}/authorize", self.decide),
            web.post(f"{prefix}/oauth2/token", self.token),
            web.post(f"{prefix}/oauth2/logout", self.log_out),
            web.get(f"{prefix}/app", self.show_phone),
            web.post(f"{prefix}/app", self.approve),
        ]

    async def decide(self, request: web.Request) -> web.Response:
        """Take the person's decision; they may leave the approval in the app for later."""
        response = await super().decide(request)
        if (await request.post()).get("approve") == "later":
            query = parse_qs(urlsplit(response.headers.get("Location", "")).query)
            self._later.update(query.get("code", []))
        return response

    async def token(self, request: web.Request) -> web.Response:
        """Exchange a code, or refresh; refusals are in Monzo's words."""
        response = await super().token(request)
        form = {name: str(text) for name, text in (await request.post()).items()}
        refreshed = form.get("grant_type") == "refresh_token"
        if response.status in {400, 401}:
            return _refused(self._refusal(response, refreshed=refreshed))
        if response.status == web.HTTPOk.status_code and not refreshed:
            later = form.get("code") in self._later
            self._note_approval(self.bank.authority.grants[-1], later=later)
        return response

    async def log_out(self, request: web.Request) -> web.Response:
        """End the grant that a token belongs to."""
        try:
            grant = self._admit(request)
        except Refusal as refusal:
            return _refused(refusal)
        self.bank.authority.end(grant, ConsentState.REVOKED)
        return json_bytes(b"{}")

    async def show_phone(self, _request: web.Request) -> web.Response:
        """Show what waits for the person's approval."""
        waiting = [one for one in self.bank.authority.grants if self._waits(one)]
        asked = [_ASKED.format(client=one.asked.client_id, number=one.number) for one in waiting]
        page = _PAGE.format(asked="".join(asked) or "<p>Nothing is asked.</p>")
        return web.Response(text=page, content_type="text/html", headers=HEADERS)

    async def approve(self, request: web.Request) -> web.Response:
        """Let the person approve what waits: one grant, or all."""
        chosen = str((await request.post()).get("grant", ""))
        for grant in self.bank.authority.grants:
            if self._waits(grant) and chosen in {"", str(grant.number)}:
                self._note_approval(grant, later=False)
        return await self.show_phone(request)

    def admit(self, _bank: Bank, request: web.Request) -> Grant:
        """Return whose data is asked for. Raises Refusal."""
        grant = self._admit(request)
        if self.approved.get(grant.number) is None:
            message = "Access forbidden due to insufficient permissions"
            raise Refusal(403, "forbidden.insufficient_permissions", message)
        return grant

    def refuse_dead(self, grant: Grant) -> None:
        """Raise Refusal where the person no longer allows it: then the token is none any more."""
        if self.bank.authority.state(grant) in DEAD:
            raise Refusal(401, "unauthorized.bad_access_token.evicted", "Access token was evicted")

    def tells_all(self, grant: Grant) -> bool:
        """Whether the person approved so short a time ago that everything is told."""
        since = self.approved.get(grant.number)
        return since is not None and self._now(grant) - since <= WHILE

    def _admit(self, request: web.Request) -> Grant:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        grant = self.bank.authority.admit(token) if scheme.lower() == "bearer" else None
        if grant is None:
            raise Refusal(401, "unauthorized.bad_access_token.expired", "Access token has expired")
        self.refuse_dead(grant)
        return grant

    def _tokens(self, form: dict[str, str], client_id: str) -> Tokens:
        tokens = super()._tokens(form, client_id)
        self.bank.authority.keep_only(tokens)
        return tokens

    def _answer(self, tokens: Tokens) -> dict[str, object]:
        answer = super()._answer(tokens)
        del answer["scope"]
        return answer | {
            "client_id": tokens.grant.asked.client_id,
            "user_id": f"user_{tokens.grant.person}",
        }

    def _refusal(self, response: web.Response, *, refreshed: bool) -> Refusal:
        told = msgspec.json.decode(response.body if isinstance(response.body, bytes) else b"{}")
        if told.get("error") != "invalid_grant":
            return Refusal(response.status, f"bad_request.{told.get('error')}", "Bad request")
        if refreshed:
            return Refusal(401, "unauthorized.bad_refresh_token", "Bad refresh token")
        return Refusal(401, "unauthorized.bad_authorization_code", "Bad authorization code")

    def _waits(self, grant: Grant) -> bool:
        return grant.number in self.approved and self.approved[grant.number] is None

    def _note_approval(self, grant: Grant, *, later: bool) -> None:
        self.approved[grant.number] = None if later else self._now(grant)

    def _now(self, grant: Grant) -> datetime:
        return self.bank.desk_of(grant).world.now


def complain(status: int, code: str, message: str) -> bytes:
    """Write an error in this protocol's words."""
    whole = code if "." in code else f"{_FAMILIES.get(status, 'internal_service')}.{code}"
    error: dict[str, object] = {"code": whole, "message": message, "params": {}}
    if status == web.HTTPUnauthorized.status_code and "access_token" in whole:
        error |= {"error": "invalid_token", "error_description": message}
    return msgspec.json.encode(error)


_FAMILIES = {
    400: "bad_request",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    429: "too_many_requests",
}


def _refused(refusal: Refusal) -> web.Response:
    return json_bytes(
        complain(refusal.status, refusal.code, refusal.message), status=refusal.status
    )
