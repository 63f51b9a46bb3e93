"""SQLite's short way for accounts of which nothing is stored yet: their rows go straight in.

Without the temporary table every row is bound once instead of twice, which is most of what a first
sync costs. Nothing in these accounts is older than this transaction, so an event for a row that is
there simply replaces it, and a removal deletes what nobody has ever seen.
"""

from collections.abc import Iterable
from typing import Any, Final

import sqlalchemy as sa

from penstock.db.metadata import instant_text
from penstock.db.staging import SEEN, STAGED, Batch, Into, located


def fill(connection: sa.Connection, batches: Iterable[Batch], into: Into) -> int:
    """Insert a whole update; return how many rows there are then.

    Raises KeyError for a row of an account that is not in `into.accounts`.
    """
    cursor: Any = connection.connection.cursor()
    accounts = "(" + (", ".join(str(int(n)) for n in into.accounts.values()) or "NULL") + ")"
    now = instant_text(into.now)
    insert = _INSERT.format(
        owner=into.owner_id,
        run=into.run_id,
        change=into.change_number,
        now=now,
        today=into.today.isoformat(),
    )
    for batch in batches:
        sql = _REMOVE if batch.removal else insert
        cursor.executemany(sql, located(batch, into.accounts))
    cursor.execute(_DROP_SETTLED_WITHIN.format(accounts=accounts))
    cursor.execute(_REMEMBER_LINKS.format(accounts=accounts))
    cursor.execute(_COUNT.format(accounts=accounts))
    return int(cursor.fetchone()[0])


def _mark(name: str) -> str:
    return f"?{STAGED.index(name) + 1}"


_DATED: Final = ", ".join(_mark(name) for name in ("booked_on", "authorized_on", "value_on"))
_POSTED_RUN: Final = f"CASE {_mark('status')} WHEN 'posted' THEN {{run}} END"
_REPLACED: Final = (*SEEN[1:], "dated_on", "posted_run_id")
# The numbers that are the same for every row are written into the statement: they are our own.
_INSERT: Final = f"""
    INSERT INTO transactions ({", ".join(STAGED)}, dated_on, posted_run_id, owner_id,
        first_run_id, last_run_id, created_at, updated_at, change_number, hidden)
    VALUES ({", ".join(_mark(name) for name in STAGED)}, coalesce({_DATED}, '{{today}}'),
        {_POSTED_RUN}, {{owner}}, {{run}}, {{run}}, '{{now}}', '{{now}}', {{change}}, 0)
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
    INSERT INTO aliases (account_id, external_id, transaction_id)
        SELECT account_id, pending_external_id, min(id) {_LINKED}
        GROUP BY account_id, pending_external_id ON CONFLICT DO NOTHING
"""
_COUNT: Final = "SELECT count(*) FROM transactions WHERE account_id IN {accounts}"
