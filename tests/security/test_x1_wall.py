"""X1: the second wall. On PostgreSQL the database itself shows a caller none but their own rows.

Driven by the tables that there are: one with neither a policy nor a written reason fails here, and
each that has one is tried with two people's rows and with queries that name nobody.
"""

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any, Final

import psycopg
import pytest
import sqlalchemy as sa

from penstock.db import wall
from penstock.db.connect import open_database
from penstock.db.lane import Database
from penstock.db.metadata import Exact, Instant
from penstock.db.prepared import Prepared
from penstock.db.tables import metadata
from tests.databases import Databases
from tests.engine.house import play
from tests.postgres import administrator

BEHIND: Final = [one for one in metadata.sorted_tables if one.name not in wall.APART]
NOW: Final = datetime(2026, 11, 21, 9, 30, tzinfo=UTC)
PARENTS: Final = {
    "owner_id": "users",
    "user_id": "users",
    "account_id": "accounts",
    "run_id": "runs",
    "transaction_id": "transactions",
}
"""What columns refer to that are not declared to refer to anything."""

Row = dict[str, Any]


def values_for(table: sa.Table, person: int, known: Mapping[str, Row]) -> Row:
    """Return a row of a person's that refers to their own rows."""
    row = {}
    for column in table.columns:
        parent = PARENTS.get(column.name)
        for key in column.foreign_keys:
            parent = key.column.table.name
        if parent is not None and parent in known:
            row[column.name] = known[parent]["id"]
        elif column.name == "id" and isinstance(column.type, sa.Integer):
            row[column.name] = person
        elif not column.nullable or column.primary_key or column.name.endswith("hash"):
            row[column.name] = plain(column.type, person)
    return row


def plain(kind: sa.types.TypeEngine[Any], person: int) -> Any:
    """Return some value of a type, another for each person."""
    if isinstance(kind, Instant):
        return NOW
    if isinstance(kind, Exact):
        return Decimal(person)
    made = {
        date: NOW.date(),
        bool: False,
        int: person,
        bytes: b"%d" % person,
        float: float(person),
    }
    return made.get(kind.python_type, f"of {person}")


@pytest.fixture(scope="module")
def database(postgres_databases: Databases) -> Iterator[Database]:
    """Open a database with a row in each table of two people each, numbered 1 and 2."""
    with postgres_databases.fresh() as made:
        opened = open_database(made.url)
        try:
            for person in (1, 2):
                opened.write_now(add_rows, person)
            yield opened
        finally:
            opened.close()


def add_rows(connection: sa.Connection, person: int) -> None:
    """Give a person one row in every table that is behind the wall, and what it refers to."""
    known: dict[str, Row] = {}
    for table in in_order():
        known[table.name] = values_for(table, person, known)
        connection.execute(table.insert().values(known[table.name]))


def in_order() -> list[sa.Table]:
    """Return the tables, those first that others refer to."""
    first = ["users", "clients", "connections", "accounts", "runs", "transactions"]
    apart = metadata.tables["clients"]  # what people consent to
    return sorted(
        [apart, *BEHIND], key=lambda one: first.index(one.name) if one.name in first else 9
    )


def as_person(database: Database, person: int | None, statement: sa.Executable) -> Any:
    """Run a statement as a request of this person's would, and undo it; return its result."""

    def run(connection: sa.Connection) -> tuple[int, list[Any]]:
        nested = connection.begin_nested()
        result = connection.execute(statement)
        rows = [tuple(row) for row in result] if result.returns_rows else []
        nested.rollback()
        return len(rows) or result.rowcount, rows

    async def ask() -> tuple[int, list[Any]]:
        wall.bind(person)
        return await database.write(run)

    return play(ask())


def test_every_table_is_behind_the_wall_or_says_why_not(database: Database) -> None:
    """X1: a new table needs a policy (in its migration), or its reason in `wall.APART`."""
    names = {table.name for table in metadata.sorted_tables}
    assert names >= wall.APART.keys()
    assert database.read_now(wall.gaps) == []
    assert len(BEHIND) > len(wall.APART)


