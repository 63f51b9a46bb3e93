"""The short way for accounts of which nothing is stored yet: their rows go straight in.

Without the temporary table every row is sent once instead of twice, which is most of what a first
sync costs. Nothing in these accounts is older than this transaction, and nobody has seen it.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final

import sqlalchemy as sa

from penstock.db.metadata import instant_text
from penstock.db.staging import STAGED, Batch, Into, located
from penstock.db.statements import Statements

Batches = Callable[[], Iterator[Batch]]
"""Gives an update's batches in order, each time from the first."""


def fill(connection: sa.Connection, batches: Batches, into: Into) -> bool:
    """Insert a whole update. False, and nothing done, where it has to go the long way.

    Raises KeyError for a row of an account that is not in `into.accounts`.
    """
    if connection.dialect.name == "postgresql":
        return _fill_postgresql(connection, batches, into)
    _fill_sqlite(connection, batches, into)
    return True


def settle(statements: Statements) -> int:
    """Forget pendings whose posted row came in the same update; return how many rows there are."""
    statements.do(_DROP_SETTLED_WITHIN)
    statements.do(_REMEMBER_LINKS)
    return int(statements.one(_COUNT))


def _fill_sqlite(connection: sa.Connection, batches: Batches, into: Into) -> None:
    """Insert row by row: an event for a row that is there replaces it, a removal deletes it."""
    cursor: Any = connection.connection.cursor()
    insert = _INSERT.format(
        owner=into.owner_id,
        run=into.run_id,
        change=into.change_number,
        now=instant_text(into.now),
        today=into.today.isoformat(),
    )
    for batch in batches():
        sql = _REMOVE if batch.removal else insert
        cursor.executemany(sql, located(batch, into.accounts))


def _fill_postgresql(connection: sa.Connection, batches: Batches, into: Into) -> bool:
    """Copy the rows in. An update that speaks twice of one row, or of a removal, cannot be."""
    import psycopg  # noqa: PLC0415 - there only where PostgreSQL is used

    if any(batch.removal for batch in batches()):
        return False
    cursor: Any = connection.connection.cursor()
    try:
        with connection.begin_nested(), cursor.copy(_COPY) as copy:
            for batch in batches():
                copy.write(_lines(batch, into))
    except psycopg.errors.UniqueViolation:
        return False
    return True


def _lines(batch: Batch, into: Into) -> str:
    """Return the batch as COPY reads it, with the columns that we compute, a line a row."""
    run, moment = str(into.run_id), into.now.isoformat()
    same = (str(into.owner_id), run, run, moment, moment, str(into.change_number), "f\n")
    ending, today = "\t".join(same), into.today.isoformat()
    lines = []
    for row in located(batch, into.accounts):
        row[0] = str(row[0])
        row.append(row[_BOOKED] or row[_AUTHORIZED] or row[_VALUE] or today)
        row.append(run if row[_STATUS] == "posted" else None)
        line = "\t".join(["\\N" if text is None else text for text in row])
        # Few texts hold a character that COPY gives a meaning: only theirs are written with care.
        if line.count("\t") != _TABS or line.count("\\") != row.count(None) or _BREAK.search(line):
            line = "\t".join(["\\N" if text is None else text.translate(_ESCAPES) for text in row])
        lines.append(f"{line}\t{ending}")
    return "".join(lines)


def _mark(name: str) -> str:
    return f"?{STAGED.index(name) + 1}"


_STATUS, _BOOKED, _VALUE, _AUTHORIZED = (
    STAGED.index(name) for name in ("status", "booked_on", "value_on", "authorized_on")
)
_TABS: Final = len(STAGED) + 1
_BREAK: Final = re.compile(r"[\n\r]")
_ESCAPES: Final = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n", "\r": r"\r"})
_COMPUTED: Final = (
    "dated_on, posted_run_id, owner_id, first_run_id, last_run_id, created_at, updated_at,"
    " change_number, hidden"
)
_COPY: Final = f"COPY transactions ({', '.join(STAGED)}, {_COMPUTED}) FROM STDIN"
_DATED: Final = ", ".join(_mark(name) for name in ("booked_on", "authorized_on", "value_on"))
_REPLACED: Final = (*STAGED[2:], "dated_on", "posted_run_id")
# The numbers that are the same for every row are written into the statement: they are our own.
_INSERT: Final = f"""
    INSERT INTO transactions ({", ".join(STAGED)}, {_COMPUTED})
    VALUES ({", ".join(_mark(name) for name in STAGED)}, coalesce({_DATED}, '{{today}}'),
        CASE {_mark("status")} WHEN 'posted' THEN {{run}} END, {{owner}}, {{run}}, {{run}},
        '{{now}}', '{{now}}', {{change}}, 0)
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
_COUNT: Final = "SELECT count(*) FROM transactions WHERE account_id IN {accounts}"
