"""Shutdowns and crashes: what runs ends cleanly, or is picked up again (sync.md 29)."""

import asyncio

import pytest

from penstock.db import due, leases
from penstock.db.runs import RunRow
from penstock.domain.outcome import Outcome
from tests.databases import Database
from tests.engine.bench import NOON
from tests.engine.yard import HOUR, Yard, in_yard, postpone


def test_a_shutdown_lets_a_sync_end(database: Database) -> None:
    """sync.md 29: within its grace, what runs ends by itself, whole."""

    async def story(place: Yard) -> None:
        number = await place.runner.sync_now(place.it.connection_id, trigger="person")
        await place.asked()
        stopping = asyncio.create_task(place.runner.stop())
        await asyncio.sleep(0)
        place.gate.set()
        await stopping
        assert (await place.it.run(number)).outcome == Outcome.DONE
        assert await place.it.ids() == ["1"]

    in_yard(database, story, open_gate=False)


def test_a_shutdown_abandons_cleanly_what_does_not_end(database: Database) -> None:
    """sync.md 29: beyond its grace, runs are closed as interrupted, their leases given back."""

    async def story(place: Yard) -> None:
        it = place.it
        second = await it.connect()
        numbers = [
            await place.runner.sync_now(one, trigger="person") for one in (it.connection_id, second)
        ]
        await place.asked(2)
        await place.runner.stop(grace=0)
        for number in numbers:
            found: RunRow = await it.run(number)
            assert (found.outcome, found.finished_at) == (Outcome.TRANSIENT, NOON)
            assert "interrupted" in (found.message or "")
            assert place.runner.live(number) is None
        assert {one.holder for one in await it.all(leases.leases.select())} == {None}
        assert await it.ids() == []
        it.watch.later(minutes=10)
        waiting = await it.database.read(due.find, now=it.watch(), limit=9)
        assert [one.connection_id for one in waiting] == [it.connection_id, second]

    in_yard(database, story, open_gate=False)


def test_a_sync_that_is_just_starting_is_carried_to_its_end(database: Database) -> None:
    """sync.md 29: whoever asked for it may be gone; it leaves no lease and no run behind."""

    async def story(place: Yard) -> None:
        asking = asyncio.create_task(
            place.runner.sync_now(place.it.connection_id, trigger="person")
        )
        await asyncio.sleep(0)
        asking.cancel()
        await asyncio.wait([asking])
        await place.runner.stop()
        assert [outcome for *_, outcome in await place.history()] == ["done"]
        assert {one.holder for one in await place.it.all(leases.leases.select())} == {None}

    in_yard(database, story)


@pytest.mark.parametrize("trigger", ["schedule", "person"])
def test_what_a_crash_left_behind_is_picked_up(database: Database, trigger: str) -> None:
    """sync.md 20, 29: when its lease has run out, by the next tick, whoever had asked for it."""

    async def story(place: Yard) -> None:
        it = place.it
        await postpone(it, it.connection_id, NOON + 5 * HOUR)
        dead = await it.syncer.start(it.connection_id, trigger=trigger)
        assert dead is not None
        it.watch.later(seconds=12)
        assert await place.runner.tick() == 0
        it.watch.later(seconds=1)
        assert await place.runner.tick() == 1
        await place.idle()
        assert [outcome for *_, outcome in await place.history()] == ["interrupted", "done"]
        assert await it.ids() == ["1"]

    in_yard(database, story)
