"""How a database is opened, and what it can do then on either kind."""

from decimal import Decimal, localcontext
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from penstock.db.connect import ExactSum, exact_compare, open_database
from penstock.domain.errors import InvalidInput
from tests.databases import Database
from tests.db.books import open_books

amounts = st.decimals(
    Decimal(-(10**20)), Decimal(10**20), places=18, allow_nan=False, allow_infinity=False
)


def pragma(connection: sa.Connection, name: str) -> object:
    """Return how SQLite is set."""
    return connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()


def test_how_sqlite_is_opened(sqlite_database: Database) -> None:
    """architecture, Storage: WAL, foreign keys on, patient with others for half a minute."""
    database = open_database(sqlite_database.url)
    try:
        set_to = {
            name: database.read_now(pragma, name)
            for name in ("journal_mode", "foreign_keys", "busy_timeout", "synchronous")
        }
    finally:
        database.close()
    assert set_to == {
        "journal_mode": "wal",
        "foreign_keys": 1,
        "busy_timeout": 30_000,
        "synchronous": 1,
    }


def test_how_postgresql_is_opened(postgres_database: Database) -> None:
    """Instants come back in UTC, whatever the server's zone; no lock is waited for for ever."""
    for url in (
        postgres_database.url,
        postgres_database.url.replace("postgresql+psycopg:", "postgresql:"),
        postgres_database.url.replace("postgresql+psycopg:", "postgres:"),
    ):
        database = open_database(url)
        try:
            zone = database.read_now(lambda one: one.exec_driver_sql("SHOW timezone").scalar_one())
            wait = database.read_now(
                lambda one: one.exec_driver_sql("SHOW lock_timeout").scalar_one()
            )
        finally:
            database.close()
        assert (database.kind, zone, wait) == ("postgresql", "UTC", "30s")


@pytest.mark.parametrize(
    "url", ["", "mysql://ann:hidden@h/db", "postgresql+asyncpg://ann:hidden@h/d", "/a/path", "::"]
)
def test_other_databases_are_refused(url: str) -> None:
    """A URL that we do not speak is refused with what to write instead, its password untold."""
    with pytest.raises(InvalidInput) as caught:
        open_database(url)
    assert "postgresql://" in caught.value.message
    assert "hidden" not in caught.value.message


@given(st.lists(amounts | st.none()))
def test_sums_are_exact(some: list[Decimal | None]) -> None:
    """sync.md 15: SQLite adds canonical texts to the last digit; NULL counts as nothing."""
    adding = ExactSum()
    for one in some:
        adding.step(None if one is None else f"{one:f}")
    with localcontext() as exactly:
        exactly.prec = 100
        assert Decimal(adding.finalize()) == sum((one for one in some if one), Decimal(0))


@given(amounts, amounts)
def test_comparisons_are_exact(one: Decimal, other: Decimal) -> None:
    """sync.md 15: amounts that differ in the eighteenth decimal differ."""
    assert exact_compare(f"{one:f}", f"{other:f}") == (one > other) - (one < other)
    assert exact_compare(f"{one:f}", f"{one:f}000") == 0
    assert exact_compare(None, f"{one:f}") is None
    assert exact_compare(f"{one:f}", None) is None


def test_sqlite_knows_both_functions(sqlite_database: Database) -> None:
    """Any statement of ours can add and compare amounts exactly."""
    query = sa.text(
        "SELECT exact_sum(a), max(exact_compare(a, '0.1')) FROM"
        " (SELECT '0.10' AS a UNION ALL SELECT '0.20' UNION ALL SELECT NULL)"
    )
    database = open_database(sqlite_database.url)
    try:
        assert database.read_now(lambda one: tuple(one.execute(query).one())) == ("0.30", 1)
    finally:
        database.close()


def test_an_error_does_not_tell_what_was_written(database: Database) -> None:
    """K3: errors of the database are logged; what a statement carried does not stand in them."""
    opened = open_database(database.url)
    try:
        with pytest.raises(sa.exc.DBAPIError) as caught:
            opened.read_now(
                lambda connection: connection.execute(
                    sa.text("SELECT :said FROM nowhere"), {"said": "canary-7"}
                )
            )
    finally:
        opened.close()
    assert "canary-7" not in str(caught.value)


@pytest.mark.postgres
def test_a_connection_that_died_at_rest_is_replaced(postgres_database: Database) -> None:
    """Whoever asks after the server was away gets a new connection, and notices nothing."""
    opened = open_database(postgres_database.url)
    sa.event.listen(opened.engine, "checkin", age)
    try:
        first = opened.read_now(server_process)
        with open_books(postgres_database.url) as other:
            other.database.write_now(
                lambda connection: connection.execute(
                    sa.select(sa.func.pg_terminate_backend(first))
                )
            )
        assert opened.read_now(server_process) != first
    finally:
        opened.close()


def server_process(connection: sa.Connection) -> int:
    """Return the number of the server's process behind a connection."""
    return int(connection.execute(sa.select(sa.func.pg_backend_pid())).scalar_one())


def age(_connection: object, record: Any) -> None:
    """Let a connection that is given back look as if it had rested for long."""
    record.info["rests_since"] = -1_000.0
