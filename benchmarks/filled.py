"""Databases with millions of rows, made in one statement each: as full as years of syncs left them.

Ids are random, as most banks' are, so that neighbours in an index came at different times.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any, Final

import sqlalchemy as sa

from penstock.db import accounts, connections, cursors, feeds, leases, users
from penstock.db.connect import open_database
from penstock.db.lane import Database
from penstock.db.migrations import upgrade
from penstock.domain.clock import utc_now

TODAY: Final = date(2026, 11, 21)
DAYS: Final = 3_650
STREAM: Final = "all"
_INDEXES: Final = (
    "SELECT name, sql FROM sqlite_master"
    " WHERE type = 'index' AND tbl_name = 'transactions' AND sql IS NOT NULL"
)


@dataclass(frozen=True, slots=True)
class Filled:
    """Whose the rows are, and where: one connection with accounts that share them equally."""

    owner_id: int
    connection_id: int
    account_ids: tuple[int, ...]
    rows: int


def fill(url: str, rows: int, *, shares: int = 4, named: str = "bench") -> Filled:
    """Make an empty database and put `rows` transactions into it, of `shares` accounts."""
    upgrade(url)
    database = open_database(url)
    try:
        filled = database.write_now(_people, rows, shares, named)
        (_fill_sqlite if database.kind == "sqlite" else _fill_postgres)(database, filled)
    finally:
        database.close()
    return filled


def _people(connection: sa.Connection, rows: int, shares: int, named: str) -> Filled:
    now = utc_now()
    owner = users.create(connection, username=named, password_hash="", now=now)
    feeds.open_feed(connection, owner)
    number = feeds.next_change(connection, owner)
    link = connections.create(connection, owner_id=owner, connector="sandbox", now=now)
    if connection.execute(leases.leases.select().where(_is(link))).first() is None:
        leases.open_lease(connection, link)
    cursors.save(connection, link, STREAM, "0", now=now)
    made = [
        accounts.create(
            connection,
            {
                "owner_id": owner,
                "connection_id": link,
                "external_id": f"account-{share}",
                "name": f"Account {share}",
                "type": "checking",
                "currency": "EUR",
                "active": True,
                "created_at": now,
                "change_number": number,
            },
        )
        for share in range(shares)
    ]
    return Filled(owner, link, tuple(made), rows)


def _is(link: int) -> sa.ColumnElement[bool]:
    return leases.leases.c.connection_id == link


def _fill_sqlite(database: Database, filled: Filled) -> None:
    """Insert, and make the indexes afterwards: one sort each, as a vacuumed file has them."""
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        run: Any = connection.connection.cursor().execute
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-2000000"):
            run(f"PRAGMA {pragma}")
        indexes = run(_INDEXES).fetchall()
        for name, _ in indexes:
            run(f"DROP INDEX {name}")
        run("BEGIN")
        run(
            "WITH RECURSIVE numbers(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM numbers"
            f" WHERE n + 1 < {filled.rows}) "
            + _insert(
                filled,
                external_id="lower(hex(randomblob(16)))",
                amount="printf('%.2f', cents / 100.0)",
                day="date({newest} - back)",
                now="'2026-11-21T08:15:00.123456Z'",
            ).replace("{newest}", f"julianday('{TODAY}')")
        )
        run("COMMIT")
        for _, sql in indexes:
            run(sql)
        run("PRAGMA journal_mode=WAL")
        connection.invalidate()


def _fill_postgres(database: Database, filled: Filled) -> None:
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        run: Any = connection.connection.cursor().execute
        run(
            f"WITH numbers AS (SELECT n FROM generate_series(0, {filled.rows - 1}::bigint) AS s(n))"
            + _insert(
                filled,
                external_id="md5(random()::text || n)",
                amount="(cents / 100.0)::numeric(12, 2)",
                day=f"date '{TODAY}' - back::int",
                now="timestamptz '2026-11-21 08:15:00.123456Z'",
            )
        )
        run("VACUUM ANALYZE")  # what autovacuum does sooner or later


def _insert(filled: Filled, *, external_id: str, amount: str, day: str, now: str) -> str:
    """Return the statement. The oldest row comes first, as it does in life."""
    first, shares = filled.account_ids[0], len(filled.account_ids)
    return f"""
        INSERT INTO transactions (owner_id, account_id, external_id, status, amount, currency,
            dated_on, booked_on, value_on, authorized_on, description, counterparty, category,
            reference, first_run_id, last_run_id, posted_run_id, created_at, updated_at,
            change_number)
        SELECT {filled.owner_id}, {first} + n % {shares}, {external_id}, 'posted', {amount}, 'EUR',
            day, day, day, day, 'Card purchase at shop ' || (n % 997),
            'Shop ' || (n % 997), CASE n % 4 WHEN 0 THEN 'food' WHEN 1 THEN 'home' END,
            CASE n % 5 WHEN 0 THEN 'RF18 5390 ' || (n % 10000) END, 1, 1, 1, {now}, {now}, 1
        FROM (SELECT n, cents, {day} AS day FROM (
            SELECT n, n * 7919 % 20000 - 15000 AS cents,
                {DAYS} - n * {DAYS} / {filled.rows} AS back FROM numbers))
    """
