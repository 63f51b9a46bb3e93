"""How the bank answers a request for a person's data: shared by every face."""

import asyncio
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus

from aiohttp import web

from penstock.domain.consent import ConsentState
from penstock.sandbox.authority import DEAD, Grant
from penstock.sandbox.bank import Bank
from penstock.sandbox.faults import Place

BANK = web.AppKey("bank", Bank)


class Scheme(StrEnum):
    """How a program shows its access token: as it is, or as the password of Basic (RFC 7617)."""

    BEARER = "bearer"
    BASIC = "basic"


class Refusal(Exception):
    """The bank says no, with a status and a stable code: its answer, and no failure of ours."""

    def __init__(self, status: int, code: str, message: str) -> None:
        self.status = status
        self.code = code
        self.message = message
        super().__init__(message)


def consent_headers(bank: Bank, grant: Grant) -> dict[str, str]:
    """Return how the consent stands, as every good answer says it."""
    return {
        "Consent-State": bank.authority.state(grant).value,
        "Consent-Ends": grant.consent_ends.isoformat(),
    }


@dataclass(frozen=True, slots=True)
class Reply:
    """How a face answers one kind of request.

    `answer` writes the right body, `complain` an error from status, code and message, `unready`
    is the body that says "come back later" where the protocol has one, `headers` come with every
    right answer, and `scope` is what the person must have allowed, where it matters. `scheme` is
    how tokens are shown, and `unauthorized` the status of the answer to one that is not good;
    where they are shown in no header, `admit` finds out whose data is asked for, or raises Refusal.
    """

    place: Place
    answer: Callable[[Grant], bytes]
    complain: Callable[[int, str, str], bytes]
    unready: bytes = b""
    headers: Callable[[Bank, Grant], Mapping[str, str]] = consent_headers
    scope: str = ""
    scheme: Scheme = Scheme.BEARER
    unauthorized: int = HTTPStatus.UNAUTHORIZED
    admit: Callable[[Bank, web.Request], Grant] | None = None


def admitted(bank: Bank, request: web.Request, expected: Scheme = Scheme.BEARER) -> Grant:
    """Return the grant that the request's access token belongs to. Raises Refusal."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if expected is Scheme.BASIC:
        token = _password(token)
    grant = bank.authority.admit(token) if scheme.lower() == expected else None
    if grant is None:
        raise Refusal(401, "invalid_token", "The access token is missing, unknown or too old.")
    refuse_dead(bank, grant)
    return grant


def _password(encoded: str) -> str:
    try:
        return b64decode(encoded, validate=True).decode().partition(":")[2]
    except (NotBase64, ValueError):
        return ""


def refuse_dead(bank: Bank, grant: Grant) -> None:
    """Raise Refusal where the person no longer allows it."""
    state = bank.authority.state(grant)
    if state is ConsentState.LOGIN_REQUIRED:
        raise Refusal(401, "login_required", "The person has to sign in at the bank again.")
    if state in DEAD:
        raise Refusal(403, f"consent_{state}", f"The consent is {state}: ask for a new one.")


def refuse_unasked(grant: Grant, scope: str) -> None:
    """Raise Refusal where the person never allowed this."""
    if scope and scope not in grant.asked.scope.split():
        raise Refusal(403, "consent_required", f"Nobody allowed you to read {scope}.")


def refuse(refusal: Refusal, reply: Reply) -> web.Response:
    """Return the answer that says no."""
    body = reply.complain(refusal.status, refusal.code, refusal.message)
    status = refusal.status
    if status == HTTPStatus.UNAUTHORIZED:
        status = reply.unauthorized
    if status != HTTPStatus.UNAUTHORIZED:
        return json_bytes(body, status=status)
    challenge = {"WWW-Authenticate": f'Bearer error="{refusal.code}"'}
    return json_bytes(body, status=refusal.status, headers=challenge)


def json_bytes(
    body: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None
) -> web.Response:
    """Return an answer whose JSON is already bytes."""
    return web.Response(
        body=body,
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store", **(headers or {})},
    )


async def delay(bank: Bank) -> None:
    """Wait as long as the bank was told to, without keeping others waiting."""
    if bank.options.latency_ms:
        await asyncio.sleep(bank.options.latency_ms / 1000)
