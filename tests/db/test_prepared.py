"""Prepared statements do what SQLAlchemy does with the same ones, and fail as it does."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from penstock.db import wall
from penstock.db.connect import open_database
from penstock.db.connections import connections
from penstock.db.metadata import Exact, Instant
from penstock.db.prepared import Prepared
from penstock.db.runs import runs
from tests.databases import Database
from tests.db.books import open_books

NOW = datetime(2026, 11, 22, 9, 30, 0, 5, tzinfo=UTC)
ECHO = sa.select(
    sa.cast(sa.bindparam("amount", type_=Exact), sa.Text()),
    sa.cast(sa.bindparam("at", type_=Instant), sa.Text()),
    sa.bindparam("fixed", 7, type_=sa.Integer),
    sa.cast(sa.bindparam("none", None, type_=sa.Text()), sa.Text()),
)


def run(url: str, work: Any) -> Any:
    """Do it in a transaction of its own."""
    opened = open_database(url)
    try:
        return opened.write_now(work)
    finally:
        opened.close()


def test_values_reach_the_database_as_their_types_say(database: Database) -> None:
    """Amounts and instants are bound as everywhere else; a fixed value need not be given."""
    given = {"amount": Decimal("1E-8"), "at": NOW}

    def both(connection: sa.Connection) -> list[tuple[Any, ...]]:
        prepared = Prepared(ECHO)
        ours = [prepared.row(connection, given) or () for _ in range(2)]
        return [*ours, tuple(connection.execute(ECHO, given).one())]

    first, second, usual = run(database.url, both)
    assert first == second == usual
    assert usual[2:] == (7, None)


def test_rows_come_as_their_columns_say(database: Database) -> None:
    """Instants are aware and in UTC, flags are flags, and what is absent is None: as everywhere."""
    query = connections.select().order_by(connections.c.id)

    def both(connection: sa.Connection) -> tuple[list[Any], list[Any]]:
        return Prepared(query).rows(connection, {}), [*map(tuple, connection.execute(query))]

    with open_books(database.url) as books:
        owner = books.person()
        numbers = [
            books.connection(owner, next_sync_at=NOW, queued_from_start=flag)
            for flag in (True, False)
        ]
        ours, usual = books.database.read_now(both)
    assert repr(ours) == repr(usual)
    assert [row[0] for row in ours] == numbers


def test_it_tells_how_many_rows_it_wrote(database: Database) -> None:
    """Who writes only where all is as it was seen hears whether it was."""
    c = connections.c
    rename = Prepared(
        connections.update()
        .where(c.id == sa.bindparam("this"))
        .values(label=sa.bindparam("name"))
        .returning(c.label)
    )
    plain = Prepared(connections.update().where(c.id == sa.bindparam("this")).values(label="B"))
    with open_books(database.url) as books:
        number, write = books.connection(books.person()), books.database.write_now
        assert write(rename.value, {"this": number, "name": "A"}) == "A"
        assert write(rename.value, {"this": -1, "name": "A"}) is None
        assert (write(plain.write, {"this": number}), write(plain.write, {"this": -1})) == (1, 0)


@pytest.mark.postgres
def test_it_stays_behind_the_wall(postgres_database: Database) -> None:
    """security.md X1: the first statement of a transaction says whose it is, prepared or not."""
    owners = Prepared(sa.select(connections.c.owner_id))
    with open_books(postgres_database.url) as books:
        mine, other = books.person(), books.person()
        for owner in (mine, other):
            books.connection(owner)
        wall.bind(mine)
        try:
            assert books.database.read_now(owners.rows, {}) == [(mine,)]
        finally:
            wall.bind(None)


@pytest.mark.postgres
def test_a_connection_that_died_is_replaced(postgres_database: Database) -> None:
    """Who reads by it when the server ends the connection reads once more, on a new one."""
    backend = Prepared(sa.select(sa.func.pg_backend_pid()))
    end = Prepared(sa.select(sa.func.pg_terminate_backend(sa.bindparam("pid"))))
    with open_books(postgres_database.url) as books, open_books(postgres_database.url) as others:
        first = books.database.read_now(backend.value, {})
        others.database.write_now(end.row, {"pid": first})
        assert books.database.read_now(backend.value, {}) != first


def test_a_missing_value_is_an_error(database: Database) -> None:
    """Nothing is filled in for a value that nobody gave."""
    with pytest.raises(KeyError):
        run(database.url, lambda one: Prepared(ECHO).row(one, {"amount": Decimal(1)}))


def test_a_refusal_is_sqlalchemys(database: Database) -> None:
    """Whoever waits for the database, or tells one error from another, sees the usual classes."""
    names = {"owner_id", "connection_id", "trigger", "started_at", "outcome"}
    insert = Prepared(runs.insert().values({name: sa.bindparam(name) for name in names}))
    given = {"owner_id": 1, "connection_id": 404, "trigger": "t", "started_at": NOW}
    with pytest.raises(sa.exc.IntegrityError):
        run(database.url, lambda one: insert.write(one, {**given, "outcome": None}))


def test_rows_fail_as_everything_does_and_tell_no_value(database: Database) -> None:
    """An error is SQLAlchemy's, and what the statement carried does not stand in it."""
    said = sa.bindparam("said", type_=sa.Text())
    prepared = Prepared(sa.table("nowhere", sa.column("x")).select().where(sa.column("x") == said))
    with pytest.raises(sa.exc.DBAPIError) as caught:
        run(database.url, lambda one: prepared.rows(one, {"said": "canary-7"}))
    assert "canary-7" not in str(caught.value)
