"""Pending rows become posted ones in place: what the person wrote on them stays (sync.md 10).

Runs on the staged rows before they are merged. A stored pending row is given the id of the posted
row that it became, so that the merge then finds it; its old id is kept as an alias, for which
later events change nothing (7). Only what is certain is paired; two posted rows never are (11).
"""

from datetime import date
from typing import Any, Final, NamedTuple

from penstock.db import images, touch
from penstock.db.statements import Statements
from penstock.domain.pairing import Candidate, pair


class Pair(NamedTuple):
    """The stored pending row and the staged posted one that it became."""

    row_id: int
    account_id: int
    external_id: str


def settle(statements: Statements, *, unlinked: bool, sends_removals: bool) -> int:
    """Pair stored pending rows with staged posted ones; return how many took over their pending.

    `unlinked`: also where the provider does not name the pending row.
    """
    if statements.one(_ANY_ALIASED):
        if statements.one(_ANY_GUESSED):
            statements.do(_KEEP_GUESSES)
            statements.do(_TAKE_BACK_GUESSES)
        statements.do(_DROP_SUPERSEDED)
    pairs = _linked(statements)
    if unlinked:
        taken = {one.row_id for one in pairs}
        posted = {(one.account_id, one.external_id) for one in pairs}
        pairs += [
            one
            for one in _certain(statements, sends_removals=sends_removals)
            if one.row_id not in taken and (one.account_id, one.external_id) not in posted
        ]
    if pairs:
        touch.rows(statements, [one.row_id for one in pairs])
        images.keep_touched(statements)
    for one in pairs:
        for sql in _TAKE_OVER:
            statements.do(sql, one._asdict())
    return len(pairs)


def drop_settled_within(statements: Statements) -> None:
    """Forget staged pendings whose posted row is staged too: they never stood for anybody."""
    statements.do(_DROP_SETTLED_WITHIN)


def remember_links(statements: Statements) -> None:
    """Keep the ids of pendings that posted rows name, so that late events for them do nothing."""
    statements.do(_REMEMBER_LINKS)


def _linked(statements: Statements) -> list[Pair]:
    """Find stored pending rows that a staged posted row names as its own beginning.

    One that is posted itself by now is a row beside the other, whoever names it (11).
    """
    first: dict[int, Pair] = {}
    for row in statements.all(_LINKED):
        first.setdefault(row[0], Pair(*row))
    return list(first.values())


def _certain(statements: Statements, *, sends_removals: bool) -> list[Pair]:
    """Find pairs that are certain by account, amount and day alone.

    The pending row must be gone: taken back by the bank, or no longer spoken of where the bank
    says no such thing. One that the bank still shows is another row. A posted row that came
    before, and took over no pending, may have been the one: then nothing is certain.
    """
    gone = _NOT_SPOKEN_OF + (_TAKEN_BACK if sends_removals else "")
    pendings = statements.all(_PENDINGS + gone)
    if not pendings:
        return []
    posted = statements.all(_POSTED)
    found = pair([_candidate(row) for row in pendings], [_candidate(row) for row in posted])
    return [
        Pair(before.row_id, after.account_id, after.external_id)
        for before, after in found
        if not after.row_id  # one that is stored stays itself (11): it only casts doubt
    ]


def _candidate(row: tuple[Any, ...]) -> Candidate:
    row_id, account_id, external_id, amount, currency, day = row
    dated_on = date.fromisoformat(day) if isinstance(day, str) else day
    return Candidate(row_id, account_id, external_id, str(amount), currency, dated_on)


