"""Shutdowns, lost leases and databases that go away leave nothing half done."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
import sqlalchemy as sa

from penstock.db import leases
from penstock.db.connect import open_database
from penstock.db.lane import Database as Lanes
from penstock.domain.outcome import Outcome
from penstock.domain.request import Request, Response
from tests.databases import Database
from tests.db.merging import row
from tests.engine.bench import Bench, bench
from tests.engine.fake_bank import URL, FakeBank, page, reading
from tests.engine.house import play
from tests.engine.interposed import Interposed

GET = Request("GET", URL)


def test_a_run_that_is_stopped_in_its_commit_counts_it(database: Database) -> None:
    """sync.md 29, 31: who is stopped while committing commits whole, and the record says so."""
    held, go_on = threading.Event(), threading.Event()

    def hold(connection: sa.Connection) -> None:
        connection.execute(sa.text("UPDATE feeds SET last = last"))
        held.set()
        assert go_on.wait(60)

    bank = FakeBank(scripts={"a": reading(GET, page(row("1"), row("2"), cursor="x"))})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            blocking: list[asyncio.Task[None]] = []

            async def send(request: Request) -> Response:
                blocking.append(asyncio.create_task(it.database.write(hold)))
                await asyncio.to_thread(held.wait, 60)
                return Response(200, {}, b"", request.url)

            syncer = replace(it.syncer, send_for=lambda _name: send)
            run = await syncer.start(it.connection_id, trigger="test")
            assert run is not None
            finishing = asyncio.create_task(run.finish())
            while run.tally.pages == 0:
                await asyncio.sleep(0)
            finishing.cancel()
            for _ in range(50):
                await asyncio.sleep(0)
            assert not finishing.done()
            go_on.set()
            await blocking[0]
            with pytest.raises(asyncio.CancelledError):
                await finishing
            record = await it.run(run.run_id)
            assert await it.ids() == ["1", "2"]
            assert record.outcome == Outcome.TRANSIENT
            assert (record.tally.pages, record.tally.inserted) == (1, 2)
            assert await it.syncer.start(it.connection_id, trigger="next") is not None

    play(story())


async def gone(work: str) -> None:
    """Be a database that goes away while an update is committed."""
    if work == "commit":
        raise sa.exc.OperationalError("COMMIT", {}, ConnectionError("gone"))


def opening(before: Callable[[str], Awaitable[None]]) -> Callable[[str], Interposed]:
    """Return how a database is opened before whose work something happens."""
    return lambda url: Interposed(open_database(url).engine, before)


def test_a_database_that_goes_away_is_no_fault_of_the_bank(database: Database) -> None:
    """sync.md 21: what a database does mends itself: transient, tried again soon, nothing lost."""
    bank = FakeBank(scripts={"a": reading(page(row("1"), cursor="x"))})

    async def story() -> None:
        async with bench(database.url, bank, opening=opening(gone)) as it:
            ending, _ = await it.sync()
            assert ending.outcome is Outcome.TRANSIENT
            assert (await it.ids(), await it.cursors()) == ([], {})
            healthy = replace(it.syncer, database=Lanes(it.database.engine))
            run = await healthy.start(it.connection_id, trigger="test")
            assert run is not None
            ending, _ = await run.finish()
            healthy.database.close()
            assert (ending.outcome, await it.ids()) == (Outcome.DONE, ["1"])

    play(story())


def test_a_heartbeat_that_fails_is_not_the_last(database: Database) -> None:
    """sync.md 20: a database that is away for a moment does not end the beating of the heart."""
    beats: list[str] = []

    async def stumble(work: str) -> None:
        if work == "beat":
            beats.append(work)
            if len(beats) <= 2:
                raise ConnectionError("the database cannot be reached")

    async def until_third_beat(_seconds: float) -> None:
        while len(beats) < 3:
            await asyncio.sleep(0)

    bank = FakeBank(scripts={"a": reading(GET, page(row("1"), cursor="x"))})

    async def story() -> None:
        short = timedelta(milliseconds=3)
        opened = partial(bench, opening=opening(stumble), lease_time=short)
        async with opened(database.url, bank, sleep=until_third_beat) as it:
            it.wire.says = [503]
            ending, _ = await it.sync()
            assert ending.outcome is Outcome.DONE

    play(story())


def test_a_lease_that_is_lost_stops_the_work(database: Database) -> None:
    """sync.md 20: when the heart finds the lease gone, what may no longer commit is not gone on."""

    async def seized(_seconds: float) -> None:
        it = benches[0]
        await it.database.write(leases.seize, it.connection_id)
        await asyncio.Event().wait()

    benches: list[Bench] = []
    bank = FakeBank(scripts={"a": reading(GET, page(row("1"), cursor="x"))})

    async def story() -> None:
        short = timedelta(milliseconds=3)
        async with bench(database.url, bank, lease_time=short, sleep=seized) as it:
            benches.append(it)
            it.wire.says = [503]
            ending, run = await it.sync()
            assert (ending.outcome, run.outcome) == (Outcome.TRANSIENT, "transient")
            assert await it.ids() == []
            assert (await it.connection()).last_run_id is None
            assert bank.closed == 1

    play(story())
