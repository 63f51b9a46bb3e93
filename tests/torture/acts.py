"""What the processes of a torture do (tests/torture/nursery.py)."""

import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

from penstock.cli.stopping import asked_to_stop
from penstock.engine.record import Bounds
from penstock.engine.runner import Runner
from penstock.observe.log import configure
from penstock.wiring import Penstock, open_penstock
from penstock.worker.jobs import JobEngine
from penstock.worker.schedule import kept_fresh
from tests.torture.pause import briefly, pause
from tests.torture.site import settings_of


async def work(
    *, lease_seconds: float = 2, most_starts: int = 1_000, patient: bool = False, **given: Any
) -> None:
    """Be a worker until asked to stop: as `penstock worker`, with a lease of a given time.

    It never parks a connection, for here it is not the connection that kills. Unless it is
    `patient`, it waits hardly at all where a bank asks it to.
    """
    configure(json=True, level="WARNING", stream=sys.stderr)
    sleep = pause if patient else briefly
    with asked_to_stop() as asked:
        async with (
            open_penstock(settings_of(**given), sleep=sleep) as penstock,
            working(penstock, timedelta(seconds=lease_seconds), most_starts),
        ):
            await asked.wait()


@contextlib.asynccontextmanager
async def working(
    penstock: Penstock, lease_time: timedelta, most_starts: int
) -> AsyncIterator[None]:
    """Sync what is due, on either database, under leases of this time."""
    bounds = penstock.syncer.bounds
    syncer = replace(
        penstock.syncer,
        lease_time=lease_time,
        bounds=Bounds(bounds.caps, bounds.cap, most_starts=most_starts),
    )
    runner = Runner(
        syncer, penstock.database, penstock.clock, at_once=penstock.settings.sync_at_once
    )
    if penstock.database.kind == "sqlite":
        hands: contextlib.AbstractAsyncContextManager[None] = kept_fresh(runner)
    else:
        hands = JobEngine(runner, penstock.database, tuple(penstock.connectors)).working()
    async with hands:
        yield
