"""Pushing an authorization request beforehand (RFC 9126): nobody can alter it on its way."""

from typing import Annotated, Any, Final

from fastapi import Request
from pydantic import Field
from starlette.responses import Response

from penstock.api.auth import open_to_all
from penstock.api.authorizing import PARAMETERS, NotSentBack, SentBack, read_asked
from penstock.api.client_auth import client_of, named_client
from penstock.api.form import MEDIA_TYPE, read_form
from penstock.api.refusals import Refused, TokenError, oauth_answer, refusal
from penstock.api.routing import nouns
from penstock.api.running import Installation, Running
from penstock.api.schemas import Outgoing
from penstock.domain.errors import PenstockError
from penstock.identity.pushed import LIFETIME

_FIELDS: Final = PARAMETERS | {"client_secret"}

router = nouns("programs", prefix="")


class Pushed(Outgoing):
    """Under which name the request waits."""

    request_uri: Annotated[
        str, Field(examples=["urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c"])
    ]
    expires_in: Annotated[int, Field(description="Seconds.", examples=[60])]


_FORM: Final[dict[str, Any]] = {
    "required": True,
    "content": {
        MEDIA_TYPE: {
            "schema": {
                "type": "object",
                "required": "redirect_uri response_type code_challenge".split(),
                "properties": {name: {"type": "string"} for name in sorted(_FIELDS)},
            }
        }
    },
}


@router.post(
    "/par",
    summary="Push an authorization request",
    status_code=201,
    dependencies=[open_to_all("the client proves by itself which one it is")],
    response_model=Pushed,
    responses={
        400: {"model": TokenError, "description": "The request is not one that can be granted."},
        401: {"model": TokenError, "description": "The client is not known here."},
        429: {"model": TokenError, "description": "Too many requests wait; see Retry-After."},
    },
    openapi_extra={"requestBody": _FORM},
)
async def push(request: Request, running: Running) -> Response:
    """Keep an authorization request for a minute, and name it; send the browser with the name."""
    try:
        form = await read_form(request, _FIELDS)
        client = await client_of(running, named_client(request, form))
        form.pop("client_secret", None)
        name = await _kept(running, client.id, form)
    except PenstockError as error:
        return refusal(error)
    seconds = int(LIFETIME.total_seconds())
    return oauth_answer({"request_uri": name, "expires_in": seconds}, 201)


async def _kept(running: Installation, client_id: str, form: dict[str, str]) -> str:
    fields = form | {"client_id": client_id}
    try:
        await read_asked(running.authorization.clients, fields.items())
    except NotSentBack as error:
        raise Refused("invalid_request", error.message) from None
    except SentBack as error:
        raise Refused(error.code, error.message) from None
    return await running.authorization.pushed.push(client_id, fields)
