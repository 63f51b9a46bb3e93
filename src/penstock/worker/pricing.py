"""Pricing what somebody holds, beside the syncs; what somebody waits for waits for nothing else."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

from penstock.engine.price import Pricer
from penstock.worker.schedule import Sleep, ticking


@contextlib.asynccontextmanager
async def pricing(pricer: Pricer, sleep: Sleep = asyncio.sleep) -> AsyncIterator[None]:
    """Ask for what is due for as long as the context is open.

    What is being asked for at its end is let go of, so that another worker can ask at once.
    """
    ticks = (pricer.tick, pricer.tick_wanted, pricer.tick_rates)
    passes = [asyncio.create_task(ticking(tick, sleep), name="prices") for tick in ticks]
    try:
        yield
    finally:
        for one in passes:
            one.cancel()
        await asyncio.wait(passes)
