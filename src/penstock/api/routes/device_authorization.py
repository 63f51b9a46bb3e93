"""Where a device begins that has no browser (RFC 8628 §3.1; security.md C5)."""

from typing import Annotated, Any, Final

from fastapi import Request
from pydantic import Field
from starlette.responses import Response

from penstock.api.auth import open_to_all
from penstock.api.client_auth import client_of, named_client
from penstock.api.dpop import proved_key
from penstock.api.form import MEDIA_TYPE, read_form
from penstock.api.refusals import Refused, TokenError, oauth_answer, refusal
from penstock.api.routing import nouns
from penstock.api.running import Running
from penstock.api.schemas import Outgoing
from penstock.api.where import where_of
from penstock.domain.errors import PenstockError
from penstock.identity.purpose import OWN_CLIENT
from penstock.identity.scopes import wanted_scopes

_FIELDS: Final = frozenset({"client_id", "client_secret", "scope"})
_FORM: Final[dict[str, Any]] = {
    "required": True,
    "content": {
        MEDIA_TYPE: {
            "schema": {
                "type": "object",
                "properties": {"client_id": {"type": "string"}, "scope": {"type": "string"}},
            }
        }
    },
}

router = nouns("sign in", prefix="")


class DeviceCodes(Outgoing):
    """What a device that asks is told (RFC 8628 §3.2)."""

    device_code: Annotated[str, Field(description="For the device alone.")]
    user_code: Annotated[str, Field(examples=["WDJB-MJHT"])]
    verification_uri: Annotated[str, Field(description="Where a person types the user code.")]
    expires_in: Annotated[int, Field(description="Seconds.", examples=[600])]
    interval: Annotated[int, Field(description="Seconds between two questions.", examples=[5])]


@router.post(
    "/device_authorization",
    summary="Begin to sign in a device without a browser",
    dependencies=[open_to_all("this is where a device begins to sign in")],
    response_model=DeviceCodes,
    responses={
        400: {"model": TokenError, "description": "There are no codes for this request."},
        401: {"model": TokenError, "description": "The client is not one that we know."},
        429: {"model": TokenError, "description": "Too many devices wait; see Retry-After."},
    },
    openapi_extra={"requestBody": _FORM},
)
async def device_authorization(request: Request, running: Running) -> Response:
    """Give a device two codes: one to ask with, one for a person to type at `verification_uri`.

    No address has the code in it: it is typed, so that nobody agrees by following a link.
    """
    try:
        form = await read_form(request, _FIELDS)
        client = await client_of(running, named_client(request, form), otherwise=OWN_CLIENT)
        scopes = wanted_scopes(form["scope"]) if form.get("scope") else client.scopes
        if not scopes <= client.scopes:
            raise Refused("invalid_scope", "That client may not ask for all of these.")
        key = await proved_key(request, running)
        begun = await running.identity.devices.begin(client.id, scopes, where_of(request), key)
    except PenstockError as error:
        return refusal(error)
    base = str(running.settings.public_url or request.base_url).rstrip("/")
    body = {
        "device_code": begun.device_code.reveal(),
        "user_code": begun.user_code,
        "verification_uri": f"{base}/device",
        "expires_in": begun.expires_in,
        "interval": begun.interval,
    }
    return oauth_answer(body)