@pytest.mark.parametrize("table", BEHIND, ids=str)
def test_a_caller_sees_their_own_rows(database: Database, table: sa.Table) -> None:
    """X1: a query that names nobody shows, changes and deletes a caller's rows alone."""
    column = list(table.columns)[-1]
    _, every = as_person(database, None, table.select())
    theirs = []
    for person in (1, 2):
        _, rows = as_person(database, person, table.select())
        theirs += rows
        assert len(rows) == 1
        touched, _ = as_person(database, person, table.update().values({column: column}))
        assert touched == 1
        assert as_person(database, person, table.delete())[0] == 1
    assert sorted(theirs, key=str) == sorted(every, key=str)
    assert len(every) == 2
    assert as_person(database, 3, table.select())[1] == []


def test_what_is_read_straight_from_the_driver_is_behind_the_wall(database: Database) -> None:
    """X1: a prepared list that is the first thing a transaction does says whose it is, too."""
    every = Prepared(sa.select(metadata.tables["transactions"].c.owner_id))

    async def ask(person: int | None) -> list[list[Any]]:
        wall.bind(person)
        return [await database.read(every.rows, {}), await database.glance(every.rows, {})]

    assert play(ask(1)) == [[(1,)], [(1,)]]
    assert play(ask(3)) == [[], []]
    assert [len(rows) for rows in play(ask(None))] == [2, 2]


@pytest.mark.parametrize("table", [one for one in BEHIND if "owner_id" in one.columns], ids=str)
def test_a_caller_gives_nothing_away(database: Database, table: sa.Table) -> None:
    """X1: a caller cannot write a row into another's name either."""
    with pytest.raises(sa.exc.ProgrammingError) as refused:
        as_person(database, 1, table.update().values(owner_id=2))
    assert isinstance(refused.value.orig, psycopg.errors.InsufficientPrivilege)


def test_each_way_to_the_database_is_bound(database: Database) -> None:
    """X1: whichever lane is taken, and none of them remembers whose it was."""

    def seen(connection: sa.Connection) -> int:
        return len(connection.exec_driver_sql("SELECT * FROM transactions").all())

    async def all_ways(person: int | None) -> list[int]:
        wall.bind(person)
        lanes = (database.read, database.glance, database.write, database.write_to_disk)
        through = [await lane(seen) for lane in lanes]
        return [*through, database.snapshot_now(seen), await database.program.read(seen)]

    for _ in range(3):  # the same few connections, in turns
        assert play(all_ways(1)) == [1, 1, 1, 1, 1, 2]
        assert play(all_ways(None)) == [2] * 6


def test_a_connection_that_died_is_replaced_for_a_caller_too(
    database: Database, postgres_port: int
) -> None:
    """X1: what is read again, because its connection was dead, is read as the same person."""

    def seen(connection: sa.Connection) -> tuple[int, int]:
        rows = connection.exec_driver_sql("SELECT * FROM transactions").all()
        return len(rows), connection.exec_driver_sql("SELECT pg_backend_pid()").scalar_one()

    async def around() -> None:
        wall.bind(1)
        _, before = await database.read(seen)
        with administrator(postgres_port) as other:
            other.execute("SELECT pg_terminate_backend(%s, 5000)", [before])
        rows, after = await database.read(seen)
        assert (rows, after != before) == (1, True)

    play(around())


def test_a_superuser_walks_through_and_is_told_so(superuser_databases: Databases) -> None:
    """X1: what a policy does not hold back is said by name (`penstock db check` shows it)."""
    with superuser_databases.fresh() as made:
        opened = open_database(made.url)
        try:
            assert opened.read_now(wall.passes) == "the role postgres is a superuser"
        finally:
            opened.close()


def test_an_ordinary_role_does_not(database: Database) -> None:
    """X1: the role that owns the tables is held back like any other."""
    assert database.read_now(wall.passes) is None
