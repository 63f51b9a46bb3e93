"""Letting real time pass: here, and in no other test, the moment at which something dies counts."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

PATIENCE: Final = 300.0
"""Seconds after which what was waited for never comes. The machine may be slow, and is shared."""
_LOOKS: Final = 0.05


class NeverCame(AssertionError):
    """What was waited for did not happen."""


async def pause(seconds: float) -> None:
    """Let so much real time pass."""
    await asyncio.sleep(seconds)


async def briefly(seconds: float) -> None:
    """Wait as a bank asks for, but in a world where a second is short."""
    await asyncio.sleep(min(seconds, 0.05))


async def until(
    what: str, holds: Callable[[], Awaitable[object]], patience: float = PATIENCE
) -> None:
    """Look again and again until it holds. Raises NeverCame, naming `what`."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience
    while not await holds():
        if loop.time() > deadline:
            raise NeverCame(f"after {patience:.0f} s: {what}")
        await pause(_LOOKS)
