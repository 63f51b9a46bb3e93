"""Revoking at banks, beside the syncs, what could not be revoked at once."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from penstock.engine.revoking import Revoker
from penstock.worker.schedule import Sleep, ticking


@contextlib.asynccontextmanager
async def revoking(revoker: Revoker, sleep: Sleep = asyncio.sleep) -> AsyncIterator[None]:
    """Try again what is due for as long as the context is open."""
    passes = asyncio.create_task(ticking(revoker.pass_once, sleep), name="revocations")
    try:
        yield
    finally:
        passes.cancel()
        await asyncio.wait([passes])
