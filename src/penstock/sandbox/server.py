"""The bank, listening: in one process with tests and the demo, or alone for the command line."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from penstock.sandbox.bank import Bank, Options
from penstock.sandbox.faces import starling
from penstock.sandbox.faces.answers import BANK
from penstock.sandbox.faces.control import ControlFace
from penstock.sandbox.faces.front_page import front_page
from penstock.sandbox.faces.own import OwnFace
from penstock.sandbox.faces.own_oauth import OAuthFace

__all__ = ["Bank", "Options", "application", "running"]


def application(bank: Bank) -> web.Application:
    """Return everything that a bank answers, under all its faces."""
    app = web.Application()
    app[BANK] = bank
    own, oauth = OwnFace(bank), OAuthFace(bank, pkce=True)
    older = OAuthFace(bank, pkce=False)
    app.add_routes(
        [
            web.get("/", front_page),
            web.get("/.well-known/oauth-authorization-server", oauth.metadata),
            web.get("/oauth/authorize", oauth.ask),
            web.post("/oauth/authorize", oauth.decide),
            web.post("/oauth/token", oauth.token),
            web.post("/oauth/revoke", oauth.revoke),
            web.post("/oauth/introspect", oauth.introspect),
            web.get("/v1/accounts", own.accounts),
            web.get("/v1/balances", own.balances),
            web.get("/v1/transactions", own.transactions),
            web.get(f"{starling.PREFIX}/oauth/authorize", older.ask),
            web.post(f"{starling.PREFIX}/oauth/authorize", older.decide),
            web.post(f"{starling.PREFIX}/oauth/access-token", older.token),
            *starling.routes(),
            *ControlFace(bank).routes(),
        ]
    )
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
