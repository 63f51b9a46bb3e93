"""Which program is calling, as far as it proves it (RFC 6749 §2.3).

By HTTP Basic, or by fields of the form; by one of the two only. A public program says its client id
and proves nothing.
"""

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote_plus

from starlette.requests import Request

from penstock.api.refusals import ClientRefused, Refused
from penstock.api.running import Installation
from penstock.domain.secret import Secret
from penstock.identity.clients import Client, ClientUnknown


@dataclass(frozen=True, slots=True)
class Named:
    """What a request says of the program that sends it. `client_id` is empty: nothing."""

    client_id: str
    secret: Secret | None


def named_client(request: Request, form: Mapping[str, str]) -> Named:
    """Return which program a request names. Raises ClientRefused, Refused."""
    client_id, secret = form.get("client_id", ""), form.get("client_secret", "")
    headers = request.headers.getlist("authorization")
    if not headers:
        return Named(client_id, Secret(secret) if secret else None)
    basic_id, basic_secret = _basic(headers)
    if secret:
        raise Refused("invalid_request", "Prove which client this is in one way only.")
    if client_id and basic_id and client_id != basic_id:
        raise ClientRefused("invalid_client", "The header and the form name different clients.")
    return Named(basic_id or client_id, Secret(basic_secret) if basic_secret else None)


async def client_of(running: Installation, named: Named, *, otherwise: str = "") -> Client:
    """Return the program itself; `otherwise` is the one that is meant where none is named.

    Raises ClientRefused.
    """
    client_id = named.client_id or otherwise
    if not client_id:
        raise ClientRefused("invalid_client", "Say which client this is: client_id is missing.")
    try:
        return await running.authorization.clients.authenticate(client_id, named.secret)
    except ClientUnknown as error:
        raise ClientRefused("invalid_client", error.message) from None


def _basic(headers: list[str]) -> tuple[str, str]:
    """Read the one header; both of its parts are form-encoded within (RFC 6749 §2.3.1)."""
    scheme, _, content = headers[0].partition(" ")
    try:
        if len(headers) == 1 and scheme.lower() == "basic":
            text = base64.b64decode(content.encode("ascii"), validate=True).decode("utf-8")
            if ":" in text:
                name, _, secret = text.partition(":")
                return unquote_plus(name), unquote_plus(secret)
    except (UnicodeError, binascii.Error):
        pass
    raise ClientRefused("invalid_client", "That Authorization header names no client of ours.")
