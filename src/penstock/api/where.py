"""Where somebody signs in from, as a request tells it."""

import re
from typing import Final

from starlette.requests import Request

from penstock.identity.sessions import Where

_UNPRINTABLE: Final = re.compile(r"[^ -~]+")
_MOST_CHARACTERS: Final = 200


def where_of(request: Request) -> Where:
    """Return the address, and what the program calls itself, in letters that can be shown."""
    agent = _UNPRINTABLE.sub("?", request.headers.get("user-agent", ""))
    return Where(request.state.address, agent[:_MOST_CHARACTERS])
