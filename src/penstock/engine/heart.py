"""The heartbeat of a run: it keeps the lease, and stops the work where the lease is lost."""

import asyncio

from penstock.db.leases import Lease
from penstock.domain.outcome import Ending
from penstock.engine.gear import Gear
from penstock.engine.opening import beat
from penstock.observe.log import get_logger

log = get_logger(__name__)


async def keep_alive(gear: Gear, lease: Lease, connector: str, work: asyncio.Task[Ending]) -> None:
    """Keep the lease alive for ever; where it is lost, stop the work that may no longer commit."""
    while True:
        await asyncio.sleep(gear.lease_time.total_seconds() / 3)
        try:
            ours = await gear.database.write(
                beat,
                lease,
                connector=connector,
                cap=gear.bounds.of(connector),
                clock=gear.clock,
                lease_time=gear.lease_time,
            )
        except Exception:  # the database is away: the commit will tell whose lease it is
            log.exception("sync.heartbeat_missed")
            continue
        if not ours:
            work.cancel()
            return
