"""How we are reached: what PENSTOCK_PUBLIC_URL says, or this machine's own address.

Whoever asks writes the Host header, so it is believed only where it names this very machine.
"""

from typing import Final
from urllib.parse import urlsplit

from pydantic import AnyHttpUrl
from starlette.requests import Request

from penstock.api.running import Installation
from penstock.domain.errors import InvalidInput
from penstock.domain.remedy import fix_code

_OUR_MACHINE: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class AddressUnknown(InvalidInput):
    """This server does not know how the world reaches it."""


def own_address(request: Request, public_url: AnyHttpUrl | None) -> str | None:
    """Return our address without a slash at its end; None where nobody that we believe told it."""
    if public_url is not None:
        return str(public_url).rstrip("/")
    if urlsplit(str(request.base_url)).hostname in _OUR_MACHINE:
        return str(request.base_url).rstrip("/")
    return None


def issuer_of(request: Request, running: Installation) -> str:
    """Return the name of our authorization server (RFC 8414 §2). Raises AddressUnknown."""
    address = own_address(request, running.settings.public_url)
    if address is None:
        raise AddressUnknown(
            "This server does not know how the world reaches it, so it cannot let a program in.",
            remedy=fix_code("Set PENSTOCK_PUBLIC_URL."),
        )
    return address
