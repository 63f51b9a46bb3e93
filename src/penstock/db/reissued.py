"""Rows that the bank tells again under another id (sync.md 11).

It is certain where the old id is provably gone: taken back, or missing where all was told. Then a
new posted row that says the same (account, day, amount, currency, words) is that row, one for one:
what the person wrote on it stays, and the old id becomes an alias. Where the old id may still stand
beside the new one it is suggested, of providers that are known to do so, and never done.
"""

from collections.abc import Iterable
from typing import Final

import sqlalchemy as sa

from penstock.db import images, suggestions, touch
from penstock.db.staging import Into
from penstock.db.statements import Statements
from penstock.db.suggestions import Kind, New, Role
from penstock.db.sweeping import Range

MOST: Final = 200
"""How many new rows are compared with what stands: more at once are no re-issued ids."""
MOST_RETURNS: Final = 2_000
"""How many are compared with what was taken back before this update."""


def settle(statements: Statements, covered: Iterable[Range], fresh: int) -> int:
    """Let stored rows take over the new ids under which they were told; return how many do."""
    gone = [_TAKEN_BACK, *(one.missing_posted for one in covered)]
    if fresh <= MOST_RETURNS:
        gone.append(_GONE_BEFORE)
    statements.make(_TABLE)
    found = statements.do(_FIND.replace("{rows}", " UNION ".join(gone)))
    if not found:
        return 0
    touch.found(statements, "SELECT row_id FROM reissued")
    images.keep_touched(statements)
    for sql in _TAKE_OVER:
        statements.do(sql)
    return found


def count_touched(statements: Statements) -> int:
    """Count those of them that are in `touched` as well: they say something new besides."""
    return int(statements.one("SELECT count(*) FROM reissued JOIN touched ON id = row_id"))


def suggest(connection: sa.Connection, statements: Statements, into: Into) -> None:
    """Suggest which of the rows that this update brought may be others' under a new id."""
    for old, new, account_id in statements.all(_LIKELY):
        told = New(
            owner_id=into.owner_id,
            account_id=account_id,
            run_id=into.run_id,
            kind=Kind.REISSUED,
            subject=f"{old}:{new}",
            reason="The bank told a row that says the same as an older one, under another id.",
            rows={old: Role.OLD, new: Role.NEW},
        )
        suggestions.suggest(connection, told, now=into.now)


_SAYS: Final = (
    "account_id",
    "day",
    "amount",
    "currency",
    "description",
    "counterparty",
    "reference",
)
_COLUMNS: Final = """
    {0}.account_id, {1} AS day, {0}.amount, {0}.currency, {0}.description,
    coalesce({0}.counterparty, '') AS counterparty, coalesce({0}.reference, '') AS reference
"""
_TURN: Final = f"row_number() OVER (PARTITION BY {', '.join(_SAYS)} ORDER BY {{0}}) AS turn"
_EQUAL: Final = " AND ".join(f"o.{one} = n.{one}" for one in (*_SAYS, "turn"))
_NEW: Final = f"""
    SELECT *, {_TURN.format("external_id")} FROM (
        SELECT {_COLUMNS.format("s", "{dated_of_s}")}, s.external_id
        FROM fresh f CROSS JOIN stage s
        WHERE s.account_id = f.account_id AND s.external_id = f.external_id
            AND s.status = 'posted') AS told
"""
# Of rows that say the same, one that somebody wrote on comes first.
_OLD: Final = f"""
    SELECT *, {_TURN.format("unwritten, row_id")} FROM (
        SELECT {_COLUMNS.format("t", "t.dated_on")}, t.external_id, t.id AS row_id,
            CASE WHEN t.note IS NULL AND t.person_category IS NULL THEN 1 ELSE 0 END AS unwritten
        FROM transactions t WHERE t.id IN ({{rows}})) AS stored
"""
_TABLE: Final = (
    "reissued (row_id bigint PRIMARY KEY, account_id bigint, old_id text, external_id text)"
)
_FIND: Final = f"""
    INSERT INTO reissued (row_id, account_id, old_id, external_id)
    SELECT o.row_id, o.account_id, o.external_id, n.external_id
    FROM ({_OLD}) AS o JOIN ({_NEW}) AS n ON {_EQUAL}
"""
_TAKEN_BACK: Final = """
    SELECT t.id FROM stage r CROSS JOIN transactions t
    WHERE r.op = 1 AND t.status = 'posted'
        AND t.account_id = r.account_id AND t.external_id = r.external_id
"""
# Through the days of the new rows: there may be many rows that are gone, and are no matter.
# A CROSS JOIN keeps SQLite to this order.
_OF_THE_DAYS: Final = """
    FROM fresh f CROSS JOIN stage s CROSS JOIN transactions t
    WHERE s.account_id = f.account_id AND s.external_id = f.external_id
        AND t.account_id = s.account_id AND t.dated_on = {dated_of_s} AND t.amount = s.amount
        AND s.status = 'posted' AND t.status = 'posted' AND t.first_run_id <> :run
        AND NOT EXISTS (SELECT 1 FROM stage k WHERE k.op <> 1
            AND k.account_id = t.account_id AND k.external_id = t.external_id)
"""
_GONE_BEFORE: Final = f"SELECT t.id {_OF_THE_DAYS} AND t.removed_at IS NOT NULL"
_STANDING: Final = f"SELECT t.id {_OF_THE_DAYS} AND t.removed_at IS NULL"
_LIKELY: Final = f"""
    SELECT o.row_id, i.id, o.account_id FROM ({_OLD.replace("{rows}", _STANDING)}) AS o
    JOIN ({_NEW}) AS n ON {_EQUAL}
    JOIN transactions i ON i.account_id = n.account_id AND i.external_id = n.external_id
    ORDER BY o.row_id LIMIT {MOST}
"""
_TAKE_OVER: Final = (
    """
    INSERT INTO aliases (account_id, external_id, transaction_id, run_id)
        SELECT account_id, old_id, row_id, :run FROM reissued WHERE true ON CONFLICT DO NOTHING
    """,
    """
    DELETE FROM stage WHERE op = 1 AND EXISTS (SELECT 1 FROM reissued r
        WHERE r.account_id = stage.account_id AND r.old_id = stage.external_id)
    """,
    """
    DELETE FROM fresh WHERE EXISTS (SELECT 1 FROM reissued r
        WHERE r.account_id = fresh.account_id AND r.external_id = fresh.external_id)
    """,
    """
    UPDATE transactions SET external_id = (SELECT r.external_id FROM reissued r
            WHERE r.row_id = transactions.id),
        last_run_id = :run, updated_at = :now, change_number = :change
    WHERE id IN (SELECT row_id FROM reissued)
    """,
)
