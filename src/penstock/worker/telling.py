"""Telling the operator, beside the syncs: a slow mail server holds none of them up."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from penstock.engine.notices import Notifier
from penstock.worker.schedule import Sleep, ticking


@contextlib.asynccontextmanager
async def telling(notifier: Notifier, sleep: Sleep = asyncio.sleep) -> AsyncIterator[None]:
    """Tell whoever is to be told for as long as the context is open."""
    if not notifier.listeners:
        yield
        return
    passes = asyncio.create_task(ticking(notifier.pass_once, sleep), name="notices")
    try:
        yield
    finally:
        passes.cancel()
        await asyncio.wait([passes])
