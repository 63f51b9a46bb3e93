"""Runs that wait: asked for where none can be started, carried by whoever is free first."""

import io
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import fields
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from penstock.db import connections, waiting, wall
from penstock.db.leases import SPARE
from penstock.domain.errors import Conflict
from penstock.domain.ids import public_id
from penstock.engine.opening import Bounds, beat
from penstock.engine.runner import Runner
from penstock.engine.sync import Run, Syncer
from penstock.observe.log import bind_request_id, configure
from tests.databases import Database
from tests.engine.bench import NOON
from tests.engine.yard import HOUR, Yard, in_yard, postpone
from tests.waiting import a_moment

LEASE = timedelta(seconds=12)


@contextmanager
def logged() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Catch what is logged; logging belongs to the whole process, and is given back as it was."""
    handlers, level = logging.root.handlers[:], logging.root.level
    stream = io.StringIO()
    configure(json=True, level="info", stream=stream)
    try:
        yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    finally:
        logging.root.handlers[:] = handlers
        logging.root.setLevel(level)
        logging.captureWarnings(capture=False)


async def until(true: Callable[[], bool]) -> None:
    """Wait until it is so."""
    while not true():
        await a_moment()


def test_one_that_carries_nothing_leaves_it_to_a_worker(database: Database) -> None:
    """Architecture, Work: the API alone answers with a run that waits; a worker's tick begins it.

    Asked for again it is the same one, and it is begun as it was asked for: from the start.
    """

    async def story(place: Yard) -> None:
        it = place.it
        await postpone(it, it.connection_id, NOON + HOUR)
        door = Runner(place.runner.syncer, it.database, it.watch, carries=False)
        number = await door.sync_now(it.connection_id, trigger="person", request_id="r-1")
        again = await door.sync_now(it.connection_id, trigger="person", from_start=True)
        assert again == number
        waits = await it.run(number)
        assert (waits.outcome, waits.trigger, waits.request_id) == (waiting.QUEUED, "person", "r-1")
        assert await door.tick() == 0
        it.watch.later(minutes=1)
        assert await place.runner.tick() == 1
        await place.asked()
        found = await door.sync_now(it.connection_id, trigger="person", from_start=False)
        assert found == number
        with pytest.raises(Conflict):  # its process alone knows that it reads from the start
            await door.sync_now(it.connection_id, trigger="person", from_start=True)
        place.gate.set()
        await place.runner.wait(number)
        done = await it.run(number)
        assert (done.outcome, done.started_at) == ("done", it.watch.now)
        after = await it.connection()
        assert (after.queued_run_id, after.queued_from_start) == (None, False)
        await door.stop()

    in_yard(database, story, open_gate=False)


def test_its_lines_are_told_under_the_request_that_asked(database: Database) -> None:
    """Product, HTTP: a worker's lines carry the stored request's id and trigger, not its own.

    What runs beside it by itself carries none.
    """

    async def story(place: Yard) -> None:
        it = place.it
        door = Runner(place.runner.syncer, it.database, it.watch, carries=False)
        by_itself = await it.connect()
        number = await door.sync_now(it.connection_id, trigger="person", request_id="r-1")
        with bind_request_id("another"), logged() as lines:
            assert await place.runner.tick() == 2
            await place.idle()
        told = {
            line["connection"]: (line.get("request_id"), line["trigger"])
            for line in lines()
            if line["event"] == "sync.ended"
        }
        assert told == {
            public_id("con", it.connection_id): ("r-1", "person"),
            public_id("con", by_itself): (None, "schedule"),
        }
        done = await it.run(number)
        assert (done.trigger, done.request_id) == ("person", "r-1")
        await door.stop()

    in_yard(database, story)


def test_a_click_keeps_the_cap_of_the_provider(database: Database) -> None:
    """Architecture, Work: a click may exceed the hands of a process, never the provider's cap."""

    async def story(place: Yard) -> None:
        it = place.it
        numbers = [it.connection_id, *[await it.connect() for _ in range(4)]]
        started = [await place.runner.sync_now(one, trigger="person") for one in numbers]
        await place.asked(3)
        outcomes = [(await it.run(one)).outcome for one in started]
        assert outcomes == ["running"] * 3 + ["queued"] * 2
        assert len(it.wire.sent) == 3
        place.gate.set()
        await until(lambda: len(it.wire.sent) == 5)
        await place.idle()
        assert {(await it.run(one)).outcome for one in started} == {"done"}

    in_yard(database, story, open_gate=False, at_once=1, bounds=Bounds(cap=3))


