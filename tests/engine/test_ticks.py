"""What is due is started by itself, as far as there is room, and nothing is forgotten."""

import asyncio
from collections.abc import Coroutine
from typing import Any

import pytest

from penstock.db import connections, turns
from penstock.domain.errors import Conflict, NotFound
from penstock.domain.outcome import Outcome
from penstock.engine.runner import Runner
from tests.databases import Database
from tests.engine.bench import NOON
from tests.engine.yard import HOUR, Yard, in_yard, postpone


def test_a_tick_starts_what_is_due_as_far_as_there_is_room(database: Database) -> None:
    """sync.md 20: who waits in person comes first, then the longest due, as many as fit."""

    async def story(place: Yard) -> None:
        it = place.it
        first, *others = it.connection_id, *[await it.connect() for _ in range(3)]
        last, asked, later = others
        await postpone(it, first, NOON - HOUR)
        await postpone(it, last, NOON)
        await postpone(it, asked, NOON + HOUR)
        await postpone(it, later, NOON + HOUR)
        await it.database.write(turns.request_sync, asked, now=NOON)
        assert await place.runner.tick() == 2
        assert await place.runner.tick() == 0
        started = [number for number, *_ in await place.history()]
        assert started == [asked, first]
        place.gate.set()
        await place.idle()
        assert await place.runner.tick() == 1
        await place.idle()
        assert await place.runner.tick() == 0
        assert await place.history() == [
            (asked, "schedule", "done"),
            (first, "schedule", "done"),
            (last, "schedule", "done"),
        ]

    in_yard(database, story, open_gate=False, at_once=2)


def test_each_ending_has_its_next_time(database: Database) -> None:
    """sync.md 21, 22: done comes back in its interval, a failure later, a bar at its end."""

    async def story(place: Yard) -> None:
        it = place.it

        async def after(*says: int) -> str:
            it.wire.says = list(says)
            assert await place.runner.tick() == 1
            await place.idle()
            assert await place.runner.tick() == 0
            return str((await it.connection()).last_outcome)

        assert await after(200) == "done"
        it.watch.later(hours=8)
        assert await after(503, 503, 503, 503, 503) == "transient"
        it.watch.later(minutes=5)
        assert await after(200) == "done"
        it.watch.later(hours=8)
        assert await after(403) == "consent"
        it.watch.later(days=365)
        assert await place.runner.tick() == 0

    in_yard(database, story)


def test_a_bar_is_kept_by_the_schedule(database: Database) -> None:
    """sync.md 22: until the stored instant nobody asks; pressing the button is no failure."""

    async def story(place: Yard) -> None:
        it = place.it
        until = NOON + HOUR
        bar = connections.connections.update().values(not_before=until, next_sync_at=NOON)
        await it.write(bar)
        assert await place.runner.tick() == 0
        for _ in range(3):
            number = await place.runner.sync_now(it.connection_id, trigger="person")
            await place.runner.wait(number)
            assert (await it.run(number)).outcome == Outcome.THROTTLED
        assert it.wire.sent == []
        after = await it.connection()
        assert (after.failures, after.not_before, after.next_sync_at) == (0, until, until)
        it.watch.now = until
        assert await place.runner.tick() == 1

    in_yard(database, story)


def test_a_sync_that_is_running_is_found_and_followed(database: Database) -> None:
    """sync.md 20: asked for while it runs, the same run is told, and one more comes after it."""

    async def story(place: Yard) -> None:
        it = place.it
        number = await place.runner.sync_now(it.connection_id, trigger="person")
        await place.asked()
        for _ in range(3):
            assert await place.runner.sync_now(it.connection_id, trigger="person") == number
        place.gate.set()
        await place.runner.wait(number)
        await place.idle()
        assert await place.history() == [
            (it.connection_id, "person", "done"),
            (it.connection_id, "again", "done"),
        ]
        assert await place.runner.tick() == 0
        assert (await it.connection()).sync_requested_at is None

    in_yard(database, story, open_gate=False)


def test_counts_can_be_watched(database: Database) -> None:
    """sync.md 31: while a run of this process is under way its counts are live."""

    async def story(place: Yard) -> None:
        assert place.runner.live(4711) is None
        await place.runner.wait(4711)
        number = await place.runner.sync_now(place.it.connection_id, trigger="person")
        await place.asked()
        live = place.runner.live(number)
        assert live is not None
        assert (live.requests, live.inserted) == (1, 0)
        place.gate.set()
        await place.runner.wait(number)
        assert live.inserted == 1
        assert place.runner.live(number) is None

    in_yard(database, story, open_gate=False)


def test_two_workers_sync_each_connection_once(database: Database) -> None:
    """sync.md 20: workers that look at the same moment share the work, and double none of it."""

    async def story(place: Yard) -> None:
        it = place.it
        numbers = [it.connection_id, *[await it.connect() for _ in range(5)]]
        second = Runner(place.runner.syncer, it.database, it.watch, at_once=9)
        both = await asyncio.gather(place.runner.tick(), second.tick())
        assert sum(both) == 6
        await second.stop()
        await place.idle()
        history = await place.history()
        assert sorted(number for number, *_ in history) == numbers
        assert {outcome for *_, outcome in history} == {"done"}

    in_yard(database, story, at_once=9)


def test_what_cannot_be_synced_is_said_at_once(database: Database) -> None:
    """X1, O9: an unknown connection is not found, a disconnected one stays so; no run is opened."""

    async def story(place: Yard) -> None:
        it = place.it
        await it.database.write(connections.mark_disconnected, it.connection_id, now=NOON)
        wrong: list[tuple[Coroutine[Any, Any, int], type[Exception]]] = [
            (place.runner.sync_now(4711, trigger="person"), NotFound),
            (place.runner.sync_now(it.connection_id, trigger="person"), Conflict),
        ]
        for asking, error in wrong:
            with pytest.raises(error):
                await asking
        assert await place.history() == []

    in_yard(database, story)
