"""The bank's front page: what it is, and how a program talks to it."""

from aiohttp import web

from penstock.sandbox.faces import control, own, own_oauth, starling
from penstock.sandbox.faces.consent_page import HEADERS


async def front_page(_request: web.Request) -> web.Response:
    """Show what the faces say of themselves."""
    parts = (own, own_oauth, starling, control)
    text = "\n\n".join(f"{'-' * 72}\n{part.__doc__}" for part in parts)
    whole = f"The sandbox bank: nobody's money is here.\n\n{text}"
    return web.Response(text=whole, content_type="text/plain", headers=HEADERS)
