"""The app for any ASGI server: `uvicorn penstock.asgi:app`.

Nothing is read or opened before the server starts the app: then the settings are read from the
environment, the logs set up, the database and the key opened.

Behind a proxy, start uvicorn with `--no-proxy-headers`: left to itself it believes whatever
X-Forwarded-For comes from this machine, and we read it from PENSTOCK_TRUSTED_PROXIES alone.
"""

import contextlib
import sys
from collections.abc import AsyncIterator

from penstock.api.app import create_app
from penstock.observe.log import configure
from penstock.settings import read_settings
from penstock.wiring import Penstock, open_penstock
from penstock.worker.work import at_work


@contextlib.asynccontextmanager
async def _opened() -> AsyncIterator[Penstock]:
    settings = read_settings()
    configure(json=settings.log_json, level=settings.log_level)
    async with contextlib.AsyncExitStack() as stack:
        penstock = await stack.enter_async_context(open_penstock(settings))
        if settings.worker:
            await stack.enter_async_context(at_work(penstock))
        await penstock.decoys.plant()
        await _invite(penstock)
        yield penstock


async def _invite(penstock: Penstock) -> None:
    """Tell whoever started the server how the first person is made; never through the log."""
    link = await penstock.identity.offer_setup()
    if link is not None:
        before = str(penstock.settings.public_url or "").rstrip("/")
        address = f"{before}/setup?link={link.token.reveal()}"
        print(f"Nobody is here yet. Make the first person at {address}", file=sys.stderr)  # noqa: T201 - whoever started the server reads it


app = create_app(_opened)
