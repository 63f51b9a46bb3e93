"""What a run that is opened knows, though somebody else was at the connection a moment before."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest
import sqlalchemy as sa

from penstock.db import connections, credentials, cursors, leases, runs, turns
from penstock.db.credentials import SealedCredentials
from penstock.domain.errors import Conflict
from penstock.engine.opening import SCHEDULE, Bounds, Opened, Opening, open_run
from tests.databases import Database
from tests.db.books import NOW, Books, open_books

MINUTE = timedelta(minutes=1)


class Meanwhile(Mapping[str, int]):
    """Caps that name no connector; something happens while one looks."""

    def __init__(self, happens: Callable[[], None]) -> None:
        self._happens = happens

    def __getitem__(self, connector: str) -> int:
        self._happens()
        raise KeyError(connector)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


@pytest.mark.postgres
@pytest.mark.parametrize("left_by_the_dead", [False, True])
def test_a_run_knows_what_the_last_holder_stored(
    postgres_database: Database, *, left_by_the_dead: bool
) -> None:
    """sync.md 20: what is read before the lease counts only where nobody had it in between."""
    with open_books(postgres_database.url) as books, open_books(postgres_database.url) as others:
        number = books.connection(books.person())
        if left_by_the_dead:
            before = NOW - MINUTE
            books.database.write_now(leases.take, number, holder="dead", now=before, until=before)

        def sync(connection: sa.Connection) -> None:
            lease = leases.take(connection, number, holder="other", now=NOW, until=NOW + MINUTE)
            assert lease is not None
            leases.lock(connection, lease)
            cursors.save(connection, number, "all", "moved", now=NOW)
            leases.give_back(connection, lease)

        opened = open_while(books, number, partial(others.database.write_now, sync))
        assert opened is not None
        assert opened.known.cursors == {"all": "moved"}


@pytest.mark.postgres
def test_a_run_knows_how_long_the_last_holder_was_told_to_wait(
    postgres_database: Database,
) -> None:
    """sync.md 22: a bar that another run brought home while this one was opened is kept."""
    with open_books(postgres_database.url) as books, open_books(postgres_database.url) as others:
        number = books.connection(books.person())

        def sync(connection: sa.Connection) -> None:
            lease = leases.take(connection, number, holder="other", now=NOW, until=NOW + MINUTE)
            assert lease is not None
            these = connections.connections
            bar = these.update().where(these.c.id == number).values(not_before=NOW + MINUTE)
            connection.execute(bar)
            leases.give_back(connection, lease)

        opened = open_while(books, number, partial(others.database.write_now, sync))
        assert opened is not None
        assert opened.connection.not_before == NOW + MINUTE


@pytest.mark.postgres
def test_a_run_knows_of_a_consent_that_was_just_renewed(postgres_database: Database) -> None:
    """sync.md 26: who renews while a run is opened is not told that the consent has ended."""
    fresh = SealedCredentials(0, 0, "sealed", None, None, "", 2)
    with open_books(postgres_database.url) as books, open_books(postgres_database.url) as others:
        number = books.connection(books.person(), consent_expires_at=NOW - MINUTE)

        def renew(connection: sa.Connection) -> None:
            leases.seize(connection, number)
            credentials.save(connection, replace(fresh, connection_id=number))
            connections.renew(connection, number, consent_expires_at=NOW + MINUTE, now=NOW)

        opened = open_while(books, number, partial(others.database.write_now, renew))
        assert opened is not None
        assert opened.connection.consent_expires_at == NOW + MINUTE
        assert opened.known.credentials == replace(fresh, connection_id=number)


@pytest.mark.postgres
def test_no_run_begins_on_what_was_just_disconnected(postgres_database: Database) -> None:
    """Who disconnects while a run is opened is heard: there is no run, and no lease."""
    with open_books(postgres_database.url) as books, open_books(postgres_database.url) as others:
        number = books.connection(books.person())

        def disconnect(connection: sa.Connection) -> None:
            leases.seize(connection, number)
            connections.mark_disconnected(connection, number, now=NOW)

        with pytest.raises(Conflict):
            open_while(books, number, partial(others.database.write_now, disconnect))
        assert not books.database.read_now(leases.is_held, number, now=NOW)
        assert books.database.read_now(runs.find_running, number) is None


@pytest.mark.postgres
def test_no_run_begins_by_itself_on_what_was_just_paused(postgres_database: Database) -> None:
    """sync.md 31: who takes a sync back while the next is opened is not brought it again."""
    with open_books(postgres_database.url) as books, open_books(postgres_database.url) as others:
        number = books.connection(books.person())

        def undo(connection: sa.Connection) -> None:
            leases.seize(connection, number)
            turns.pause(connection, number, reason="undone", now=NOW)

        pause = partial(others.database.write_now, undo)
        assert open_while(books, number, pause, trigger=SCHEDULE) is None
        assert not books.database.read_now(leases.is_held, number, now=NOW)
        assert open_while(books, number, lambda: None, trigger=SCHEDULE) is None
        assert books.database.read_now(connections.get, number).starts == 0
        wanted = open_while(books, number, lambda: None)
        assert wanted is not None, "a person's wish ends the pause"
        assert books.database.read_now(connections.get, number).paused_at is None


def open_while(
    books: Books, number: int, happens: Callable[[], None], *, trigger: str = "person"
) -> Opened | None:
    """Open a run; something happens between its first look and its lease."""
    opening = Opening(
        connection_id=number,
        holder="me",
        trigger=trigger,
        request_id=None,
        from_start=False,
        now=NOW,
        until=NOW + MINUTE,
        bounds=Bounds(caps=Meanwhile(happens)),
    )
    return books.database.write_now(open_run, opening)
