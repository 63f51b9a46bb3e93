"""Sessions as Enable Banking has them: a bank is named, a person consents, a code opens one.

Everything is signed by the application; whose data is asked for stands in the address: a session's
id, or the `uid` that an account has in one session only.
"""

from base64 import b64encode
from collections.abc import Awaitable, Callable, Container, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha256
from urllib.parse import urlencode
from uuid import UUID, uuid5

import msgspec
from aiohttp import web
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from penstock.domain.account import AccountType
from penstock.domain.consent import ConsentState
from penstock.sandbox.authority import Asked, Grant
from penstock.sandbox.bank import Bank
from penstock.sandbox.faces.answers import Refusal, json_bytes, refuse_dead
from penstock.sandbox.plan import AccountPlan
from penstock.sandbox.scenario import Scenario
from penstock.sandbox.visits import Visit

PREFIX = "/enablebanking"
APPLICATION = "5aa0c8d2-0b8c-4c38-9c64-1f8d1f6b7a10"
BANK = {"name": "Sandbox Bank", "country": "DE"}
SCOPE = "accounts balances transactions"
A_DAY = 86_400
CODES = {
    "access_exceeded": (429, "ASPSP_RATE_LIMIT_EXCEEDED"),
    "consent_expired": (401, "EXPIRED_SESSION"),
    "consent_revoked": (401, "REVOKED_SESSION"),
    "login_required": (401, "ASPSP_PSU_ACTION_REQUIRED"),
    "invalid_token": (404, "SESSION_DOES_NOT_EXIST"),
    "server_error": (500, "ASPSP_ERROR"),
}
_UIDS = UUID("0f8f7a52-6f1c-4d3c-9d5b-5ad3b7b6c2e1")
Shape = dict[str, object]
Wanted = Mapping[str, object]
Tell = Callable[[web.Request, Wanted], Shape]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def complain(status: int, code: str, message: str) -> bytes:
    """Write an error in this protocol's words."""
    word = CODES.get(code, (status, code.upper()))[1]
    return msgspec.json.encode({"message": message, "code": status, "error": word})


@cache
def _key() -> RSAKey:
    """Return the application's key: a new one for each process."""
    return RSAKey.generate_key(2048)


def application_key() -> str:
    """Return the private key as one word: PKCS #8 in base64."""
    return b64encode(_key().as_der(private=True)).decode()


def hash_of(account: AccountPlan) -> str:
    """Return what an account is known by from session to session."""
    return sha256(f"{account.identity} {account.currency}".encode()).hexdigest()


@dataclass(slots=True)
class _Session:
    """One session: its grant, and its accounts by their `uid`."""

    grant: Grant
    accounts: Mapping[str, AccountPlan]


