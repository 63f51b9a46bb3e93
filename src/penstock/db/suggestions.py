"""What a person may decide, since it is not certain (sync.md 10, 11, 14).

`pair`: a pending row may be the beginning of a posted one. `sweep`: so many rows are no longer in
what the bank tells that nobody takes them away unasked. A `subject` that was refused is never
suggested again; one that was accepted, or was no longer so, may come up anew.
`twice`: a file and a bank, or two files, may tell one row.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa

from penstock.db import accounts
from penstock.db.metadata import Id, Instant, metadata
from penstock.domain.errors import NotFound

suggestions = sa.Table(
    "suggestions",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("owner_id", Id, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("account_id", Id, sa.ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    sa.Column("run_id", Id, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("decided_at", Instant),
    sa.UniqueConstraint("account_id", "kind", "subject"),
    sa.Index("ix_suggestions_owner", "owner_id", "id"),
)

suggestion_rows = sa.Table(
    "suggestion_rows",
    metadata,
    sa.Column(
        "suggestion_id",
        Id,
        sa.ForeignKey("suggestions.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column(
        "transaction_id",
        Id,
        sa.ForeignKey("transactions.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
        index=True,
    ),
    sa.Column("role", sa.Text, nullable=False),
)


class Kind(StrEnum):
    """What is suggested."""

    PAIR = "pair"
    SWEEP = "sweep"
    REISSUED = "reissued"
    TWICE = "twice"


class State(StrEnum):
    """What became of it. GONE: what it spoke of is no longer so."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    GONE = "gone"


class Role(StrEnum):
    """What a row is in a suggestion."""

    PENDING = "pending"
    POSTED = "posted"
    MISSING = "missing"
    OLD = "old"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class Suggested:
    """A suggestion; `rows` are the transactions it is about, by number, with their roles."""

    id: int
    account_id: int
    run_id: int
    kind: Kind
    reason: str
    state: State
    created_at: datetime
    decided_at: datetime | None
    rows: dict[int, Role] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class New:
    """A suggestion to make."""

    owner_id: int
    account_id: int
    run_id: int
    kind: Kind
    subject: str
    reason: str
    rows: dict[int, Role]


def suggest(connection: sa.Connection, new: New, *, now: datetime) -> bool:
    """Suggest something; False where the same is open, or was refused."""
    c = suggestions.c
    same = sa.and_(c.account_id == new.account_id, c.kind == new.kind, c.subject == new.subject)
    state = connection.execute(sa.select(c.state).where(same)).scalar_one_or_none()
    if state in (State.OPEN, State.REFUSED):
        return False
    if state is not None:
        connection.execute(suggestions.delete().where(same))
    made = suggestions.insert().values(
        owner_id=new.owner_id,
        account_id=new.account_id,
        run_id=new.run_id,
        kind=new.kind,
        subject=new.subject,
        reason=new.reason,
        state=State.OPEN,
        created_at=now,
    )
    number = connection.execute(made.returning(c.id)).scalar_one()
    rows = [
        {"suggestion_id": number, "transaction_id": row, "role": role}
        for row, role in new.rows.items()
    ]
    connection.execute(suggestion_rows.insert(), rows)
    return True


def page(
    connection: sa.Connection, *, owner_id: int, state: State | None, after: int, limit: int
) -> list[Suggested]:
    """Return the owner's suggestions past number `after`, in this state where one is named."""
    c = suggestions.c
    query = (
        suggestions.select().where(c.owner_id == owner_id, c.id > after).order_by(c.id).limit(limit)
    )
    if state is not None:
        query = query.where(c.state == state)
    return _with_rows(connection, query)


def get(connection: sa.Connection, number: int, *, owner_id: int) -> Suggested:
    """Return one of the owner's suggestions. Raises NotFound."""
    query = suggestions.select().where(
        suggestions.c.id == number, suggestions.c.owner_id == owner_id
    )
    found = _with_rows(connection, query)
    if not found:
        raise NotFound("There is no such suggestion.")
    return found[0]


def count_by_connection(connection: sa.Connection, *, owner_id: int) -> dict[int, int]:
    """Count what is open of each of the owner's connections; one with nothing is not listed."""
    c, a = suggestions.c, accounts.accounts.c
    query = (
        sa.select(a.connection_id, sa.func.count().label("open"))
        .join_from(suggestions, accounts.accounts, a.id == c.account_id)
        .where(c.owner_id == owner_id, c.state == State.OPEN)
        .group_by(a.connection_id)
    )
    return {row.connection_id: row.open for row in connection.execute(query)}


def decide(
    connection: sa.Connection, numbers: Sequence[int], state: State, *, now: datetime
) -> None:
    """Note what became of open suggestions."""
    c = suggestions.c
    connection.execute(
        suggestions.update()
        .where(c.id.in_(numbers), c.state == State.OPEN)
        .values(state=state, decided_at=now)
    )


def count_of_run(connection: sa.Connection, run_id: int) -> int:
    """Count what this run suggested, and is open."""
    c = suggestions.c
    query = sa.select(sa.func.count()).where(c.run_id == run_id, c.state == State.OPEN)
    return int(connection.execute(query).scalar_one())


def delete_of_run(connection: sa.Connection, run_id: int) -> None:
    """Forget what this run suggested."""
    connection.execute(suggestions.delete().where(suggestions.c.run_id == run_id))


def _with_rows(connection: sa.Connection, query: sa.Select[tuple[object, ...]]) -> list[Suggested]:
    found: dict[int, Suggested] = {}
    for row in connection.execute(query):
        found[row.id] = Suggested(
            row.id,
            row.account_id,
            row.run_id,
            Kind(row.kind),
            row.reason,
            State(row.state),
            row.created_at,
            row.decided_at,
        )
    r = suggestion_rows.c
    rows = sa.select(r.suggestion_id, r.transaction_id, r.role).where(r.suggestion_id.in_(found))
    for number, transaction_id, role in connection.execute(rows.order_by(r.transaction_id)):
        found[number].rows[transaction_id] = Role(role)
    return list(found.values())
