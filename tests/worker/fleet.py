"""What the processes of a fleet do: as a crowd (tests/engine/crowd.py), or alone until they die.

`python -m tests.worker.fleet URL BANK_URL` works like any worker, and kills itself in the middle of
its first sync.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta

import sqlalchemy as sa

from penstock.db import connections as table
from penstock.db import due, leases
from penstock.db.lane import Database
from penstock.domain.clock import utc_now
from penstock.engine.opening import Bounds
from penstock.engine.runner import Runner
from penstock.worker.jobs import JobEngine
from penstock.worker.schedule import kept_fresh
from tests import loopback
from tests.engine.acts import open_branch
from tests.engine.crowd import Gate
from tests.waiting import a_moment

LEASE = timedelta(seconds=2)


@contextlib.asynccontextmanager
async def hands(url: str, bank_url: str, *, cap: int = 8) -> AsyncIterator[Database]:
    """Work for as long as the context is open, under short leases."""
    async with open_branch(url, bank_url) as branch:
        bounds = Bounds(caps={"sandbox": cap})
        syncer = replace(branch.syncer(timedelta(0)), lease_time=LEASE, bounds=bounds)
        runner = Runner(syncer, branch.database, utc_now, at_once=4)
        if branch.database.kind == "sqlite":
            working = kept_fresh(runner)
        else:
            working = JobEngine(runner, branch.database, ("sandbox",)).working()
        async with working:
            yield branch.database


async def work(gate: Gate, *, url: str, bank_url: str, cap: int, connections: int) -> int:
    """Work until all is done; return the most syncs that were seen under way at once.

    Counted is what is held, whether or not it has run out: its holder may be at work still.
    """
    gate()
    most = 0
    async with hands(url, bank_url, cap=cap) as database:
        while await database.read(_done) < connections:
            most = max(most, await database.read(_held))
            await a_moment()
    return most


def _held(connection: sa.Connection) -> int:
    query = sa.select(sa.func.count()).where(leases.leases.c.holder.is_not(None))
    return int(connection.execute(query).scalar_one())


async def done(database: Database, connections: int) -> None:
    """Wait until so many connections are up to date."""
    while await database.read(_done) < connections:
        await a_moment()


def _done(connection: sa.Connection) -> int:
    query = sa.select(sa.func.count()).where(table.connections.c.last_outcome == "done")
    return int(connection.execute(query).scalar_one())


async def _die(url: str, bank_url: str) -> None:
    async with hands(url, bank_url) as database:
        while not await database.read(due.running, now=utc_now()):
            await asyncio.sleep(0)
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    loopback.install()
    asyncio.run(_die(sys.argv[1], sys.argv[2]))
