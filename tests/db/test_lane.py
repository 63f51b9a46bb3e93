"""The lanes: a unit of work runs whole, on its own thread, in one transaction."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from penstock.db import feeds, users
from penstock.db.connect import open_database
from penstock.db.lane import Database as Lanes
from penstock.observe.log import bind_request_id, current_request_id
from tests.databases import Database
from tests.engine.crowd import crowd
from tests.engine.house import play

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def add_person(connection: sa.Connection, name: str = "ann") -> int:
    """Store a person with a feed."""
    values = {"username": name, "password_hash": "", "created_at": NOW}
    added = connection.execute(users.users.insert().values(values).returning(users.users.c.id))
    owner_id = int(added.scalar_one())
    feeds.open_feed(connection, owner_id)
    return owner_id


def names(connection: sa.Connection) -> list[str]:
    """Return the stored people's names."""
    return list(connection.execute(sa.select(users.users.c.username)).scalars())


@asynccontextmanager
async def person(database: Database) -> AsyncIterator[tuple[Lanes, int]]:
    """Open a database with one person in it."""
    async with open_database(database.url) as lanes:
        yield lanes, await lanes.write(add_person)


def test_what_returns_is_committed_what_raises_is_not(database: Database) -> None:
    """sync.md 2: a unit of work is one transaction: stored whole, or not at all."""

    def fail(connection: sa.Connection) -> None:
        add_person(connection, "ben")
        assert names(connection) == ["ann", "ben"]
        raise LookupError("in the middle")

    async def story() -> None:
        async with person(database) as (lanes, _):
            assert await lanes.read(names) == ["ann"]
            with pytest.raises(LookupError):
                await lanes.write(fail)
            with pytest.raises(LookupError):
                lanes.write_now(fail)
            assert await lanes.read(names) == ["ann"]
            lanes.write_now(add_person, "chloe")
            assert lanes.read_now(names) == ["ann", "chloe"]

    play(story())


def test_a_canceller_waits_for_a_write_under_way(database: Database) -> None:
    """sync.md 29: who is cancelled while its write runs goes only when that has ended."""
    begun, go_on = threading.Event(), threading.Event()

    def slow(connection: sa.Connection) -> None:
        add_person(connection, "ben")
        begun.set()
        assert go_on.wait(60)
        add_person(connection, "chloe")

    async def story() -> None:
        async with person(database) as (lanes, _):
            writing = asyncio.create_task(lanes.write(slow))
            await asyncio.to_thread(begun.wait, 60)
            writing.cancel()
            for _ in range(20):
                await asyncio.sleep(0)
            assert not writing.done()
            assert await lanes.read(names) == ["ann"]
            go_on.set()
            with pytest.raises(asyncio.CancelledError):
                await writing
            assert await lanes.read(names) == ["ann", "ben", "chloe"]

    play(story())


def test_a_write_that_fails_after_its_caller_went_is_undone(database: Database) -> None:
    """sync.md 2: cancelled or not, what raises leaves nothing, and the lane goes on working."""
    begun, go_on = threading.Event(), threading.Event()

    def doomed(connection: sa.Connection) -> None:
        add_person(connection, "ben")
        begun.set()
        assert go_on.wait(60)
        raise LookupError

    async def story() -> None:
        async with person(database) as (lanes, _):
            writing = asyncio.create_task(lanes.write(doomed))
            await asyncio.to_thread(begun.wait, 60)
            writing.cancel()
            go_on.set()
            with pytest.raises(asyncio.CancelledError):
                await writing
            await lanes.write(add_person, "chloe")
            assert await lanes.read(names) == ["ann", "chloe"]

    play(story())


def test_the_program_goes_on_while_the_database_works(database: Database) -> None:
    """Architecture 1: a slow unit of work blocks neither the loop nor the readers."""
    go_on = threading.Event()

    def slow(connection: sa.Connection) -> str:
        assert go_on.wait(60)
        add_person(connection, "ben")
        return threading.current_thread().name

    async def story() -> None:
        async with person(database) as (lanes, _):
            writing = asyncio.create_task(lanes.write(slow))
            assert await lanes.read(names) == ["ann"]
            go_on.set()
            assert (await writing).startswith("write-lane")

    play(story())


def test_sqlite_has_one_writer_postgresql_several(database: Database) -> None:
    """Architecture 1: one writer lane on SQLite, four on PostgreSQL; readers beside them."""
    together = 1 if database.kind == "sqlite" else 4
    meeting = threading.Barrier(together + 1)
    inside: list[int] = []

    def meet(_connection: sa.Connection, number: int) -> None:
        inside.append(number)
        meeting.wait(60)

    async def story() -> None:
        async with person(database) as (lanes, _):
            waiting = [asyncio.create_task(lanes.write(meet, n)) for n in range(together * 2)]
            for met in (together, 2 * together):
                await asyncio.to_thread(meeting.wait, 60)
                assert len(inside) >= met
            await asyncio.gather(*waiting)
            assert sorted(inside) == list(range(together * 2))

    play(story())


def test_the_request_id_travels_into_the_lane(database: Database) -> None:
    """What is logged inside a transaction carries the id of the request that caused it."""

    def asked(_connection: sa.Connection) -> str | None:
        return current_request_id()

    async def story() -> None:
        async with open_database(database.url) as lanes:
            with bind_request_id("r-1"):
                assert await lanes.read(asked) == "r-1"
                assert await lanes.write(asked) == "r-1"
            assert await lanes.write(asked) is None

    play(story())


def test_closing_lets_the_last_work_end(database: Database) -> None:
    """sync.md 29: a shutdown loses no transaction that has begun or stands in the queue."""

    async def story() -> None:
        async with open_database(database.url) as lanes:
            last = [asyncio.ensure_future(lanes.write(add_person, name)) for name in "abc"]
            await asyncio.sleep(0)
        await asyncio.gather(*last)
        async with open_database(database.url) as lanes:
            assert sorted(await lanes.read(names)) == ["a", "b", "c"]

    play(story())


def test_writers_of_many_processes_take_turns(sqlite_database: Database) -> None:
    """sync.md 20: BEGIN IMMEDIATE: read, then write, in four processes: nobody is turned away.

    Without it a read that turns into a write fails at once with "database is locked", and with
    retries alone one of two equal numbers would be lost.
    """

    async def story() -> None:
        async with person(sqlite_database) as (lanes, owner_id):
            done = await crowd(
                4, "tests.db.acts.count_up", url=sqlite_database.url, owner_id=owner_id, times=50
            )
            assert sum(done) == 200
            assert await lanes.write(feeds.next_change, owner_id) == 201

    play(story())
