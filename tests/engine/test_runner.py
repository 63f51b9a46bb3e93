"""Syncs in this process: what is running already is found, never taken for something else."""

import asyncio
from dataclasses import fields
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from penstock.db import leases
from penstock.db.due import find
from penstock.db.leases import Lease
from penstock.db.runs import runs
from penstock.domain.errors import Conflict
from penstock.domain.outcome import Outcome
from penstock.engine.opening import SCHEDULE
from penstock.engine.runner import Runner
from penstock.engine.sync import Run, Syncer
from tests.databases import Database
from tests.db.merging import row
from tests.engine.bench import NOON, bench
from tests.engine.fake_bank import FakeBank, page, reading
from tests.engine.house import play
from tests.engine.yard import HOUR, Yard, in_yard, postpone


def test_reading_from_the_start_is_not_answered_by_a_running_sync(database: Database) -> None:
    """Who asks for all to be read again is told where a sync runs that does not do so."""

    async def story(place: Yard) -> None:
        it, runner = place.it, place.runner
        run = await it.syncer.start(it.connection_id, trigger="test")
        assert run is not None
        assert await runner.sync_now(it.connection_id, trigger="test") == run.run_id
        with pytest.raises(Conflict, match="from the start"):
            await runner.sync_now(it.connection_id, trigger="test", from_start=True)
        await run.finish()
        again = await runner.sync_now(it.connection_id, trigger="test", from_start=True)
        assert again != run.run_id
        same = await runner.sync_now(it.connection_id, trigger="test", from_start=True)
        assert same == again

    in_yard(database, story, open_gate=False)


def test_what_stops_begins_nothing_more(database: Database) -> None:
    """sync.md 20, 29: a sync that was to run once more stays due; none outlives the program."""

    async def story(place: Yard) -> None:
        it = place.it
        number = await place.runner.sync_now(it.connection_id, trigger="test")
        await place.asked()
        assert await place.runner.sync_now(it.connection_id, trigger="test") == number
        stopping = asyncio.create_task(place.runner.stop())
        await asyncio.sleep(0)
        place.gate.set()
        await stopping
        (only,) = await it.all(runs.select())
        assert (only.id, only.outcome) == (number, Outcome.DONE)
        (due,) = await it.database.read(find, now=it.watch(), limit=9)
        assert due.connection_id == it.connection_id

    in_yard(database, story, open_gate=False)


def test_the_schedule_asks_for_no_second_sync(database: Database) -> None:
    """sync.md 20: two workers see that it is due; the one who comes late wants nothing more."""
    bank = FakeBank(scripts={"a": reading(page(row("1"), cursor="x"))})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            run = await it.syncer.start(it.connection_id, trigger=SCHEDULE)
            assert await it.syncer.start(it.connection_id, trigger=SCHEDULE) is None
            assert run is not None
            assert (await run.finish())[1] is False
            run = await it.syncer.start(it.connection_id, trigger=SCHEDULE)
            assert await it.syncer.start(it.connection_id, trigger="person") is None
            assert run is not None
            assert (await run.finish())[1] is True

    play(story())


def test_one_that_cannot_be_started_stops_no_other(database: Database) -> None:
    """sync.md 29: the database fails for one connection (it is locked): the others still start."""
    bank = FakeBank(scripts={"a": reading(page(row("1"), cursor="x"))})

    class Locked(Syncer):
        """Fails for the first connection that is asked for."""

        async def start(self, connection_id: int, **more: Any) -> Run | None:
            if connection_id == first:
                raise OperationalError("", {}, OSError("lock timeout"))
            return await super().start(connection_id, **more)

    first = 0

    async def story() -> None:
        nonlocal first
        async with bench(database.url, bank) as it:
            first = it.connection_id
            await it.connect()
            given = {one.name: getattr(it.syncer, one.name) for one in fields(it.syncer)}
            runner = Runner(Locked(**given), it.database, it.watch)
            assert await runner.tick() == 1
            await runner.stop()

    play(story())


def test_who_asks_during_a_commit_is_not_forgotten(postgres_database: Database) -> None:
    """sync.md 20: the lease's row is locked and cannot be marked: it is due once more even so."""

    async def story(place: Yard) -> None:
        it = place.it
        number = await place.runner.sync_now(it.connection_id, trigger="person")
        await place.asked()
        it.watch.later(seconds=1)
        ((_, holder, fence, *_),) = await it.all(leases.leases.select())
        with it.database.engine.begin() as committing:
            leases.lock(committing, Lease(it.connection_id, holder, fence))
            assert await place.runner.sync_now(it.connection_id, trigger="person") == number
        place.gate.set()
        await place.runner.wait(number)
        await postpone(it, it.connection_id, NOON + HOUR)
        assert await place.runner.tick() == 1
        await place.idle()
        assert await place.runner.tick() == 0

    in_yard(postgres_database, story, open_gate=False)
