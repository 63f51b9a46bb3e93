"""Signing in: the OAuth 2 token endpoint (RFC 6749 §4.1.3, §4.3, §5, §6).

A program trades its code or its refresh token here, and proves that it is the one if it can. The
password grant is what RFC 9700 §2.4 advises against between strangers; there both ends are ours. So
it takes no client id but our own, and PENSTOCK_PASSWORD_GRANT=false switches it off (L8).
Errors have the form that RFC 6749 §5.2 gives them, for that is what its clients read.
"""

from typing import Annotated, Any, Final

from fastapi import Request
from pydantic import Field
from starlette.responses import Response

from penstock.api.auth import open_to_all
from penstock.api.client_auth import Named, client_of, named_client
from penstock.api.dpop import proved_key
from penstock.api.form import MEDIA_TYPE, read_form
from penstock.api.refusals import Refused, TokenError, needed, oauth_answer, refusal
from penstock.api.routing import nouns
from penstock.api.running import Installation, Running
from penstock.api.schemas import Outgoing
from penstock.api.where import where_of
from penstock.domain.errors import NotSignedIn, PenstockError, TooManyAttempts
from penstock.domain.secret import Secret
from penstock.identity.clients import Client
from penstock.identity.codes import Shown
from penstock.identity.identity import Issued
from penstock.identity.purpose import OWN_CLIENT, Presenter, Purpose
from penstock.identity.scopes import DESCRIPTIONS, read_scopes, wanted_scopes, write_scopes

_FIELDS: Final = frozenset(
    "grant_type username password otp refresh_token scope client_id client_secret "
    "code redirect_uri code_verifier device_code".split()
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


_FORM: Final[dict[str, Any]] = {
    "required": True,
    "content": {
        MEDIA_TYPE: {
            "schema": {
                "type": "object",
                "required": ["grant_type"],
                "properties": {
                    "grant_type": {
                        "enum": ["password", "refresh_token", "authorization_code", DEVICE]
                    },
                    "username": {"type": "string"},
                    "password": {"type": "string", "format": "password"},
                    "otp": {
                        "type": "string",
                        "description": "A code of your authenticator, or a recovery code: where "
                        "you have a second factor, the error is `mfa_required` without.",
                    },
                    "refresh_token": {"type": "string"},
                    "scope": {
                        "type": "string",
                        "description": "Names with one space between them; all where left out. "
                        + " ".join(f"`{name}`: {text}" for name, text in DESCRIPTIONS.items()),
                    },
                    "code": {"type": "string"},
                    "redirect_uri": {"type": "string"},
                    "code_verifier": {"type": "string"},
                    "client_id": {
                        "type": "string",
                        "description": "Of a program that was registered; left out: our own.",
                    },
                    "client_secret": {"type": "string", "format": "password"},
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
        401: {"model": TokenError, "description": "The client is not known here."},
        429: {"model": TokenError, "description": "Too many attempts; see Retry-After."},
    },
    openapi_extra={"requestBody": _FORM},
)
async def token(request: Request, running: Running) -> Response:
    """Exchange a user name and a password, or a refresh token, for tokens."""
    try:
        form = await read_form(request, _FIELDS)
        issued = await _grant(request, running, form, named_client(request, form))
    except PenstockError as error:
        return refusal(error)
    body = {
        "access_token": issued.access.reveal(),
        "token_type": issued.token_type,
        "expires_in": issued.expires_in,
        "refresh_token": issued.refresh.reveal(),
        "scope": write_scopes(issued.scopes),
    }
    return oauth_answer(body)


async def _grant(
    request: Request, running: Installation, form: dict[str, str], named: Named
) -> Issued:
    match form.get("grant_type"):
        case "password" if running.settings.password_grant:
            if named.client_id not in ("", OWN_CLIENT):
                raise Refused("unauthorized_client", "Only our own programs sign in this way.")
            name, password = needed(form, "username"), Secret(needed(form, "password"))
            code = Secret(form["otp"]) if "otp" in form else None
            return await _sign_in(request, running, name, password, form.get("scope", ""), code)
        case "authorization_code":
            client = await client_of(running, named)
            return await _exchange(request, running, client, form)
        case "refresh_token":
            client = await client_of(running, named, otherwise=OWN_CLIENT)
            return await _renew(request, running, client, form)
        case "urn:ietf:params:oauth:grant-type:device_code":
            client = await client_of(running, named, otherwise=OWN_CLIENT)
            return await _device(request, running, client, Secret(needed(form, "device_code")))
        case None:
            raise Refused("invalid_request", "Say which grant_type.")
        case _:
            raise Refused("unsupported_grant_type", "That grant_type is not taken here.")


async def _exchange(
    request: Request, running: Installation, client: Client, form: dict[str, str]
) -> Issued:
    shown = Shown(
        code=Secret(needed(form, "code")),
        redirect_uri=needed(form, "redirect_uri"),
        verifier=Secret(needed(form, "code_verifier")),
        key_thumbprint=await proved_key(request, running),
    )
    return await running.authorization.codes.exchange(client, shown, where_of(request))


async def _renew(
    request: Request, running: Installation, client: Client, form: dict[str, str]
) -> Issued:
    given, scope = Secret(needed(form, "refresh_token")), form.get("scope", "")
    presenter = Presenter(
        client_id=client.id,
        key_thumbprint=await proved_key(request, running),
        authenticated=not client.is_public,
    )
    return await running.identity.refresh(given, read_scopes(scope) if scope else None, presenter)


async def _device(request: Request, running: Installation, client: Client, code: Secret) -> Issued:
    """Give a device its tokens, if a person agreed (RFC 8628 §3.4)."""
    presenter = Presenter(
        client_id=client.id,
        key_thumbprint=await proved_key(request, running),
        authenticated=not client.is_public,
    )
    agreed = await running.identity.devices.ask(code, presenter)
    return await running.identity.begin_for(agreed.user, where_of(request), agreed.purpose)


async def _sign_in(
    request: Request,
    running: Installation,
    name: str,
    password: Secret,
    scope: str,
    code: Secret | None,
) -> Issued:
    where = where_of(request)
    purpose = Purpose(wanted_scopes(scope), key_thumbprint=await proved_key(request, running))
    try:
        issued = await running.identity.sign_in(name, password, where, purpose, code)
    except TooManyAttempts:
        running.metrics.signed_in("throttled")
        raise
    except NotSignedIn:
        running.metrics.signed_in("refused")
        raise
    running.metrics.signed_in("ok")
    return issued
