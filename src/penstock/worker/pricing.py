"""Pricing what somebody holds, beside the syncs; what somebody waits for waits for nothing else."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable

from penstock.engine.price import Pricer
from penstock.engine.price_history import Backfiller
from penstock.worker.schedule import Sleep, ticking


@contextlib.asynccontextmanager
async def pricing(pricer: Pricer, sleep: Sleep = asyncio.sleep) -> AsyncIterator[None]:
    """Ask for what is due for as long as the context is open.

    What is being asked for at its end is let go of, so that another worker can ask at once.
    """
    async with _passing(pricer.tick, pricer.tick_wanted, pricer.tick_rates, sleep=sleep):
        yield


@contextlib.asynccontextmanager
async def filling(backfiller: Backfiller, sleep: Sleep = asyncio.sleep) -> AsyncIterator[None]:
    """Ask for the closes that past days lack, for as long as the context is open."""
    async with _passing(backfiller.tick, sleep=sleep):
        yield


@contextlib.asynccontextmanager
async def _passing(*ticks: Callable[[], Awaitable[int]], sleep: Sleep) -> AsyncIterator[None]:
    passes = [asyncio.create_task(ticking(tick, sleep), name="prices") for tick in ticks]
    try:
        yield
    finally:
        for one in passes:
            one.cancel()
        await asyncio.wait(passes)
