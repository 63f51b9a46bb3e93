"""Prepared statements do what SQLAlchemy does with the same ones, and fail as it does."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from penstock.db.connect import open_database
from penstock.db.metadata import Exact, Instant
from penstock.db.prepared import Prepared
from penstock.db.runs import runs
from tests.databases import Database

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
