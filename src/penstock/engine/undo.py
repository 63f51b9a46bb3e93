"""Taking back what the latest run did, in one transaction (sync.md 31).

Rows that nobody touched since are as they were before it, each with a new change number; what it
inserted goes, and leaves a stub in the change feed. The others are listed and stay. The cursors go
back, and the connection pauses, or it would bring the same again at once; it is as old as it was
before. A run that asked no bank moved no cursor: undone, it pauses nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from penstock.db import (
    accounts,
    archives,
    cursors,
    erasures,
    feeds,
    holding_versions,
    holdings,
    images,
    leases,
    price_turns,
    quarantine,
    runs,
    suggestions,
    tie_outs,
    turns,
    waiting,
)
from penstock.db.metadata import instant_text
from penstock.db.runs import RunRow
from penstock.db.statements import Statements
from penstock.db.transactions import transactions
from penstock.domain.errors import Conflict
from penstock.domain.ids import public_id
from penstock.domain.remedy import ask_person, wait
from penstock.engine import securities
from penstock.engine.own_run import DryRun
from penstock.engine.tieout import check_connection

PAUSED: Final = "undone"


@dataclass(frozen=True, slots=True)
class Undone:
    """What was undone: rows as before, rows that are gone, and rows left alone, by number.

    The rows are transactions and holdings; those left alone are told apart.
    """

    restored: int
    deleted: int
    kept: Sequence[int]
    kept_holdings: Sequence[int] = ()


def undo(
    connection: sa.Connection, run_id: int, *, owner_id: int, now: datetime, dry: bool
) -> Undone:
    """Undo a run.

    Raises NotFound, Conflict where it cannot be undone (any more), and DryRun with the result
    where nothing is to be kept.
    """
    run = runs.get(connection, run_id, owner_id=owner_id)
    leases.seize(connection, run.connection_id)
    _check(connection, run)
    number = feeds.next_change(connection, owner_id)
    statements = _statements(connection, run, number, now)
    kept = [row[0] for row in statements.all(_KEPT)]
    gone = sa.select(transactions.c.id).where(
        transactions.c.first_run_id == run_id,
        transactions.c.change_number.in_(_numbers(run_id)),
        transactions.c.owner_id == owner_id,
    )
    erasures.note(
        connection, owner_id=owner_id, kind="transaction", rows=gone, change_number=number
    )
    deleted = statements.do(_DELETE)
    restored = statements.do(_RESTORE)
    kept += [row[0] for row in statements.all(_NOT_RESTORED)]
    statements.do(_FORGET_ALIASES)
    statements.do(_REMEMBER_ALIASES)
    held = holdings.undo(
        connection, run_id, _numbers(run_id), owner_id=owner_id, change_number=number, now=now
    )
    holding_versions.undo(connection, run_id, owner_id=owner_id, kept=held.kept)
    securities.undo(connection, securities.Book(owner_id, now), run_id, kept=held.kept)
    price_turns.follow(connection, owner_id=owner_id, now=now)
    _forget(connection, run, now, afresh=bool(kept))
    _unfoot(connection, run)
    check_connection(connection, run.connection_id, now=now)
    done = Undone(restored + held.restored, deleted + held.deleted, sorted(set(kept)), held.kept)
    if dry:
        raise DryRun(done)
    return done


def _check(connection: sa.Connection, run: RunRow) -> None:
    if run.undone_at is not None:
        raise Conflict("This sync was undone already.")
    if run.outcome == runs.RUNNING:
        raise Conflict("This sync is running.", remedy=wait("Try again when it has ended."))
    if not images.is_kept(connection, run.id):
        raise Conflict(
            "This sync changed no row, or another has changed rows since: only the latest one that "
            "did can be undone.",
            remedy=ask_person(_instead(run)),
        )


def _instead(run: RunRow) -> str:
    """Say what else there is to do about a sync that cannot be undone."""
    number = public_id("con", run.connection_id)
    if run.trigger == runs.IMPORT:
        return f"`penstock syncs --connection {number}` shows which one was the latest that did."
    return (
        "To be rid of an older one's mistakes, read everything afresh: "
        f"`penstock sync {number} --from-start`."
    )


def _forget(connection: sa.Connection, run: RunRow, now: datetime, *, afresh: bool) -> None:
    """Put the cursors back and pause, if it asked a bank, and let go of everything that it left.

    Where rows were kept the next sync reads everything `afresh`: what the bank took back of them
    after the old cursors it would never say again. What could not be mapped stays in quarantine:
    a stream of which nothing else was stored does not go back, and would never tell it again.
    """
    before = images.cursors_before(connection, run.id)
    for stream, cursor in before.items():
        if cursor is None or afresh:
            cursors.delete(connection, run.connection_id, stream)
        else:
            cursors.save(connection, run.connection_id, stream, cursor, now=now)
    if run.trigger not in runs.OF_OUR_OWN:
        turns.pause(connection, run.connection_id, reason=PAUSED, now=now)
        why = "What an earlier sync had brought was taken back first."
        waiting.drop(connection, run.connection_id, why, now=now)
    if before:
        # Later runs changed nothing, but heard what will be heard again now.
        archives.delete_of_streams(connection, run.connection_id, before, since=run.id)
    if run.trigger == runs.IMPORT:
        archives.delete_of_run(connection, run.id)
    ended = run.finished_at or now
    quarantine.reopen(connection, run.connection_id, since=run.started_at, until=ended)
    suggestions.delete_of_run(connection, run.id)
    images.delete_of(connection, [run.id])
    runs.mark_undone(connection, run.id, now=now)
    if run.trigger == runs.IMPORT:
        turns.note_import(connection, run.connection_id)
    elif run.trigger not in runs.OF_OUR_OWN:
        turns.go_back(connection, run.connection_id)


def _unfoot(connection: sa.Connection, run: RunRow) -> None:
    """Let the accounts be tied out from the beginning: old rows are no longer what they were."""
    c = accounts.accounts.c
    tie_outs.take_footing(connection, sa.select(c.id).where(c.connection_id == run.connection_id))


def _numbers(run_id: int) -> sa.Select[tuple[int]]:
    c = images.run_commits.c
    return sa.select(c.change_number).where(c.run_id == run_id)


def _statements(connection: sa.Connection, run: RunRow, number: int, now: datetime) -> Statements:
    sqlite = connection.dialect.name == "sqlite"
    values = {
        "run": run.id,
        "owner": run.owner_id,
        "change": number,
        "now": instant_text(now) if sqlite else now,
    }
    return Statements(connection, names={}, values=values)


_UNTOUCHED: Final = "change_number IN (SELECT change_number FROM run_commits WHERE run_id = :run)"
_KEPT: Final = f"""
    SELECT id FROM transactions WHERE owner_id = :owner AND NOT ({_UNTOUCHED}) AND
        (first_run_id = :run
            OR id IN (SELECT transaction_id FROM before_images WHERE run_id = :run))
