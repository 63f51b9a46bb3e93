"""The bank's front page: what it is, and how a program talks to it."""

import sys

from aiohttp import web

from penstock.sandbox.faces import control, own_oauth, visit
from penstock.sandbox.faces.consent_page import HEADERS
from penstock.sandbox.faces.registry import FACES


async def front_page(_request: web.Request) -> web.Response:
    """Show what the faces say of themselves."""
    faces = [sys.modules[face.routes.__module__] for face in FACES]
    parts = (*faces, own_oauth, visit, control)
    text = "\n\n".join(f"{'-' * 72}\n{part.__doc__}" for part in parts)
    whole = f"The sandbox bank: nobody's money is here.\n\n{text}"
    return web.Response(text=whole, content_type="text/plain", headers=HEADERS)
