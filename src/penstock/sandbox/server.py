"""The bank, listening: in one process with tests and the demo, or alone for the command line."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from penstock.sandbox.bank import Bank, Options
from penstock.sandbox.faces import visit
from penstock.sandbox.faces.answers import BANK
from penstock.sandbox.faces.control import ControlFace
from penstock.sandbox.faces.front_page import front_page
from penstock.sandbox.faces.registry import FACES
from penstock.sandbox.telling import Teller

__all__ = ["Bank", "Options", "application", "running"]


def application(bank: Bank) -> web.Application:
    """Return everything that a bank answers, under all its faces."""
    app = web.Application()
    app[BANK] = bank
    Teller(bank).install(app)
    app.add_routes([web.get("/", front_page), *visit.routes(), *ControlFace(bank).routes()])
    for face in FACES:
        app.add_routes(face.routes(bank))
    return app


@asynccontextmanager
async def running(options: Options | None = None) -> AsyncIterator[Bank]:
    """Run a bank while the block lasts; `bank.url` says where. Port 0 takes a free one.

    Raises OSError where the port is taken.
    """
    bank = Bank(options or Options())
    runner = web.AppRunner(
        application(bank), access_log=None, handle_signals=False, shutdown_timeout=1
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, bank.options.host, bank.options.port)
        await site.start()
        host, port = runner.addresses[0][:2]
        bank.url = f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
        yield bank
    finally:
        await runner.cleanup()
