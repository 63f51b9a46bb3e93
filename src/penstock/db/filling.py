"""The short way for accounts of which nothing is stored yet: their rows are not compared.

Nothing in these accounts is older than this transaction, and nobody has seen it. Rows are handed
over to a bare temporary table, and go on from there many at a time: SQLite copies rows faster than
it takes them one by one, and PostgreSQL copies into no table that is behind the wall (wall.py).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final

import sqlalchemy as sa

from penstock.db.metadata import instant_text
from penstock.db.staging import STAGED, TYPED, Batch, Into, located
from penstock.db.statements import Statements

AT_A_TIME: Final = 10_000
"""How many rows go from the temporary table into the real one at a time."""
MOST_LINKS: Final = 2_000
"""So many are looked up one by one; more, all at once."""

Batches = Callable[[], Iterator[Batch]]
"""Gives an update's batches in order, each time from the first."""


@dataclass(slots=True)
class Links:
    """Which rows name a pending one: (account, its id, the pending id). None: too many to list."""

    named: list[tuple[int, str, str]] | None = field(default_factory=list)

    def note(self, rows: list[list[Any]]) -> None:
        """Take note of the links in rows that are being filled in."""
        if self.named is not None:
            self.named += [(row[0], row[1], row[_LINK]) for row in rows if row[_LINK]]
            if len(self.named) > MOST_LINKS:
                self.named = None


def fill(connection: sa.Connection, batches: Batches, into: Into) -> Links | None:
    """Insert a whole update. None, and nothing done, where it has to go the long way.

    Raises KeyError for a row of an account that is not in `into.accounts`.
    """
    if connection.dialect.name == "postgresql":
        return _fill_postgresql(connection, batches, into)
    return _fill_sqlite(connection, batches, into)


def settle(statements: Statements, links: Links) -> int:
    """Forget pendings whose posted row came in the same update; return how many rows there are."""
    if links.named is None:
        statements.do(_DROP_SETTLED_WITHIN)
        statements.do(_REMEMBER_LINKS)
    for account, posted, pending in links.named or ():
        link = {"account": account, "posted": posted, "pending": pending}
        statements.do(_DROP_SETTLED, link)
        statements.do(_REMEMBER_LINK, link)
    return int(statements.one(_COUNT))


def _fill_sqlite(connection: sa.Connection, batches: Batches, into: Into) -> Links:
    """Insert rows: an event for a row that is there replaces it, a removal deletes it."""
    cursor: Any = connection.connection.cursor()
    cursor.execute(f"CREATE TEMP TABLE IF NOT EXISTS handed ({', '.join(STAGED)})")
    hand_over = f"INSERT INTO handed VALUES ({', '.join('?' * len(STAGED))})"
    insert = f"{_insert(into)} WHERE true ORDER BY rowid {_OR_REPLACE}"
    links, handed = Links(), 0

    def go_on() -> None:
        cursor.execute(insert)
        cursor.execute("DELETE FROM handed")

    for batch in batches():
        rows = located(batch, into.accounts)
        if batch.removal:
            go_on()
            cursor.executemany(_REMOVE, rows)
            continue
        links.note(rows)
        cursor.executemany(hand_over, rows)
        handed += len(rows)
        if handed >= AT_A_TIME:
            go_on()
            handed = 0
    go_on()
    return links


def _fill_postgresql(connection: sa.Connection, batches: Batches, into: Into) -> Links | None:
    """Copy the rows in. An update that speaks twice of one row, or of a removal, cannot be."""
    import psycopg  # noqa: PLC0415 - there only where PostgreSQL is used

    if any(batch.removal for batch in batches()):
        return None
    cursor: Any = connection.connection.cursor()
    hand_over = f"COPY handed ({', '.join(STAGED)}) FROM STDIN"
    insert, links, waiting = _insert(into), Links(), batches()
    try:
        with connection.begin_nested():
            cursor.execute(f"CREATE TEMP TABLE handed ({TYPED}) ON COMMIT DROP")
            for part, first in enumerate(waiting):
                if part:
                    cursor.execute("TRUNCATE handed")
                handed = 0
                with cursor.copy(hand_over) as copy:
                    for batch in chain((first,), waiting):
                        rows = located(batch, into.accounts)
                        links.note(rows)
                        for row in rows:
                            copy.write_row(row)
                        handed += len(rows)
                        if handed >= AT_A_TIME:
                            break
                cursor.execute(insert)
    except psycopg.errors.UniqueViolation:
        return None
    return links


def _insert(into: Into) -> str:
    """Return the statement by which rows go on from the temporary table, in both languages.

    The numbers that are the same for every row are written into it: they are our own.
    """
    return _INSERT.format(
        owner=into.owner_id,
        run=into.run_id,
        change=into.change_number,
        now=instant_text(into.now),
        today=into.today.isoformat(),
    )


_LINK: Final = STAGED.index("pending_external_id")
_INSERT: Final = f"""
    INSERT INTO transactions ({", ".join(STAGED)}, dated_on, posted_run_id, owner_id, first_run_id,
        last_run_id, created_at, updated_at, change_number, hidden)
    SELECT {", ".join(STAGED)}, coalesce(booked_on, authorized_on, value_on, '{{today}}'),
        CASE status WHEN 'posted' THEN {{run}} END, {{owner}}, {{run}}, {{run}},
        '{{now}}', '{{now}}', {{change}}, false
    FROM handed
"""
_REPLACED: Final = (*STAGED[2:], "dated_on", "posted_run_id")
_OR_REPLACE: Final = f"""
    ON CONFLICT (account_id, external_id)
        DO UPDATE SET {", ".join(f"{name} = excluded.{name}" for name in _REPLACED)}
"""
_REMOVE: Final = "DELETE FROM transactions WHERE account_id = ? AND external_id = ?"
_LINKED: Final = """
    FROM transactions WHERE account_id IN {accounts} AND status = 'posted'
        AND pending_external_id IS NOT NULL
"""
_DROP_SETTLED_WITHIN: Final = f"""
    DELETE FROM transactions WHERE account_id IN {{accounts}} AND status = 'pending'
        AND (account_id, external_id) IN (SELECT account_id, pending_external_id {_LINKED})
"""
_REMEMBER_LINKS: Final = f"""
    INSERT INTO aliases (account_id, external_id, transaction_id, run_id)
        SELECT account_id, pending_external_id, min(id), :run {_LINKED}
            AND NOT EXISTS (SELECT 1 FROM transactions k
                WHERE k.account_id = transactions.account_id
                    AND k.external_id = transactions.pending_external_id)
        GROUP BY account_id, pending_external_id ON CONFLICT DO NOTHING
"""
_DROP_SETTLED: Final = """
    DELETE FROM transactions WHERE account_id = :account AND external_id = :pending
        AND status = 'pending' AND EXISTS (SELECT 1 FROM transactions t
            WHERE t.account_id = :account AND t.external_id = :posted AND t.status = 'posted'
                AND t.pending_external_id = :pending)
"""
_REMEMBER_LINK: Final = """
    INSERT INTO aliases (account_id, external_id, transaction_id, run_id)
        SELECT account_id, pending_external_id, id, :run FROM transactions
        WHERE account_id = :account AND external_id = :posted AND status = 'posted'
            AND pending_external_id = :pending AND NOT EXISTS (SELECT 1 FROM transactions k
                WHERE k.account_id = :account AND k.external_id = :pending)
        ON CONFLICT DO NOTHING
"""
_COUNT: Final = "SELECT count(*) FROM transactions WHERE account_id IN {accounts}"
