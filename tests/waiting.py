"""Waiting for what another thread or process does: one asks, and asks again a moment later."""

import asyncio

MOMENT = 0.02


async def a_moment() -> None:
    """Let others get on."""
    await asyncio.sleep(MOMENT)
