"""How an accepted suggestion is carried out on the rows.

Of two rows that are one, the older takes over what the other says, and its ids; the other goes, and
leaves a stub. What a person wrote on either stays, on the older first. The rows must still be what
they were when it was suggested.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from penstock.db import erasures, tie_outs
from penstock.db.aliases import aliases
from penstock.db.staging import SEEN
from penstock.db.suggestions import Role, State, Suggested, suggestion_rows, suggestions
from penstock.db.transactions import transactions
from penstock.domain.imported import OF_FILE

_TAKEN: Final = (*SEEN, "dated_on", "posted_run_id", "last_run_id")
_SAID: Final = ("person_category", "note", "deleted_at")


@dataclass(frozen=True, slots=True)
class Write:
    """Whose rows are written, under which change number, and when."""

    owner_id: int
    change_number: int
    now: datetime


def join_pair(connection: sa.Connection, found: Suggested, write: Write) -> bool:
    """Make one row of a pending and a posted one. False where they are no longer such."""
    by_role = {role: number for number, role in found.rows.items()}
    pending = _row(connection, by_role.get(Role.PENDING), write)
    posted = _row(connection, by_role.get(Role.POSTED), write)
    if pending is None or posted is None:
        return False
    if (pending["status"], posted["status"]) != ("pending", "posted"):
        return False
    if pending["removed_at"] is None or posted["removed_at"] is not None:
        return False
    _join(connection, found, pending, posted, write)
    return True


def join_reissued(connection: sa.Connection, found: Suggested, write: Write) -> bool:
    """Make one row of an older one and the one under its new id. False where it is gone."""
    by_role = {role: number for number, role in found.rows.items()}
    old = _row(connection, by_role.get(Role.OLD), write)
    new = _row(connection, by_role.get(Role.NEW), write)
    if old is None or new is None or new["removed_at"] is not None:
        return False
    if (old["status"], new["status"]) != ("posted", "posted"):
        return False
    _join(connection, found, old, new, write)
    tie_outs.take_footing(connection, [found.account_id])
    return True


def join_twice(connection: sa.Connection, found: Suggested, write: Write) -> bool:
    """Make one row of two that two sources tell. What a bank says stands above a file's word.

    False where the bank tells both by now: then they are two (sync.md 11).
    """
    by_role = {role: number for number, role in found.rows.items()}
    old = _row(connection, by_role.get(Role.OLD), write)
    new = _row(connection, by_role.get(Role.NEW), write)
    if old is None or new is None or old["removed_at"] or new["removed_at"]:
        return False
    if (old["status"], new["status"]) != ("posted", "posted"):
        return False
    stays, goes = (old, new) if old["id"] < new["id"] else (new, old)
    only_file = stays["external_id"].startswith(OF_FILE)
    if not (only_file or goes["external_id"].startswith(OF_FILE)):
        return False
    _join(connection, found, stays, goes, write, says=goes if only_file else stays)
    tie_outs.take_footing(connection, [found.account_id])
    return True


def _join(
    connection: sa.Connection,
    found: Suggested,
    stays: Mapping[str, Any],
    goes: Mapping[str, Any],
    write: Write,
    *,
    says: Mapping[str, Any] | None = None,
) -> None:
    """Let one row take over what another `says`, its ids, and what a person wrote on it only."""
    says = goes if says is None else says
    c = transactions.c
    gone = sa.select(c.id).where(c.id == goes["id"])
    erasures.note(
        connection,
        owner_id=write.owner_id,
        kind="transaction",
        rows=gone,
        change_number=write.change_number,
    )
    _move_names(connection, stays, goes, says)
    others = sa.select(suggestion_rows.c.suggestion_id).where(
        suggestion_rows.c.transaction_id.in_([stays["id"], goes["id"]]),
        suggestion_rows.c.suggestion_id != found.id,
    )
    connection.execute(
        suggestions.update()
        .where(suggestions.c.id.in_(others), suggestions.c.state == State.OPEN)
        .values(state=State.GONE, decided_at=write.now)
    )
    connection.execute(transactions.delete().where(c.id == goes["id"]))
    values = {name: says[name] for name in _TAKEN}
    values |= {name: stays[name] or goes[name] for name in _SAID}
    values |= {"hidden": stays["hidden"] or goes["hidden"], "removed_at": None}
    values |= {"updated_at": write.now, "change_number": write.change_number}
    connection.execute(transactions.update().where(c.id == stays["id"]).values(values))


def take_away(connection: sa.Connection, found: Suggested, write: Write) -> bool:
    """Mark the missing rows as taken back, by the run that missed them: balances go by that.

    False where none of them stands any more.
    """
    c, r = transactions.c, suggestion_rows.c
    missing = sa.select(r.transaction_id).where(r.suggestion_id == found.id)
    done = connection.execute(
        transactions.update()
        .where(c.id.in_(missing), c.owner_id == write.owner_id, c.removed_at.is_(None))
        .values(
            removed_at=write.now,
            last_run_id=found.run_id,
            updated_at=write.now,
            change_number=write.change_number,
        )
    )
    tie_outs.take_footing(connection, [found.account_id])
    return done.rowcount > 0


def _row(connection: sa.Connection, number: int | None, write: Write) -> Mapping[str, Any] | None:
    c = transactions.c
    query = transactions.select().where(c.id == number, c.owner_id == write.owner_id)
    row = connection.execute(query).one_or_none()
    return None if row is None else dict(row._mapping)


def _move_names(
    connection: sa.Connection,
    stays: Mapping[str, Any],
    goes: Mapping[str, Any],
    says: Mapping[str, Any],
) -> None:
    """Let every id that either had lead to the row that stays; that of who `says` is its own."""
    a = aliases.c
    other = (stays if says is goes else goes)["external_id"]
    connection.execute(
        aliases.update().where(a.transaction_id == goes["id"]).values(transaction_id=stays["id"])
    )
    known = sa.select(a.external_id).where(
        a.account_id == stays["account_id"], a.external_id == other
    )
    if connection.execute(known).one_or_none() is None:
        connection.execute(
            aliases.insert().values(
                account_id=stays["account_id"],
                external_id=other,
                transaction_id=stays["id"],
            )
        )
