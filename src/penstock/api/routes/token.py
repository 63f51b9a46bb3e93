"""Signing in: the OAuth 2 token endpoint (RFC 6749 §4.3, §5, §6), for our own clients only.

The password grant is what RFC 9700 §2.4 advises against between strangers; here both ends are ours.
So it takes no client id but our own, and PENSTOCK_PASSWORD_GRANT=false switches it off (L8).
Errors have the form that RFC 6749 §5.2 gives them, for that is what its clients read.
"""

import base64
import binascii
import json
from typing import Annotated, Any, ClassVar, Final

from fastapi import Request
from pydantic import Field
from starlette.responses import Response

from penstock.api.auth import open_to_all
from penstock.api.dpop import ProofRefused, proved_key
from penstock.api.errors import MalformedRequest, seconds_to_wait
from penstock.api.form import MEDIA_TYPE, read_form
from penstock.api.routing import nouns
from penstock.api.running import Installation, Running
from penstock.api.schemas import Outgoing
from penstock.api.where import where_of
from penstock.domain.errors import NotSignedIn, PenstockError, TooManyAttempts
from penstock.domain.secret import Secret
from penstock.identity.devices import DeviceRefused
from penstock.identity.identity import Issued
from penstock.identity.purpose import Presenter, Purpose
from penstock.identity.scopes import (
    DESCRIPTIONS,
    UnknownScope,
    read_scopes,
    wanted_scopes,
    write_scopes,
)

FIRST_PARTY: Final = frozenset({"", "penstock"})
"""The client ids that mean one of our own programs. No client id means the same."""

_FIELDS: Final = frozenset(
    ("grant_type username password refresh_token device_code scope client_id client_secret").split()
)
DEVICE: Final = "urn:ietf:params:oauth:grant-type:device_code"

router = nouns("sign in", prefix="")


class Tokens(Outgoing):
    """What opens `/v1` (RFC 6749 §5.1)."""

    access_token: Annotated[
        str, Field(description="Send it behind its type: `Authorization: Bearer …`.")
    ]
    token_type: Annotated[
        str, Field(description="DPoP where the request had a proof.", examples=["Bearer", "DPoP"])
    ]
    expires_in: Annotated[int, Field(description="Seconds.", examples=[600])]
    refresh_token: Annotated[str, Field(description="Good once, for the next pair of tokens.")]
    scope: Annotated[str, Field(examples=["connect quotes read sync write"])]


class TokenError(Outgoing):
    """Why there are no tokens (RFC 6749 §5.2)."""

    error: Annotated[str, Field(examples=["invalid_grant"])]
    error_description: Annotated[str, Field(examples=["The user name or the password is wrong."])]


class Refused(PenstockError):
    """There are no tokens for this request; `code` is the `error` of RFC 6749 §5.2."""

    status = 400
    headers: ClassVar[dict[str, str]] = {}

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class ClientRefused(Refused):
    """The client is not one of ours, and said so by HTTP Basic."""

    status = 401
    headers: ClassVar[dict[str, str]] = {"WWW-Authenticate": 'Basic realm="penstock"'}


_FORM: Final[dict[str, Any]] = {
    "required": True,
    "content": {
        MEDIA_TYPE: {
            "schema": {
                "type": "object",
                "required": ["grant_type"],
                "properties": {
                    "grant_type": {"enum": ["password", "refresh_token", DEVICE]},
                    "username": {"type": "string"},
                    "password": {"type": "string", "format": "password"},
                    "refresh_token": {"type": "string"},
                    "device_code": {"type": "string"},
                    "scope": {
                        "type": "string",
                        "description": "Names with one space between them; all where left out. "
                        + " ".join(f"`{name}`: {text}" for name, text in DESCRIPTIONS.items()),
                    },
                    "client_id": {
                        "type": "string",
                        "description": "Leave it out: only our own programs sign in this way.",
                    },
                },
            },
            "examples": {
                "password": {"value": {"grant_type": "password", "username": "ada"}},
                "refresh": {"value": {"grant_type": "refresh_token", "refresh_token": "pstr_…"}},
            },
        }
    },
}