"""
_DELETE: Final = f"""
    DELETE FROM transactions WHERE owner_id = :owner AND first_run_id = :run AND {_UNTOUCHED}
"""
# The id that a row had before may have been given to another since: then it stays as it is.
_FREE: Final = """
    NOT EXISTS (SELECT 1 FROM transactions k WHERE k.account_id = transactions.account_id
        AND k.external_id = i.external_id AND k.id <> transactions.id)
"""
_RESTORE: Final = f"""
    UPDATE transactions SET {", ".join(f"{name} = i.{name}" for name in images.KEPT)},
        updated_at = :now, change_number = :change
    FROM before_images i WHERE i.run_id = :run AND i.transaction_id = transactions.id
        AND transactions.first_run_id <> :run AND transactions.{_UNTOUCHED} AND {_FREE}
"""
_NOT_RESTORED: Final = f"""
    SELECT id FROM transactions WHERE owner_id = :owner AND first_run_id <> :run AND {_UNTOUCHED}
        AND id IN (SELECT transaction_id FROM before_images WHERE run_id = :run)
"""
_FORGET_ALIASES: Final = """
    DELETE FROM aliases WHERE run_id = :run AND transaction_id IN
        (SELECT id FROM transactions WHERE owner_id = :owner AND change_number = :change)
"""
# The id may be that of a row which was kept: it is no other row's then.
_REMEMBER_ALIASES: Final = """
    INSERT INTO aliases (account_id, external_id, transaction_id)
        SELECT account_id, external_id, transaction_id FROM alias_images WHERE run_id = :run
            AND transaction_id IN (SELECT id FROM transactions)
            AND NOT EXISTS (SELECT 1 FROM transactions k
                WHERE k.account_id = alias_images.account_id
                    AND k.external_id = alias_images.external_id)
        ON CONFLICT DO NOTHING
"""
