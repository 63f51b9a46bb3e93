"""A runner over scripted banks that answer only when they are let."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from penstock.db import connections, runs
from penstock.domain.request import Request, Response
from penstock.engine.opening import Bounds
from penstock.engine.runner import Runner
from tests.databases import Database
from tests.db.merging import row
from tests.engine.bench import Bench, bench
from tests.engine.fake_bank import URL, FakeBank, page, reading
from tests.engine.house import play

GET = Request("GET", URL)
HOUR = timedelta(hours=1)


@dataclass(slots=True)
class Yard:
    """A runner whose bank answers only when it is let."""

    it: Bench
    runner: Runner
    gate: asyncio.Event

    async def history(self) -> list[tuple[int, str, str]]:
        """Return every run, the oldest first: its connection, trigger and outcome."""
        rows = await self.it.all(runs.runs.select().order_by(runs.runs.c.id))
        return [(row.connection_id, row.trigger, row.outcome) for row in rows]

    async def idle(self) -> None:
        """Wait until all syncs have ended."""
        for run_id in await self.running():
            await self.runner.wait(run_id)

    async def running(self) -> list[int]:
        """Return the runs that are under way."""
        r = runs.runs
        rows = await self.it.all(r.select().where(r.c.outcome == runs.RUNNING))
        return [row.id for row in rows]

    async def asked(self, times: int = 1) -> None:
        """Wait until the bank has been asked so often."""
        while len(self.it.wire.sent) < times:
            await asyncio.sleep(0)


@asynccontextmanager
async def yard(
    database: Database, *, open_gate: bool = True, bounds: Bounds | None = None, **more: Any
) -> AsyncIterator[Yard]:
    """Open a yard with one connection, due at once; `more` are fields of the runner."""
    script = reading(GET, page(row("1"), cursor="x"))
    async with bench(database.url, FakeBank(scripts={"a": script}), random=lambda: 0.0) as it:
        gate = asyncio.Event()
        if open_gate:
            gate.set()

        async def send(request: Request) -> Response:
            answer = await it.wire.send(request)
            await gate.wait()
            return answer

        syncer = replace(it.syncer, send_for=lambda _name: send, bounds=bounds or Bounds())
        runner = Runner(syncer, it.database, it.watch, **more)
        try:
            yield Yard(it, runner, gate)
        finally:
            gate.set()
            await runner.stop()


def in_yard(database: Database, story: Any, **more: Any) -> None:
    """Play a story in a yard."""

    async def told() -> None:
        async with yard(database, **more) as place:
            await story(place)

    play(told())


async def postpone(it: Bench, number: int, until: Any) -> None:
    """Set when a connection is due by itself."""
    c = connections.connections
    await it.write(c.update().where(c.c.id == number).values(next_sync_at=until))
