"""What is always true of what is stored: each rule is broken by hand, and named."""

from collections.abc import Iterator
from decimal import Decimal

import pytest
import sqlalchemy as sa

from penstock.db import invariants, own_prices, soundness
from penstock.db.connect import open_database
from penstock.db.own_prices import OwnPrice
from penstock.domain.quote import Basis
from tests.databases import Database, Databases
from tests.db.books import DAY, NOW, Books
from tests.db.portfolio import security

POSTED = {"booked_on": DAY, "posted_run_id": 1}

SHARED_ID = (
    "INSERT INTO aliases (account_id, external_id, transaction_id)"
    " SELECT b.account_id, b.external_id, a.id FROM transactions a, transactions b"
    " WHERE a.id < b.id"
)

# What is done to the books, and the rule and the table that are then named.
BREAKS: list[tuple[str, str, str]] = [
    ("UPDATE feeds SET last = 0", "feeds", "transactions"),
    ("DELETE FROM feeds", "feeds", "accounts"),
    ("UPDATE transactions SET account_id = 4711", "owners", "transactions"),
    ("UPDATE transactions SET owner_id = owner_id + 1", "owners", "transactions"),
    ("UPDATE balances SET owner_id = owner_id + 1", "owners", "balances"),
    (
        SHARED_ID,
        "aliases",
        "aliases",
    ),
    ("DELETE FROM leases", "leases", "connections"),
    ("UPDATE transactions SET booked_on = NULL", "posted", "transactions"),
    ("UPDATE transactions SET posted_run_id = NULL", "posted", "transactions"),
    ("UPDATE transactions SET dated_on = '2026-01-01'", "posted", "transactions"),
    ("UPDATE transactions SET status = 'lost'", "posted", "transactions"),
    ("UPDATE balances SET amount = '100.5'", "amounts", "balances"),
    ("UPDATE transactions SET amount = '-10.000'", "amounts", "transactions"),
    ("UPDATE transactions SET amount = 'NaN'", "amounts", "transactions"),
    ("UPDATE holdings SET quantity = '1.50'", "amounts", "holdings"),
    ("UPDATE holdings SET price = '3.1'", "amounts", "holdings"),
    ("UPDATE holdings SET value = '3.1'", "amounts", "holdings"),
    ("UPDATE holdings SET cost_basis = '3'", "amounts", "holdings"),
    ("UPDATE holdings SET owner_id = owner_id + 1", "owners", "holdings"),
    ("UPDATE own_prices SET owner_id = owner_id + 1", "owners", "own_prices"),
    (
        "INSERT INTO signing_keys (kid, sealed, created_at) VALUES ('k', 's', '2026-11-20')",
        "seals",
        "signing_keys",
    ),
]


@pytest.fixture
def books(database: Database) -> Iterator[Books]:
    """Return the books of one person: two rows, a balance and a holding, as they should be."""
    opened = open_database(database.url)
    made = Books(opened)
    owner = made.person()
    made.person()  # somebody else, whose number the next is
    account = made.account(owner, made.connection(owner))
    made.transactions(owner, account, [{"dated_on": DAY, **POSTED} for _ in range(2)])
    made.balance(owner, account)
    made.holding(owner, account)
    number = security(opened, owner, "Mill & Weir", NOW)
    own = OwnPrice(number, DAY, Decimal("12.50"), "EUR", Basis.PER_SHARE)
    opened.write_now(own_prices.save, [own], owner_id=owner, now=NOW)
    yield made
    opened.close()


def act(books: Books, *statements: str) -> None:
    """Do something to the tables by hand."""

    def write(connection: sa.Connection) -> None:
        for sql in statements:
            connection.exec_driver_sql(sql)

    books.database.write_now(write)


def found(books: Books) -> dict[str, dict[str, int]]:
    """Return the rules that are broken: by table, how many rows."""

    def read(connection: sa.Connection) -> dict[str, dict[str, int]]:
        with soundness.reading_only(connection):
            return {
                rule.name: {one.table: one.rows for one in broken}
                for rule, broken in invariants.check(connection)
                if broken
            }

    return books.database.read_now(read)


def test_what_we_wrote_keeps_every_rule(books: Books) -> None:
    """Nothing is named where nothing is wrong."""
    assert found(books) == {}


@pytest.mark.parametrize(("sql", "rule", "table"), BREAKS)
def test_what_was_broken_is_named(books: Books, sql: str, rule: str, table: str) -> None:
    """A rule that does not hold is named with the table, and with at least one row of it."""
    act(books, sql)
    assert found(books)[rule][table] >= 1


def test_a_cursor_of_nobody_is_named(sqlite_database: Database) -> None:
    """A file that a tool wrote to without foreign keys may hold a cursor of no connection."""
    opened = open_database(sqlite_database.url)
    try:
        with opened.engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert driver is not None
            driver.execute("PRAGMA foreign_keys = OFF")
            driver.execute("INSERT INTO cursors VALUES (77, 'all', 'x', '2026-11-20')")
            driver.commit()
            driver.execute("PRAGMA foreign_keys = ON")
        assert found(Books(opened)) == {"cursors": {"cursors": 1}}
    finally:
        opened.close()


def test_a_check_cannot_write(books: Books) -> None:
    """While it reads, the database refuses to write, and it takes writes again afterwards."""

    def write(connection: sa.Connection) -> None:
        with soundness.reading_only(connection):
            connection.exec_driver_sql("DELETE FROM balances")

    with pytest.raises(sa.exc.DBAPIError):
        books.database.read_now(write)
    assert books.person()


def test_tables_that_differ_are_named(books: Books) -> None:
    """A column that somebody added, or an index that is missing, is said with its table."""
    assert books.database.read_now(soundness.differences) == []
    act(books, "ALTER TABLE users ADD COLUMN extra TEXT", "DROP INDEX ix_runs_owner")
    said = " ".join(books.database.read_now(soundness.differences))
    assert "users.extra" in said
    assert "ix_runs_owner" in said


def test_what_others_keep_beside_ours_is_left_alone(books: Books) -> None:
    """A table that is not ours, such as the job engine's, and an index added by hand, are fine."""
    act(books, "CREATE TABLE theirs (id integer)", "CREATE INDEX mine ON users (created_at)")
    assert books.database.read_now(soundness.differences) == []


@pytest.mark.postgres
def test_an_index_that_failed_is_named(superuser_databases: Databases) -> None:
    """PostgreSQL keeps an index whose making failed, and does not use it."""
    with superuser_databases.fresh() as place:
        _with_an_invalid_index(place.url)


def _with_an_invalid_index(url: str) -> None:
    opened = open_database(url)
    try:
        assert opened.read_now(soundness.invalid_indexes) == []
        opened.write_now(
            lambda connection: connection.exec_driver_sql(
                "UPDATE pg_index SET indisvalid = false"
                " WHERE indexrelid = 'ix_runs_owner'::regclass"
            )
        )
        assert opened.read_now(soundness.invalid_indexes) == ["ix_runs_owner"]
    finally:
        opened.close()
