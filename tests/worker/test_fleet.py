"""Several processes at one database: what one leaves behind another takes over; caps hold for all.

Here are processes as they are in earnest, on a PostgreSQL or on one SQLite file, with a bank that
takes its time.
"""

import asyncio
import signal
import sys
import time

from penstock.db import connections, leases, runs
from penstock.domain.outcome import Outcome
from penstock.sandbox.bank import Options
from penstock.worker.jobs import _POLL
from tests.databases import Database
from tests.engine.crowd import ROOT, crowd
from tests.engine.house import House, house, play
from tests.worker.fleet import LEASE, done, hands

SLOW = Options(latency_ms=150)


def test_what_a_killed_worker_held_is_taken_over(database: Database) -> None:
    """Architecture, Work: killed in the middle of a sync, another ends it when its lease ran out.

    With the lease of 12 s that is the default, and the two seconds after which an idle worker
    looks again, that is within 20 s.
    """

    async def story() -> None:
        async with house(database.url, SLOW) as it:
            await it.link()
            dying = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.worker.fleet", database.url, it.bank.url), cwd=ROOT
            )
            assert await dying.wait() == -signal.SIGKILL
            began = time.monotonic()
            async with hands(database.url, it.bank.url) as lanes:
                await done(lanes, 1)
            took = time.monotonic() - began
            assert took < LEASE.total_seconds() + _POLL.total_seconds() + 6
            history = await it.all(runs.runs.select().order_by(runs.runs.c.id))
            assert [run.outcome for run in history] == [runs.INTERRUPTED, Outcome.DONE]
            assert await it.rows() == it.truth()
            default = it.penstock.syncer.lease_time.total_seconds()
            assert default + _POLL.total_seconds() + 6 <= 20

    play(story())


def test_a_cap_holds_for_all_processes_together(database: Database) -> None:
    """Architecture, Work: three processes with four hands each, and a cap of 5: never 6 at once."""

    async def story() -> None:
        async with house(database.url, SLOW) as it:
            for _ in range(15):
                await it.link()
            most = await crowd(
                3,
                "tests.worker.fleet.work",
                url=database.url,
                bank_url=it.bank.url,
                cap=5,
                connections=15,
            )
            assert max(most) == 5, "nobody exceeds it, and it is used"
            assert await _each_once(it) == 15

    play(story())


async def _each_once(it: House) -> int:
    """Return how many connections were synced, each of them once, with no lease left held."""
    assert {one.holder for one in await it.all(leases.leases.select())} == {None}
    assert {run.outcome for run in await it.all(runs.runs.select())} == {"done"}
    found = await it.all(connections.connections.select())
    assert len(await it.all(runs.runs.select())) == len(found)
    return len(found)
