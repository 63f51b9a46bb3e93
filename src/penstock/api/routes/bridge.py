"""Where the token of a decoy leads (engine/bait.py): nothing of ours ever asks here.

It answers everybody as a bridge does that does not know them.
"""

import base64
import binascii
from typing import Annotated, Final

from fastapi import Request
from starlette.responses import Response

from penstock.api.auth import open_to_all
from penstock.api.routing import ANY_QUERY, nouns
from penstock.api.running import Running
from penstock.identity.decoys import Bait

_MOST: Final = 512

router = nouns("sign in", prefix="")


@router.get(
    "/bridge/accounts",
    dependencies=[open_to_all("it opens nothing, to nobody")],
    include_in_schema=False,
    response_class=Response,
)
async def refuse(
    request: Request, running: Running, _query: Annotated[None, ANY_QUERY]
) -> Response:
    """Refuse, and raise the alarm where the password is a decoy's."""
    password = _password(request.headers.get("authorization", ""))
    if password:
        await running.decoys.caught(Bait.BANK_TOKEN, password)
    return Response("Forbidden", 403, media_type="text/plain")


def _password(header: str) -> str:
    scheme, _, content = header.partition(" ")
    if scheme.lower() != "basic" or len(content) > _MOST:
        return ""
    try:
        return base64.b64decode(content.encode("ascii"), validate=True).decode().partition(":")[2]
    except (UnicodeError, binascii.Error):
        return ""
