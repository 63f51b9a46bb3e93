"""A sync that is held while it reads, so that something else can happen meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from penstock.domain.outcome import Ending
from penstock.sandbox.faults import Fault, FaultKind
from tests.engine.house import House


@dataclass(slots=True)
class Held:
    """How it ended, once it has gone on."""

    ending: Ending | None = None
    again: bool = False


@asynccontextmanager
async def held_while_reading(home: House, number: int) -> AsyncIterator[Held]:
    """Hold a sync of this connection where the bank makes it wait; afterwards it goes on."""
    home.bank.queue(Fault(FaultKind.THROTTLED))
    waiting, go_on = asyncio.Event(), asyncio.Event()

    async def wait(_seconds: float) -> None:
        waiting.set()
        await go_on.wait()

    run = await replace(home.penstock.syncer, sleep=wait).start(number, trigger="test")
    assert run is not None
    finishing = asyncio.create_task(run.finish())
    await waiting.wait()
    held = Held()
    try:
        yield held
    finally:
        go_on.set()
        held.ending, held.again = await finishing
