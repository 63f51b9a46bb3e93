"""Who may write to a connection, when several want to."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from penstock.db import leases
from penstock.db.connect import open_database
from penstock.db.lane import Database as Lanes
from penstock.db.leases import Lease
from penstock.domain.errors import LeaseLost
from tests.databases import Database, Databases
from tests.db.books import NOW, Books, open_books
from tests.engine.crowd import crowd
from tests.engine.house import play

TERM = timedelta(seconds=30)
TICK = timedelta(microseconds=1)


@pytest.fixture(scope="module")
def database(databases: Databases) -> Iterator[Database]:
    """Make one database for all of these tests: each makes a person of its own in it."""
    with databases.fresh() as database:
        yield database


def take(books: Books, connection_id: int, holder: str, after: timedelta) -> Lease | None:
    """Try to take the lease, so long after the story began."""
    moment = NOW + after
    return books.database.write_now(
        leases.take, connection_id, holder=holder, now=moment, until=moment + TERM
    )


def holds(books: Books, lease: Lease) -> bool:
    """Say whether a commit under this lease would go through."""
    try:
        books.database.write_now(leases.lock, lease)
    except LeaseLost:
        return False
    return True


def test_one_holder_at_a_time(database: Database) -> None:
    """sync.md 20: a lease that is held is not given; at the instant when it has run out, it is."""
    with open_books(database.url) as books:
        number = books.connection(books.person())
        first = take(books, number, "a", timedelta(0))
        assert first is not None
        assert take(books, number, "b", timedelta(0)) is None
        assert take(books, number, "b", TERM) is None
        second = take(books, number, "b", TERM + TICK)
        assert second is not None
        assert second.fence == first.fence + 1
        assert (holds(books, first), holds(books, second)) == (False, True)


def test_a_heartbeat_keeps_it(database: Database) -> None:
    """sync.md 20: extended, it runs out later; lost, it cannot be extended by who slept."""
    with open_books(database.url) as books:
        number = books.connection(books.person())
        first = take(books, number, "a", timedelta(0))
        assert first is not None
        assert books.database.write_now(leases.extend, first, now=NOW + TERM, until=NOW + 2 * TERM)
        assert take(books, number, "b", TERM + TICK) is None
        second = take(books, number, "b", 2 * TERM + TICK)
        assert second is not None
        assert not books.database.write_now(
            leases.extend, first, now=NOW + TERM, until=NOW + 9 * TERM
        )
        assert take(books, number, "c", 3 * TERM + 2 * TICK) is not None


def test_the_same_name_with_an_old_fence_is_another(database: Database) -> None:
    """sync.md 20: the fence decides: an old lease of the same holder opens nothing any more."""
    with open_books(database.url) as books:
        number = books.connection(books.person())
        old = take(books, number, "a", timedelta(0))
        new = take(books, number, "a", TERM + TICK)
        assert old is not None
        assert new is not None
        assert not holds(books, old)
        assert not books.database.write_now(leases.release, old)
        assert holds(books, new), "the old one gave back what is no longer its own"


def test_who_came_in_vain_is_remembered(database: Database) -> None:
    """sync.md 20: a trigger while it runs marks it dirty; whoever gives it back hears it, once."""
    with open_books(database.url) as books:
        number = books.connection(books.person())
        first = take(books, number, "a", timedelta(0))
        assert first is not None
        for name in "bc":
            assert take(books, number, name, timedelta(0)) is None
        assert books.database.write_now(leases.release, first) is True
        second = take(books, number, "d", timedelta(0))
        assert second is not None
        assert books.database.write_now(leases.release, second) is False
        assert not holds(books, second)


def test_what_is_seized_is_lost_and_free(database: Database) -> None:
    """sync.md 20: who ends a connection takes the fence from any holder, and keeps it from none."""
    with open_books(database.url) as books:
        number = books.connection(books.person())
        first = take(books, number, "a", timedelta(0))
        assert first is not None
        books.database.write_now(leases.seize, number)
        assert not holds(books, first)
        after = take(books, number, "b", timedelta(0))
        assert after is not None
        assert after.fence == first.fence + 2


def test_a_commit_holds_the_lease_until_it_ends(postgres_database: Database) -> None:
    """sync.md 20: nobody takes a lease over while a commit under it is still being written.

    Nor does anybody wait for it: not who would take it, nor the holder's own heartbeat.
    """

    async def story() -> None:
        with open_books(postgres_database.url) as books:
            number = books.connection(books.person())
        async with open_database(postgres_database.url) as lanes:
            first = await take_over(lanes, number, "a", timedelta(0))
            assert first is not None
            with lanes.engine.connect() as connection, connection.begin():
                leases.lock(connection, first)
                assert await take_over(lanes, number, "b", TERM + TICK) is None
                assert await lanes.write(leases.extend, first, now=NOW, until=NOW)
            second = await take_over(lanes, number, "b", TERM + TICK)
            assert second is not None
            with pytest.raises(LeaseLost):
                await lanes.write(leases.lock, first)

    play(story())


async def take_over(lanes: Lanes, number: int, holder: str, after: timedelta) -> Lease | None:
    """Try to take the lease in the lane."""
    moment = NOW + after
    return await lanes.write(leases.take, number, holder=holder, now=moment, until=moment + TERM)


def test_of_many_processes_one_gets_it(database: Database) -> None:
    """sync.md 20: four workers at once, again and again: each time exactly one gets it."""

    async def story() -> None:
        with open_books(database.url) as books:
            number = books.connection(books.person())
        told = await crowd(
            4,
            "tests.db.acts.take_lease",
            url=database.url,
            connection_id=number,
            now=NOW.isoformat(),
            rounds=5,
        )
        for turn in range(5):
            assert [one[turn] for one in told if one[turn] is not None] == [turn + 1]

    play(story())


@pytest.mark.parametrize(("may_be_lost", "waits"), [(True, "off"), (False, "on")])
def test_what_was_only_due_does_not_wait_for_the_disk(
    postgres_database: Database, may_be_lost: bool, waits: str
) -> None:
    """A lease that a person waits for is flushed; neither choice outlives its transaction."""

    def ask(connection: sa.Connection) -> tuple[str, str]:
        connection.exec_driver_sql("SET synchronous_commit = on")
        connection.commit()
        leases.has_room(connection, 1, connector="sandbox", cap=8, now=NOW, may_be_lost=may_be_lost)
        within = connection.exec_driver_sql("SHOW synchronous_commit").scalar_one()
        connection.commit()
        return within, connection.exec_driver_sql("SHOW synchronous_commit").scalar_one()

    with open_books(postgres_database.url) as books:
        assert books.database.read_now(ask) == (waits, "on")
