"""Pairs that are likely and not certain: suggested to the person, never made (sync.md 10).

A pending row that is gone without a word, and a posted one that this update brought: the same
account, currency and direction, up to 14 days later, and an amount that differs by no more than a
tip. Where several fit, the nearest are suggested.
"""

from datetime import date
from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa

from penstock.db import suggestions
from penstock.db.staging import Into
from penstock.db.statements import Statements
from penstock.db.suggestions import Kind, New, Role
from penstock.domain.pairing import Candidate, likely

MOST: Final = 200
"""How many rows of a side are looked at: a feed that loses more at once means something else."""


def suggest(connection: sa.Connection, statements: Statements, into: Into) -> None:
    """Suggest the likely pairs of an update that has been merged."""
    pendings = statements.all(_GONE)
    if not pendings or len(pendings) > MOST:
        return
    posted = statements.all(_NEW)
    if not posted or len(posted) > MOST:
        return
    for before, after in likely(
        [_candidate(row) for row in pendings], [_candidate(row) for row in posted]
    ):
        new = New(
            owner_id=into.owner_id,
            account_id=before.account_id,
            run_id=into.run_id,
            kind=Kind.PAIR,
            subject=f"{before.row_id}:{after.row_id}",
            reason=_reason(before, after),
            rows={before.row_id: Role.PENDING, after.row_id: Role.POSTED},
        )
        suggestions.suggest(connection, new, now=into.now)


def _reason(before: Candidate, after: Candidate) -> str:
    days = (after.dated_on - before.dated_on).days
    return (
        f"A pending {before.amount} {before.currency} of {before.dated_on} is gone, and"
        f" {after.amount} {after.currency} was booked {days} days later."
    )


def _candidate(row: tuple[Any, ...]) -> Candidate:
    row_id, account_id, external_id, amount, currency, day = row
    dated_on = date.fromisoformat(day) if isinstance(day, str) else day
    return Candidate(
        row_id, account_id, external_id, format(Decimal(amount), "f"), currency, dated_on
    )


_COLUMNS: Final = "t.id, t.account_id, t.external_id, t.amount, t.currency, t.dated_on"
_GONE: Final = f"""
    SELECT {_COLUMNS} FROM transactions t WHERE t.account_id IN {{accounts}}
        AND t.status = 'pending' AND t.removed_at IS NOT NULL AND t.dated_on >= :since
    ORDER BY t.id LIMIT {MOST + 1}
"""
_NEW: Final = f"""
    SELECT {_COLUMNS} FROM stage s JOIN transactions t
        ON t.account_id = s.account_id AND t.external_id = s.external_id
    WHERE s.op = 0 AND t.first_run_id = :run AND t.status = 'posted' AND t.removed_at IS NULL
        AND t.pending_external_id IS NULL
        AND NOT EXISTS (SELECT 1 FROM aliases a WHERE a.transaction_id = t.id)
        AND t.account_id IN (SELECT p.account_id FROM transactions p
            WHERE p.account_id IN {{accounts}} AND p.status = 'pending')
    ORDER BY t.id LIMIT {MOST + 1}
"""