# A pair that the bank never named was wrong where the old id comes back as a posted row.
_GUESSED: Final = """
    FROM aliases WHERE account_id IN {accounts}
        AND (account_id, external_id) IN (SELECT account_id, external_id FROM stage
            WHERE op = 0 AND status = 'posted')
        AND NOT EXISTS (SELECT 1 FROM transactions t WHERE t.id = aliases.transaction_id
            AND t.pending_external_id = aliases.external_id)
"""
# From the stage on: as a list, SQLite sorts every id of it.
_ALIASED: Final = """
    SELECT 1 FROM stage s CROSS JOIN aliases a
    WHERE a.account_id = s.account_id AND a.external_id = s.external_id
"""
_ANY_ALIASED: Final = f"{_ALIASED} LIMIT 1"
_ANY_GUESSED: Final = f"""
    {_ALIASED} AND s.op = 0 AND s.status = 'posted'
        AND NOT EXISTS (SELECT 1 FROM transactions t WHERE t.id = a.transaction_id
            AND t.pending_external_id = a.external_id)
    LIMIT 1
"""
# What this very run guessed, in an update before, was not so before it.
_KEEP_GUESSES: Final = f"""
    INSERT INTO alias_images (run_id, account_id, external_id, transaction_id)
        SELECT :run, account_id, external_id, transaction_id {_GUESSED}
            AND run_id {{differ}} :run
"""
_TAKE_BACK_GUESSES: Final = f"DELETE {_GUESSED}"
# Row by row: as a list, SQLite reads every alias of the accounts.
_DROP_SUPERSEDED: Final = """
    DELETE FROM stage WHERE EXISTS (SELECT 1 FROM aliases a
        WHERE a.account_id = stage.account_id AND a.external_id = stage.external_id)
"""
# The plus keeps SQLite from walking all that is stored, to look each row up in the stage.
_LINKED: Final = """
    SELECT t.id, s.account_id, s.external_id FROM stage s JOIN transactions t
        ON t.account_id = +s.account_id AND t.external_id = s.pending_external_id
    WHERE s.op = 0 AND s.status = 'posted' AND s.pending_external_id IS NOT NULL
        AND t.status = 'pending' AND NOT EXISTS (SELECT 1 FROM transactions k
            WHERE k.account_id = s.account_id AND k.external_id = s.external_id)
        AND NOT EXISTS (SELECT 1 FROM stage r WHERE r.op = 0 AND r.status = 'posted'
            AND r.account_id = t.account_id AND r.external_id = t.external_id)
    ORDER BY t.id, s.external_id
"""
# Within coalesce the day is no key, or SQLite walks all rows of those days, not the pendings.
_PENDINGS: Final = """
    SELECT t.id, t.account_id, t.external_id, t.amount, t.currency, t.dated_on FROM transactions t
    WHERE t.account_id IN {accounts} AND t.status = 'pending'
        AND coalesce(t.dated_on, :today) >= :since AND
"""
_NOT_SPOKEN_OF: Final = """
    NOT EXISTS (SELECT 1 FROM stage r WHERE r.op <> 1
        AND r.account_id = t.account_id AND r.external_id = t.external_id)
"""
_TAKEN_BACK: Final = """
    AND (t.removed_at IS NOT NULL OR EXISTS (SELECT 1 FROM stage r WHERE r.op = 1
        AND r.account_id = t.account_id AND r.external_id = t.external_id))
"""
_POSTED: Final = """
    SELECT 0, s.account_id, s.external_id, s.amount, s.currency, {dated} FROM stage s
    WHERE s.op = 0 AND s.status = 'posted' AND s.pending_external_id IS NULL
        AND NOT EXISTS (SELECT 1 FROM transactions k
            WHERE k.account_id = s.account_id AND k.external_id = s.external_id)
        AND (s.account_id, s.amount) IN (SELECT account_id, amount FROM transactions
            WHERE account_id IN {accounts} AND status = 'pending')
    UNION ALL
    SELECT t.id, t.account_id, t.external_id, t.amount, t.currency, t.dated_on FROM transactions t
    WHERE t.account_id IN {accounts} AND t.status = 'posted' AND t.dated_on >= :since
        AND t.removed_at IS NULL AND t.pending_external_id IS NULL
        AND NOT EXISTS (SELECT 1 FROM aliases a WHERE a.transaction_id = t.id)
        AND (t.account_id, t.amount) IN (SELECT account_id, amount FROM transactions
            WHERE account_id IN {accounts} AND status = 'pending')
"""
_TAKE_OVER: Final = (
    """
    INSERT INTO aliases (account_id, external_id, transaction_id, run_id)
        SELECT account_id, external_id, id, :run FROM transactions WHERE id = :row_id
        ON CONFLICT DO NOTHING
    """,
    """
    DELETE FROM stage WHERE account_id = :account_id AND external_id =
        (SELECT external_id FROM transactions WHERE id = :row_id)
    """,
    "UPDATE transactions SET external_id = :external_id WHERE id = :row_id",
)
# A stored pending that was taken back is removed even so: only what is not stored is forgotten.
_DROP_SETTLED_WITHIN: Final = """
    DELETE FROM stage WHERE (status = 'pending' OR op = 1)
        AND (account_id, external_id) IN (SELECT account_id, pending_external_id FROM stage
            WHERE op = 0 AND status = 'posted' AND pending_external_id IS NOT NULL)
        AND NOT (op = 1 AND EXISTS (SELECT 1 FROM transactions k
            WHERE k.account_id = stage.account_id AND k.external_id = stage.external_id))
"""
_REMEMBER_LINKS: Final = """
    INSERT INTO aliases (account_id, external_id, transaction_id, run_id)
        SELECT s.account_id, s.pending_external_id, min(t.id), :run FROM stage s JOIN transactions t
            ON t.account_id = s.account_id AND t.external_id = s.external_id
        WHERE s.op = 0 AND s.status = 'posted' AND s.pending_external_id IS NOT NULL
            AND NOT EXISTS (SELECT 1 FROM transactions k
                WHERE k.account_id = s.account_id AND k.external_id = s.pending_external_id)
        GROUP BY s.account_id, s.pending_external_id ON CONFLICT DO NOTHING
"""
