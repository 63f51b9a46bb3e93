"""The schedule: once a second, start what is due."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from penstock.engine.runner import Runner
from penstock.observe.log import get_logger

TICK: Final = 1.0

log = get_logger(__name__)


@contextlib.asynccontextmanager
async def kept_fresh(
    runner: Runner, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
) -> AsyncIterator[None]:
    """Keep every connection fresh for as long as the context is open."""
    schedule = asyncio.create_task(_keep_fresh(runner, sleep), name="schedule")
    try:
        yield
    finally:
        schedule.cancel()
        await asyncio.wait([schedule])


async def _keep_fresh(runner: Runner, sleep: Callable[[float], Awaitable[None]]) -> None:
    while True:
        try:
            await runner.tick()
        except Exception:
            log.exception("schedule.tick_failed")
        await sleep(TICK)
