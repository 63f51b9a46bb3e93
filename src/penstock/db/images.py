"""What stood before a run: rows, ids, cursors. By it the latest run can be undone (sync.md 31).

A commit writes down each row that it is about to change, once a run. Rows that a run inserted need
no image: `first_run_id` names it. `run_commits` keeps the change numbers that a run took: a row
that carries any other one was touched by somebody else since.
"""

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from penstock.db.holdings import holding_images
from penstock.db.metadata import Exact, Id, Instant, metadata
from penstock.db.runs import runs
from penstock.db.statements import Statements

# The columns of `transactions` that a sync writes.
KEPT: Final = (
    "external_id", "status", "amount", "currency", "dated_on", "booked_on", "value_on",
    "authorized_on", "description", "counterparty", "category", "reference", "original_amount",
    "original_currency", "pending_external_id", "removed_at", "last_run_id", "posted_run_id",
)  # fmt: skip
_TYPES: Final[dict[str, sa.types.TypeEngine[Any]]] = {
    "amount": Exact(),
    "original_amount": Exact(),
    "dated_on": sa.Date(),
    "booked_on": sa.Date(),
    "value_on": sa.Date(),
    "authorized_on": sa.Date(),
    "removed_at": Instant(),
    "last_run_id": Id,
    "posted_run_id": Id,
}

before_images = sa.Table(
    "before_images",
    metadata,
    sa.Column("run_id", Id, primary_key=True, autoincrement=False),
    sa.Column(
        "transaction_id",
        Id,
        sa.ForeignKey("transactions.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
        index=True,
    ),
    *(sa.Column(name, _TYPES.get(name, sa.Text())) for name in KEPT),
)

alias_images = sa.Table(
    "alias_images",
    metadata,
    sa.Column("run_id", Id, primary_key=True, autoincrement=False),
    sa.Column("account_id", Id, primary_key=True, autoincrement=False),
    sa.Column("external_id", sa.Text, primary_key=True),
    sa.Column("transaction_id", Id, nullable=False),
)

cursor_images = sa.Table(
    "cursor_images",
    metadata,
    sa.Column("run_id", Id, primary_key=True, autoincrement=False),
    sa.Column("stream", sa.Text, primary_key=True),
    sa.Column("cursor", sa.Text),
)

run_commits = sa.Table(
    "run_commits",
    metadata,
    sa.Column(
        "connection_id",
        Id,
        sa.ForeignKey("connections.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("run_id", Id, primary_key=True, autoincrement=False),
    sa.Column("change_number", sa.BigInteger, primary_key=True, autoincrement=False),
)


def note_commit(
    connection: sa.Connection,
    connection_id: int,
    run_id: int,
    change_number: int,
    *,
    holdings_only: bool = False,
) -> None:
    """Note that this run took this change number; what earlier runs did is past undoing.

    Where it wrote holdings only, the latest run that wrote transactions can still be undone:
    prices move at each sync, and must not take that away.
    """
    c, r = run_commits.c, runs.c
    earlier = sa.select(c.run_id).where(c.connection_id == connection_id, c.run_id < run_id)
    if holdings_only:
        wrote = r.inserted + r.changed + r.removed + r.paired
        earlier = earlier.join(runs, r.id == c.run_id).where(wrote == 0)
    old = list(connection.execute(earlier.distinct()).scalars())
    if old:
        delete_of(connection, old)
    values = {"connection_id": connection_id, "run_id": run_id, "change_number": change_number}
    connection.execute(run_commits.insert().values(values))


def keep_touched(statements: Statements) -> None:
    """Write down the rows that are about to change: those whose numbers are in `touched`."""
    statements.do(_KEEP)


def note_cursor(connection: sa.Connection, run_id: int, stream: str, cursor: str | None) -> None:
    """Note where a stream stood before this run moved it; only the first move of a run counts."""
    c = cursor_images.c
    known = sa.select(c.run_id).where(c.run_id == run_id, c.stream == stream)
    if connection.execute(known).one_or_none() is None:
        connection.execute(
            cursor_images.insert().values(run_id=run_id, stream=stream, cursor=cursor)
        )


def is_kept(connection: sa.Connection, run_id: int) -> bool:
    """Say whether what a run wrote can still be undone."""
    c = run_commits.c
    query = sa.select(c.run_id).where(c.run_id == run_id).limit(1)
    return connection.execute(query).one_or_none() is not None


def cursors_before(connection: sa.Connection, run_id: int) -> dict[str, str | None]:
    """Return where each stream that a run moved stood before."""
    c = cursor_images.c
    rows = connection.execute(sa.select(c.stream, c.cursor).where(c.run_id == run_id))
    return {row.stream: row.cursor for row in rows}


def delete_of(connection: sa.Connection, run_ids: Sequence[int]) -> None:
    """Forget the images of these runs: what they did cannot be undone any more."""
    for table in (before_images, alias_images, cursor_images, holding_images, run_commits):
        connection.execute(table.delete().where(table.c.run_id.in_(run_ids)))


def delete_of_connections(connection: sa.Connection, connection_ids: Sequence[int]) -> None:
    """Forget the images of every run of these connections: their rows are another's by now."""
    c = run_commits.c
    query = sa.select(c.run_id).where(c.connection_id.in_(connection_ids)).distinct()
    delete_of(connection, list(connection.execute(query).scalars()))


_KEEP: Final = f"""
    INSERT INTO before_images (run_id, transaction_id, {", ".join(KEPT)})
        SELECT :run, t.id, {", ".join(f"t.{name}" for name in KEPT)}
        FROM touched c JOIN transactions t ON t.id = c.id WHERE true ON CONFLICT DO NOTHING
"""
