"""What runs beside the answers, as long as the server lives: the schedule, where it is wanted."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable


@contextlib.asynccontextmanager
async def kept_fresh(keep_fresh: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Run the schedule for as long as the context is open, and end it cleanly."""
    schedule = asyncio.ensure_future(keep_fresh())
    try:
        yield
    finally:
        schedule.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await schedule
