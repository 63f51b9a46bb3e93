"""An installation served over a real socket, for tests that drive a browser."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import uvicorn

from penstock.api.app import create_app
from penstock.domain.secret import Secret
from penstock.settings import Settings
from penstock.wiring import open_penstock
from tests.api.serving import CHEAP, KEY

GOOD = "correct horse battery"
"""Ada's password."""


@contextlib.contextmanager
def served(database_url: str, home: Path, host: str = "127.0.0.1") -> Iterator[str]:
    """Serve a database with Ada in it, on a free port; give the address, with `host` in it."""
    chosen = Settings.model_validate({"home": home, "database_url": database_url, "key": KEY})

    async def add() -> None:
        async with open_penstock(chosen, cost=CHEAP) as penstock:
            await penstock.identity.add_user("ada", Secret(GOOD))

    asyncio.run(add())
    app = create_app(lambda: open_penstock(chosen, cost=CHEAP))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, proxy_headers=False))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        yield f"http://{host}:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(30)