class Sessions:
    """The endpoints that link, and who is admitted. `kinds` are the accounts that can be told."""

    def __init__(self, bank: Bank, kinds: Container[AccountType]) -> None:
        self._bank = bank
        self._kinds = kinds
        self._sessions: dict[str, _Session] = {}
        self._by_uid: dict[str, _Session] = {}
        self._codes: dict[str, tuple[str, Scenario, datetime]] = {}

    def routes(self) -> list[web.RouteDef]:
        """Return every route but those that tell a person's data."""
        one = f"{PREFIX}/sessions/{{session}}"
        return [
            web.get(f"{PREFIX}/aspsps", self._plain(self._banks)),
            web.post(f"{PREFIX}/auth", self._plain(self._arrange)),
            web.post(f"{PREFIX}/sessions", self._plain(self._open)),
            web.delete(one, self._plain(self._close)),
        ]

    def admitted(self, request: web.Request) -> Grant:
        """Return the grant of the session that is asked for. Raises Refusal."""
        _check_signature(request)
        return self._alive(self._sessions.get(request.match_info["session"])).grant

    def admitted_to_account(self, request: web.Request) -> Grant:
        """Return the grant of the session in which an account has this `uid`. Raises Refusal."""
        _check_signature(request)
        return self._alive(self._by_uid.get(request.match_info["uid"])).grant

    def account(self, uid: str) -> AccountPlan:
        """Return the account that has this `uid` in some session."""
        return self._by_uid[uid].accounts[uid]

    def is_first(self, uid: str) -> bool:
        """Tell whether this is a session's first account: with its details a reader begins."""
        return next(iter(self._by_uid[uid].accounts)) == uid

    def told(self, name: str) -> Shape:
        """Return what is said of a session."""
        session = self._sessions[name]
        return {
            "status": "AUTHORIZED",
            "accounts": list(session.accounts),
            "accounts_data": [
                {"uid": uid, "identification_hash": hash_of(each)}
                for uid, each in session.accounts.items()
            ],
            "aspsp": BANK,
            "psu_type": "personal",
            "access": {"valid_until": session.grant.consent_ends},
        }

    def _plain(self, tell: Tell) -> Handler:
        """Return a handler for what is of no session (yet)."""

        async def handle(request: web.Request) -> web.StreamResponse:
            self._bank.counters["requests:token"] += 1
            try:
                _check_signature(request)
                return json_bytes(msgspec.json.encode(tell(request, _object(await request.read()))))
            except Refusal as refusal:
                body = complain(refusal.status, refusal.code, refusal.message)
                return json_bytes(body, status=refusal.status)

        return handle

    def _banks(self, request: web.Request, _wanted: Wanted) -> Shape:
        here = request.query.get("country", BANK["country"]) == BANK["country"]
        days = self._bank.options.consent_days
        told = {**BANK, "psu_types": ["personal"], "maximum_consent_validity": days * A_DAY}
        return {"aspsps": [told] if here else []}

    def _arrange(self, _request: web.Request, wanted: Wanted) -> Shape:
        access, back = wanted.get("access"), str(wanted.get("redirect_url", ""))
        if wanted.get("aspsp") != BANK:
            raise Refusal(422, "wrong_aspsp_provided", "There is no such bank.")
        if not isinstance(access, dict) or not back or "state" not in wanted:
            raise Refusal(422, "wrong_request_parameters", "Something is missing.")
        until = self._until(access.get("valid_until"))
        state = str(wanted["state"])
        visit = Visit(
            program="A reader of accounts",
            scope=SCOPE,
            allow=lambda person, scenario: self._allow(back, state, (person, scenario, until)),
            deny=lambda: _at(back, state=state, error="access_denied", error_description="No."),
        )
        name = self._bank.visits.expect(visit)
        return {"url": f"{self._bank.url}/visits/{name}", "authorization_id": name}

    def _until(self, text: object) -> datetime:
        """Return until when a consent is asked for: not longer than the bank allows."""
        try:
            until = datetime.fromisoformat(str(text))
            asked = until - self._bank.options.clock()
        except (ValueError, TypeError):
            raise Refusal(422, "wrong_request_parameters", "valid_until is no instant.") from None
        if asked.total_seconds() > self._bank.options.consent_days * A_DAY:
            raise Refusal(422, "wrong_request_parameters", "The bank allows less than that.")
        return until

    def _allow(self, back: str, state: str, given: tuple[str, Scenario, datetime]) -> str:
        code = self._bank.options.mint()
        self._codes[code] = given
        return _at(back, state=state, code=code)

    def _open(self, _request: web.Request, wanted: Wanted) -> Shape:
        given = self._codes.pop(str(wanted.get("code")), None)
        if given is None:
            raise Refusal(400, "wrong_authorization_code", "The code is none, or was used.")
        person, scenario, until = given
        asked = Asked("enablebanking", "", "", SCOPE)
        grant = self._bank.authority.grant(asked, person, scenario)
        grant.consent_ends = min(grant.consent_ends, until)
        name = self._bank.options.mint()
        world = self._bank.desk_of(grant).world
        told = (each for each in world.accounts if each.type in self._kinds)
        accounts = {str(uuid5(_UIDS, f"{name} {each.external_id}")): each for each in told}
        session = self._sessions[name] = _Session(grant, accounts)
        self._by_uid |= dict.fromkeys(accounts, session)
        told_now = self.told(name)
        return {
            "session_id": name,
            "accounts": told_now["accounts_data"],
            "aspsp": BANK,
            "psu_type": "personal",
            "access": told_now["access"],
        }

    def _close(self, request: web.Request, _wanted: Wanted) -> Shape:
        session = self._alive(self._sessions.get(request.match_info["session"]))
        self._bank.counters["requests:revoke"] += 1
        self._bank.authority.end(session.grant, ConsentState.REVOKED)
        return {"message": "OK"}

    def _alive(self, session: _Session | None) -> _Session:
        if session is None:
            raise Refusal(404, "invalid_token", "There is no such session.")
        try:
            refuse_dead(self._bank, session.grant)
        except Refusal as refusal:
            raise Refusal(CODES[refusal.code][0], refusal.code, refusal.message) from None
        return session


def _check_signature(request: web.Request) -> None:
    """Raise Refusal for a request that the application has not signed, or not lately."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    try:
        signed = jwt.decode(token, _key(), algorithms=["RS256"])
        claims = (signed.claims["iss"], signed.claims["aud"])
        lasts = signed.claims["exp"] - signed.claims["iat"]
    except (JoseError, ValueError, KeyError, TypeError):
        raise Refusal(401, "unauthorized_access", "The signature is none.") from None
    sound = claims == ("enablebanking.com", "api.enablebanking.com") and 0 < lasts <= A_DAY
    if scheme != "Bearer" or signed.header.get("kid") != APPLICATION or not sound:
        raise Refusal(401, "unauthorized_access", "The signature is not an application's.")


def _object(body: bytes) -> Wanted:
    try:
        return msgspec.json.decode(body or b"{}", type=dict[str, object])
    except msgspec.DecodeError:
        raise Refusal(422, "wrong_request_parameters", "The body is no object.") from None


def _at(address: str, **query: str) -> str:
    return f"{address}{'&' if '?' in address else '?'}{urlencode(query)}"
