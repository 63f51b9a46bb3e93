"""Stored rows brought to what the mapping says of them now; their lives are not touched (18)."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from penstock.db import images, reused, staging, tie_outs, touch
from penstock.db.bulk import statements_for
from penstock.db.staging import SEEN, Batch, Into
from penstock.db.statements import Statements
from penstock.db.transactions import transactions
from penstock.domain.transaction import Removal, TransactionSeen

EXAMPLES: Final = 20
_FIELDS: Final = tuple(name for name in SEEN if name != "external_id")


@dataclass(frozen=True, slots=True)
class Remapped:
    """A row whose mapping differs: each field's old and new text."""

    transaction_id: int
    fields: dict[str, tuple[str | None, str | None]]


@dataclass(frozen=True, slots=True)
class Remapping:
    """How many rows differed, and the first of them."""

    changed: int
    examples: list[Remapped]


def remap(
    connection: sa.Connection,
    batches: Iterable[Batch],
    into: Into,
    *,
    reuses_ids: bool = False,
) -> Remapping:
    """Write what these batches say of rows that are stored and stand; the last word counts."""
    known = (batch for batch in batches if not batch.removal)
    statements = statements_for(connection, into)
    # A row of an account that the connection no longer has is nobody's: no account is number 0.
    staging.load(connection, known, defaultdict(int, into.accounts))
    if reuses_ids:
        reused.settle(statements, into, None)
    touch.make(statements)
    changed = touch.found(statements, _DIFFERENT)
    examples = _examples(statements) if changed else []
    if changed:
        images.note_commit(connection, into.connection_id, into.run_id, into.change_number)
        images.keep_touched(statements)
        statements.do(_REMAP)
        tie_outs.shake(statements)
    staging.clear(connection)
    return Remapping(changed, examples)


def note_hearing(
    connection: sa.Connection, into: Into, heard: Iterable[tuple[TransactionSeen | Removal, int]]
) -> None:
    """Note of rows that were posted by this run which run had heard them: balances go by that."""
    c = transactions.c
    for row, run_id in heard:
        connection.execute(
            transactions.update()
            .where(
                c.account_id == into.accounts[row.account],
                c.external_id == row.external_id,
                c.posted_run_id == into.run_id,
            )
            .values(posted_run_id=run_id)
        )


def _examples(statements: Statements) -> list[Remapped]:
    found = []
    for number, *values in statements.all(_SHOW):
        before, after = values[: len(_FIELDS)], values[len(_FIELDS) :]
        pairs = zip(_FIELDS, before, after, strict=True)
        fields = {name: (_text(old), _text(new)) for name, old, new in pairs if old != new}
        found.append(Remapped(number, fields))
    return found


def _text(value: Any) -> str | None:  # noqa: ANN401 - a column's value may be anything
    return None if value is None else str(value)


def _each(form: str) -> str:
    return ", ".join(form.format(name) for name in _FIELDS)


_JOINED: Final = "t.account_id = s.account_id AND t.external_id = s.external_id"
_DIFFERENT: Final = f"""
    SELECT t.id FROM stage s JOIN transactions t ON {_JOINED}
    WHERE t.removed_at IS NULL AND ({_each("t.{0}")}) {{differ}} ({_each("s.{0}")})
"""
_SHOW: Final = f"""
    SELECT t.id, {_each("t.{0}")}, {_each("s.{0}")}
    FROM touched c JOIN transactions t ON t.id = c.id JOIN stage s ON {_JOINED}
    ORDER BY t.id LIMIT {EXAMPLES}
"""
_REMAP: Final = f"""
    UPDATE transactions AS t SET {_each("{0} = s.{0}")}, dated_on = {{dated_of_s}},
        posted_run_id = CASE WHEN s.status = 'pending' THEN NULL
            ELSE coalesce(t.posted_run_id, t.last_run_id) END,
        last_run_id = :run, updated_at = :now, change_number = :change
    FROM touched c, stage s WHERE c.id = t.id AND {_JOINED}
"""
