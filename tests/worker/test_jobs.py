"""The job engine on PostgreSQL: it carries what is due, once, and leaves nothing behind."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
import sqlalchemy as sa
from pgqueuer import AsyncpgPoolDriver

from penstock.db import runs, turns
from penstock.engine.opening import Bounds
from penstock.worker.address import asyncpg_address
from penstock.worker.belt import fill
from penstock.worker.jobs import JobEngine, queries
from tests.databases import Database
from tests.engine.bench import NOON
from tests.engine.house import play
from tests.engine.yard import HOUR, Yard, postpone, yard
from tests.waiting import a_moment

pytestmark = pytest.mark.postgres


@asynccontextmanager
async def engine_in(place: Yard) -> AsyncIterator[JobEngine]:
    """Let a worker work in the yard."""
    engine = JobEngine(place.runner, place.it.database, ("fake",))
    async with engine.working():
        yield engine


async def until_idle(place: Yard, runs_at_least: int) -> list[tuple[int, str, str]]:
    """Wait until so many runs have ended, and none is under way."""
    while True:
        history = await place.history()
        ended = [outcome for *_, outcome in history if outcome != runs.RUNNING]
        if len(ended) == len(history) >= runs_at_least:
            return history
        await a_moment()


async def queued(place: Yard) -> list[tuple[str, int, str]]:
    """Return what is in the engine's queue: the connection, its priority, its status."""
    query = sa.text(
        "SELECT dedupe_key, priority, status::text FROM penstock_jobs.pgqueuer ORDER BY id"
    )
    rows = await place.it.database.read(lambda one: list(one.execute(query)))
    return [(row[0], row[1], row[2]) for row in rows]


def test_the_engines_tables_are_what_it_wants(postgres_database: Database) -> None:
    """Architecture, Work: our frozen step makes exactly the tables that this engine would make."""

    async def story() -> None:
        pool = await asyncpg.create_pool(
            asyncpg_address(sa.make_url(postgres_database.url)), min_size=1, max_size=1
        )
        try:
            plan = await queries(AsyncpgPoolDriver(pool)).plan_upgrade()
            assert (tuple(plan.statements), tuple(plan.notes)) == ((), ())
            await pool.execute("DROP INDEX penstock_jobs.pgqueuer_picked_slot_idx")
            plan = await queries(AsyncpgPoolDriver(pool)).plan_upgrade()
            assert plan.statements, "a difference would not be seen"
        finally:
            await pool.close()

    play(story())


def test_what_is_due_is_carried_and_nothing_is_left(postgres_database: Database) -> None:
    """Architecture, Work: each due connection is synced once; the queue and its log end empty."""

    async def story() -> None:
        async with yard(postgres_database) as place:
            numbers = [place.it.connection_id, *[await place.it.connect() for _ in range(9)]]
            async with engine_in(place):
                history = await until_idle(place, 10)
                assert sorted(number for number, *_ in history) == numbers
                assert {outcome for *_, outcome in history} == {"done"}
                while await queued(place):
                    await a_moment()
            await place.it.database.write(fill, now=NOON, connectors=("fake",))
            log = sa.text("SELECT count(*) FROM penstock_jobs.pgqueuer_log")
            assert await place.it.database.read(lambda one: one.execute(log).scalar_one()) == 0

    play(story())


def test_who_asked_goes_first_and_nobody_twice(postgres_database: Database) -> None:
    """Architecture, Work: a click overtakes the schedule, also where it is in the queue already."""

    async def story() -> None:
        async with yard(postgres_database) as place:
            it = place.it
            first, second = it.connection_id, await it.connect()
            await postpone(it, first, NOON - HOUR)
            assert await it.database.write(fill, now=NOON, connectors=("fake",)) == 2
            assert await it.database.write(fill, now=NOON, connectors=("fake",)) == 0
            await it.database.write(turns.request_sync, second, now=NOON)
            await it.database.write(fill, now=NOON, connectors=("fake",))
            assert await queued(place) == [
                (str(first), 0, "queued"),
                (str(second), 1, "queued"),
            ]

    play(story())


def test_what_was_synced_meanwhile_is_left_alone(postgres_database: Database) -> None:
    """A job that waited while somebody else did its work asks the bank nothing."""

    async def story() -> None:
        async with yard(postgres_database) as place:
            it = place.it
            await it.database.write(fill, now=NOON, connectors=("fake",))
            await it.sync()
            asked = len(it.wire.sent)
            async with engine_in(place):
                while await queued(place):
                    await a_moment()
            assert len(it.wire.sent) == asked
            assert len(await it.all(runs.runs.select())) == 1

    play(story())


def test_the_cap_of_a_provider_holds(postgres_database: Database) -> None:
    """Architecture, Work: no more than the cap at once; what waits is carried afterwards."""

    async def story() -> None:
        async with yard(postgres_database, open_gate=False, bounds=Bounds(cap=2)) as place:
            for _ in range(5):
                await place.it.connect()
            async with engine_in(place):
                await place.asked(2)
                for _ in range(10):
                    await a_moment()
                    assert len(place.it.wire.sent) == 2
                place.gate.set()
                history = await until_idle(place, 6)
            assert len({number for number, *_ in history}) == 6

    play(story())


def test_a_worker_works_on_after_the_database_was_away(postgres_database: Database) -> None:
    """Architecture, Work: every connection is cut; the worker opens new ones, and goes on."""

    async def story() -> None:
        async with yard(postgres_database) as place:
            async with engine_in(place):
                await until_idle(place, 1)
                place.it.watch.later(hours=12)
                cut = sa.text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
                await place.it.database.read(lambda one: list(one.execute(cut)))
                history = await until_idle(place, 2)
            assert {outcome for *_, outcome in history} == {"done"}

    play(story())


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("postgresql+psycopg://ann@h/db", "postgresql://ann@h/db"),
        ("postgresql+psycopg://ann:s%40@h:5/db?sslmode=require", "…s%40@h:5/db?sslmode=require"),
        ("postgresql+psycopg://h/db?connect_timeout=3", "postgresql://h/db"),
    ],
)
def test_the_address_for_the_engine(ours: str, theirs: str) -> None:
    """What only libpq understands is left out of it; the password is not."""
    assert asyncpg_address(sa.make_url(ours)).endswith(theirs.lstrip("…"))