def test_one_that_cannot_be_started_keeps_no_other_waiting(database: Database) -> None:
    """sync.md 29: what waits behind a connection that fails at each try is begun without it."""
    lost: set[int] = set()

    class Failing(Syncer):
        """Fails for some connections, as a database does in which one is locked."""

        async def start(self, connection_id: int, **more: Any) -> Run | None:
            if connection_id in lost:
                raise OperationalError("", {}, OSError("lock timeout"))
            return await super().start(connection_id, **more)

    async def story(place: Yard) -> None:
        it = place.it
        last = await it.connect(), await it.connect()
        await place.runner.sync_now(it.connection_id, trigger="person")
        await place.asked()
        given = {one.name: getattr(place.runner.syncer, one.name) for one in fields(Syncer)}
        place.runner.syncer = Failing(**given)
        waits = [await place.runner.sync_now(one, trigger="person") for one in last]
        lost.add(last[0])
        place.gate.set()
        await until(lambda: len(it.wire.sent) == 2)
        await place.idle()
        assert [(await it.run(one)).outcome for one in waits] == ["queued", "done"]

    in_yard(database, story, open_gate=False, bounds=Bounds(cap=1))


def test_who_lets_in_is_bound_to_nobody(sqlite_database: Database) -> None:
    """X1: what waits is let in by the program itself, not by the person who came first.

    Bound to one, it would not find the data keys of another whose sync it starts.
    """
    seen: list[int | None] = []

    class Watching(Syncer):
        """Notes to whom it is bound when it is asked to start."""

        async def start(self, connection_id: int, **more: Any) -> Run | None:
            seen.append(wall.bound())
            return await super().start(connection_id, **more)

    async def story(place: Yard) -> None:
        it = place.it
        last = await it.connect()
        await place.runner.sync_now(it.connection_id, trigger="person")
        await place.asked()
        given = {one.name: getattr(place.runner.syncer, one.name) for one in fields(Syncer)}
        place.runner.syncer = Watching(**given)
        wall.bind(it.owner_id)
        await place.runner.sync_now(last, trigger="person")
        wall.bind(None)
        place.gate.set()
        await until(lambda: len(it.wire.sent) == 2)
        await place.idle()
        assert (seen[0], seen[-1]) == (it.owner_id, None)

    in_yard(sqlite_database, story, open_gate=False, bounds=Bounds(cap=1))


def test_who_has_stopped_starts_nothing(database: Database) -> None:
    """sync.md 29: what is asked for after the stop waits for whoever comes next."""

    async def story(place: Yard) -> None:
        it = place.it
        await place.runner.stop()
        number = await place.runner.sync_now(it.connection_id, trigger="person")
        assert (await it.run(number)).outcome == waiting.QUEUED
        assert await place.runner.tick() == 0
        assert it.wire.sent == []
        following = Runner(place.runner.syncer, it.database, it.watch)
        assert await following.tick() == 1
        await following.wait(number)
        assert (await it.run(number)).outcome == "done"
        await following.stop()

    in_yard(database, story)


def test_what_is_disconnected_waits_no_more(database: Database) -> None:
    """O9: a run that waited when its connection was ended is closed, and never begun."""

    async def story(place: Yard) -> None:
        it = place.it
        door = Runner(place.runner.syncer, it.database, it.watch, carries=False)
        number = await door.sync_now(it.connection_id, trigger="person")
        await it.database.write(connections.mark_disconnected, it.connection_id, now=NOON)
        await it.database.write(waiting.drop, it.connection_id, "It ended.", now=NOON)
        assert await place.runner.tick() == 0
        assert (await it.run(number)).outcome == "interrupted"
        with pytest.raises(Conflict):
            await door.sync_now(it.connection_id, trigger="person")
        await door.stop()

    in_yard(database, story)


def test_a_lease_that_ran_out_counts_until_it_is_surely_over(database: Database) -> None:
    """sync.md 20: who slept past its lease makes no sync too many of its provider.

    For a while it counts as under way, and may go on; after that only where there is room.
    """

    async def story(place: Yard) -> None:
        it = place.it
        start, other = place.runner.syncer.start, await it.connect()
        slept = await it.syncer.start(it.connection_id, trigger="test")
        assert slept is not None

        async def lives() -> bool:
            keep = partial(beat, connector="fake", cap=1, clock=it.watch, lease_time=LEASE)
            return await it.database.write(keep, slept.lease)

        assert await lives()
        assert await start(other, trigger="test") is None
        it.watch.later(seconds=13)
        assert await start(other, trigger="test") is None
        assert await lives()
        it.watch.later(seconds=12 + SPARE.total_seconds() + 1)
        second = await start(other, trigger="test")
        assert second is not None
        assert not await lives()
        await second.finish()
        assert await lives()
        assert await start(other, trigger="test") is None

    in_yard(database, story, bounds=Bounds(cap=1))


def test_what_a_dead_worker_held_is_taken_over_at_once(database: Database) -> None:
    """sync.md 20: the cap counts it for a while, but never against its own successor."""

    async def story(place: Yard) -> None:
        it = place.it
        assert await it.syncer.start(it.connection_id, trigger="test") is not None
        it.watch.later(seconds=13)
        assert await place.runner.tick() == 1
        await place.idle()
        assert [outcome for *_, outcome in await place.history()] == ["interrupted", "done"]

    in_yard(database, story, bounds=Bounds(cap=1))
