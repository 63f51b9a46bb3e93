"""What a program may ask about its own tokens: to end them (RFC 7009), what they say (RFC 7662).

An unknown token and another program's are told the same as one that is over (security.md R7).
"""

from typing import Annotated, Any, Final

from fastapi import Request
from pydantic import Field
from starlette.responses import Response

from penstock.api.auth import open_to_all
from penstock.api.client_auth import client_of, named_client
from penstock.api.form import MEDIA_TYPE, read_form
from penstock.api.refusals import TokenError, needed, oauth_answer, refusal
from penstock.api.routing import nouns
from penstock.api.running import Installation, Running
from penstock.api.schemas import Outgoing
from penstock.domain.errors import PenstockError
from penstock.domain.secret import Secret
from penstock.identity.clients import Client

_FIELDS: Final = frozenset({"token", "token_type_hint", "client_id", "client_secret"})
_CLIENTS: Final = [open_to_all("the client proves by itself which one it is")]
_REFUSALS: Final[dict[int | str, dict[str, Any]]] = {
    400: {"model": TokenError, "description": "The request cannot be read."},
    401: {"model": TokenError, "description": "The client is not known here."},
}
_FORM: Final[dict[str, Any]] = {
    "required": True,
    "content": {
        MEDIA_TYPE: {
            "schema": {
                "type": "object",
                "required": ["token"],
                "properties": {name: {"type": "string"} for name in sorted(_FIELDS)},
            }
        }
    },
}

router = nouns("programs", prefix="")


class Inspected(Outgoing):
    """What a token says; `active` alone where there is nothing to say (RFC 7662 §2.2)."""

    active: bool
    token_type: Annotated[str | None, Field(examples=["Bearer"])] = None
    scope: Annotated[str | None, Field(examples=["read sync"])] = None
    client_id: Annotated[str | None, Field(examples=["app_Rk9Pc2x0dGhlcmUh"])] = None
    username: Annotated[str | None, Field(examples=["ada"])] = None
    sub: Annotated[str | None, Field(examples=["usr_0000000000001"])] = None
    aud: Annotated[str | None, Field(examples=["penstock:api"])] = None
    iss: Annotated[str | None, Field(examples=["https://penstock.example.org"])] = None
    jti: str | None = None
    iat: int | None = None
    nbf: int | None = None
    exp: int | None = None
    cnf: Annotated[dict[str, str] | None, Field(description="To which key it is bound.")] = None


@router.post(
    "/revoke",
    summary="End a session by one of its tokens",
    dependencies=_CLIENTS,
    response_class=Response,
    responses={200: {"description": "Whatever token that was, it opens nothing."}, **_REFUSALS},
    openapi_extra={"requestBody": _FORM},
)
async def revoke(request: Request, running: Running) -> Response:
    """End the session that a token of the program belongs to, with all its tokens."""
    try:
        client, token = await _read(request, running)
        await running.authorization.inspector.revoke(client, token)
    except PenstockError as error:
        return refusal(error)
    return Response()


@router.post(
    "/introspect",
    summary="Say what a token says",
    dependencies=_CLIENTS,
    response_model=Inspected,
    responses=_REFUSALS,
    openapi_extra={"requestBody": _FORM},
)
async def introspect(request: Request, running: Running) -> Response:
    """Say whether a token of the program is good, and what for."""
    try:
        client, token = await _read(request, running)
        told = await running.authorization.inspector.introspect(client, token)
    except PenstockError as error:
        return refusal(error)
    return oauth_answer(told)


async def _read(request: Request, running: Installation) -> tuple[Client, Secret]:
    form = await read_form(request, _FIELDS)
    client = await client_of(running, named_client(request, form))
    return client, Secret(needed(form, "token"))
