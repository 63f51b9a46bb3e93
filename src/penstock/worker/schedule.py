"""The schedule: once a second, start what is due; at once again while there is more."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

from penstock.domain.backoff import full_jitter
from penstock.engine.runner import Runner
from penstock.observe.log import get_logger

TICK: Final = 1.0
_BUSY: Final = 0.05
_LONGEST: Final = 15.0

log = get_logger(__name__)

Sleep = Callable[[float], Awaitable[None]]


@contextlib.asynccontextmanager
async def kept_fresh(runner: Runner, sleep: Sleep = asyncio.sleep) -> AsyncIterator[None]:
    """Keep every connection fresh for as long as the context is open."""
    schedule = asyncio.create_task(
        ticking(runner.tick, sleep, lambda: runner.full), name="schedule"
    )
    try:
        yield
    finally:
        schedule.cancel()
        await asyncio.wait([schedule])
        await runner.stop()


async def ticking(
    tick: Callable[[], Awaitable[int]], sleep: Sleep, full: Callable[[], bool] = lambda: False
) -> None:
    """Tick for ever: once a second, sooner while there is much to do, later while it fails."""
    failures = 0
    while True:
        try:
            busy = await tick() > 0 or full()
        except Exception:
            log.exception("schedule.tick_failed")
            failures += 1
            await sleep(TICK + full_jitter(failures, random.random(), most=_LONGEST))  # noqa: S311 - it spreads, it hides nothing
        else:
            failures = 0
            await sleep(_BUSY if busy else TICK)