@router.post(
    "/token",
    summary="Sign in, or renew the tokens",
    dependencies=[open_to_all("this is where one signs in")],
    response_model=Tokens,
    responses={
        400: {"model": TokenError, "description": "There are no tokens for this request."},
        401: {"model": TokenError, "description": "The client is not one of ours."},
        429: {"model": TokenError, "description": "Too many attempts; see Retry-After."},
    },
    openapi_extra={"requestBody": _FORM},
)
async def token(request: Request, running: Running) -> Response:
    """Exchange a user name and a password, or a refresh token, for tokens."""
    try:
        form = await read_form(request, _FIELDS)
        check_client(request, form.get("client_id", ""))
        issued = await _grant(request, running, form)
    except PenstockError as error:
        refused = refusal(error)
        if refused is None:
            raise
        return refused
    body = {
        "access_token": issued.access.reveal(),
        "token_type": issued.token_type,
        "expires_in": issued.expires_in,
        "refresh_token": issued.refresh.reveal(),
        "scope": write_scopes(issued.scopes),
    }
    return _answer(body, 200)


async def _grant(request: Request, running: Installation, form: dict[str, str]) -> Issued:
    scope = form.get("scope", "")
    match form.get("grant_type"):
        case "password" if running.settings.password_grant:
            name, password = _needed(form, "username"), Secret(_needed(form, "password"))
            return await _sign_in(request, running, name, password, scope)
        case "refresh_token":
            given = Secret(_needed(form, "refresh_token"))
            wanted = read_scopes(scope) if scope else None
            presenter = Presenter(key_thumbprint=await proved_key(request, running))
            return await running.identity.refresh(given, wanted, presenter)
        case "urn:ietf:params:oauth:grant-type:device_code":
            return await _device(request, running, Secret(_needed(form, "device_code")))
        case None:
            raise Refused("invalid_request", "Say which grant_type.")
        case _:
            raise Refused("unsupported_grant_type", "That grant_type is not taken here.")


async def _sign_in(
    request: Request, running: Installation, name: str, password: Secret, scope: str
) -> Issued:
    purpose = Purpose(wanted_scopes(scope), key_thumbprint=await proved_key(request, running))
    try:
        issued = await running.identity.sign_in(name, password, where_of(request), purpose)
    except TooManyAttempts:
        running.metrics.signed_in("throttled")
        raise
    except NotSignedIn:
        running.metrics.signed_in("refused")
        raise
    running.metrics.signed_in("ok")
    return issued


async def _device(request: Request, running: Installation, code: Secret) -> Issued:
    """Give a device its tokens, if a person agreed (RFC 8628 §3.4)."""
    presenter = Presenter(key_thumbprint=await proved_key(request, running))
    agreed = await running.identity.devices.ask(code, presenter)
    return await running.identity.begin_session(agreed.user_id, where_of(request), agreed.purpose)


def _needed(form: dict[str, str], name: str) -> str:
    if name not in form:
        raise Refused("invalid_request", f"The field {name} is missing.")
    return form[name]


def check_client(request: Request, client_id: str) -> None:
    """Refuse every client but our own, named in the form or by HTTP Basic (RFC 6749 §2.3.1)."""
    header = request.headers.get("authorization")
    if header is not None:
        client_id = _basic_client(header) or client_id
    if client_id not in FIRST_PARTY:
        raise Refused("unauthorized_client", "Only our own programs sign in this way.")


def _basic_client(header: str) -> str:
    scheme, _, content = header.partition(" ")
    try:
        if scheme.lower() == "basic":
            text = base64.b64decode(content.encode("ascii"), validate=True).decode("utf-8")
            if ":" in text:
                return text.partition(":")[0]
    except (UnicodeError, binascii.Error):
        pass
    raise ClientRefused("invalid_client", "That Authorization header names no client of ours.")


def refusal(error: PenstockError) -> Response | None:
    """Return an error in the form of RFC 6749 §5.2; None where it has none there."""
    match error:
        case ProofRefused():
            return _refuse(error.code, error, 400, error.nonce)
        case DeviceRefused():
            return _refuse(error.code, error)
        case Refused():
            return _refuse(error.code, error, error.status, error.headers)
        case NotSignedIn() | UnknownScope() | MalformedRequest():
            return _refuse(_code_of(error), error)
        case TooManyAttempts():
            return _refuse("too_many_attempts", error, 429, seconds_to_wait(error))
        case _:
            return None


def _code_of(error: PenstockError) -> str:
    if isinstance(error, NotSignedIn):
        return "invalid_grant"
    return "invalid_scope" if isinstance(error, UnknownScope) else "invalid_request"


def _refuse(
    code: str, error: PenstockError, status: int = 400, headers: dict[str, str] | None = None
) -> Response:
    return _answer({"error": code, "error_description": error.message}, status, headers)


def _answer(body: dict[str, Any], status: int, headers: dict[str, str] | None = None) -> Response:
    content = json.dumps(body).encode()
    return Response(content, status, {"Pragma": "no-cache", **(headers or {})}, "application/json")
