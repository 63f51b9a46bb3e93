"""The short way for accounts of which nothing is stored yet: their rows go straight in.

Without the temporary table every row is sent once instead of twice, which is most of what a first
sync costs. Nothing in these accounts is older than this transaction, and nobody has seen it.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

import sqlalchemy as sa

from penstock.db.copying import copying
from penstock.db.metadata import instant_text
from penstock.db.staging import STAGED, Batch, Into, located
from penstock.db.statements import Statements

AT_A_TIME: Final = 20_000
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
    """Insert rows: an event for a row that is there replaces it, a removal deletes it.

    They are handed over to a bare temporary table, and go on from there many at a time: the
    database copies rows faster than it takes them one by one.
    """
    cursor: Any = connection.connection.cursor()
    cursor.execute(f"CREATE TEMP TABLE IF NOT EXISTS handed ({', '.join(STAGED)})")
    hand_over = f"INSERT INTO handed VALUES ({', '.join('?' * len(STAGED))})"
    insert = _INSERT.format(
        owner=into.owner_id,
        run=into.run_id,
        change=into.change_number,
        now=instant_text(into.now),
        today=into.today.isoformat(),
    )
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
    links = Links()
    columns = (*STAGED, _COMPUTED)
    try:
        with connection.begin_nested(), copying(connection, "transactions", columns) as copy:
            for batch in batches():
                rows = located(batch, into.accounts)
                links.note(rows)
                copy.write(_lines(rows, into))
    except psycopg.errors.UniqueViolation:
        return None
    return links


def _lines(rows: list[list[Any]], into: Into) -> str:
    """Return rows as COPY reads them, with the columns that we compute, a line a row."""
    run, moment = str(into.run_id), into.now.isoformat()
    same = (str(into.owner_id), run, run, moment, moment, str(into.change_number), "f\n")
    ending, today = "\t".join(same), into.today.isoformat()
    lines = []
    for row in rows:
        row[0] = str(row[0])
        row.append(row[_BOOKED] or row[_AUTHORIZED] or row[_VALUE] or today)
        row.append(run if row[_STATUS] == "posted" else None)
        line = "\t".join(["\\N" if text is None else text for text in row])
        # Few texts hold a character that COPY gives a meaning: only theirs are written with care.
        if line.count("\t") != _TABS or line.count("\\") != row.count(None) or _BREAK.search(line):
            line = "\t".join(["\\N" if text is None else text.translate(_ESCAPES) for text in row])
        lines.append(f"{line}\t{ending}")
    return "".join(lines)


_STATUS, _BOOKED, _VALUE, _AUTHORIZED = (
    STAGED.index(name) for name in ("status", "booked_on", "value_on", "authorized_on")
)
_LINK: Final = STAGED.index("pending_external_id")
_TABS: Final = len(STAGED) + 1
_BREAK: Final = re.compile(r"[\n\r]")
_ESCAPES: Final = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
_COMPUTED: Final = (
    "dated_on, posted_run_id, owner_id, first_run_id, last_run_id, created_at, updated_at,"
    " change_number, hidden"
)
_REPLACED: Final = (*STAGED[2:], "dated_on", "posted_run_id")
# The numbers that are the same for every row are written into the statement: they are our own.
_INSERT: Final = f"""
    INSERT INTO transactions ({", ".join(STAGED)}, {_COMPUTED})
    SELECT {", ".join(STAGED)}, coalesce(booked_on, authorized_on, value_on, '{{today}}'),
        CASE status WHEN 'posted' THEN {{run}} END, {{owner}}, {{run}}, {{run}},
        '{{now}}', '{{now}}', {{change}}, 0
    FROM handed WHERE true ORDER BY rowid
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
