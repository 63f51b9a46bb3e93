"""Where a bank may send a person back to.

To ourselves, to the operator's own addresses, or to a program on the person's machine (RFC 8252
§7.3). Anywhere else the code could be read by others.
"""

import re
from typing import Final

from pydantic import AnyHttpUrl
from starlette.requests import Request

from penstock.api.own_address import own_address
from penstock.domain.errors import InvalidInput
from penstock.domain.remedy import ask_person, fix_code

# The port is the program's; no name (localhost may be anybody's), no query, no dots to climb by.
_LOOPBACK: Final = re.compile(
    r"http://(?:127\.0\.0\.1|\[::1\]):([1-9][0-9]{0,4})((?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?)"
)
_MOST_PORT: Final = 65535


def choose_redirect(
    asked: str | None,
    *,
    request: Request,
    connector: str,
    public_url: AnyHttpUrl | None,
    allowed: tuple[str, ...],
) -> str:
    """Return the address to send the person back to: `asked`, or our own callback.

    Addresses are compared as plain strings. Raises InvalidInput for one that is not allowed.
    """
    ours = _our_callback(request, connector, public_url)
    if asked is None:
        if ours is None:
            raise InvalidInput(
                "This server does not know how the world reaches it, so a bank cannot send "
                "anybody back to it.",
                remedy=fix_code("Set PENSTOCK_PUBLIC_URL, or give a redirect_uri."),
            )
        return ours
    if asked == ours or asked in allowed or _is_loopback(asked):
        return asked
    raise InvalidInput(
        "A bank may not send anybody back to that redirect_uri.",
        remedy=ask_person(
            "Use http://127.0.0.1:PORT/PATH on your own machine, leave it out, or have the "
            "operator add it to PENSTOCK_REDIRECT_URIS."
        ),
    )


def _our_callback(request: Request, connector: str, public_url: AnyHttpUrl | None) -> str | None:
    """Return our own callback; None where only the Host header, which anybody writes, names us."""
    base = own_address(request, public_url)
    return None if base is None else f"{base}/v1/callbacks/{connector}"


def _is_loopback(uri: str) -> bool:
    found = _LOOPBACK.fullmatch(uri)
    return found is not None and int(found[1]) <= _MOST_PORT
