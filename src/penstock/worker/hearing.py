"""Verifying, beside the syncs, the webhooks whose provider's key has to be fetched first."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from penstock.engine.hooks import Inbox
from penstock.worker.schedule import Sleep, ticking


@contextlib.asynccontextmanager
async def hearing(inbox: Inbox, sleep: Sleep = asyncio.sleep) -> AsyncIterator[None]:
    """Verify what waits for as long as the context is open."""
    passes = asyncio.create_task(ticking(inbox.verify_waiting, sleep), name="hooks")
    try:
        yield
    finally:
        passes.cancel()
        await asyncio.wait([passes])
