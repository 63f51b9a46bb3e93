"""The history of syncs: what each one did, and why it ended as it did (sync.md 31)."""

from dataclasses import dataclass, fields
from datetime import datetime

import sqlalchemy as sa

from penstock.db.metadata import Id, Instant, metadata

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("owner_id", Id, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column(
        "connection_id", Id, sa.ForeignKey("connections.id", ondelete="CASCADE"), nullable=False
    ),
    sa.Column("trigger", sa.Text, nullable=False),
    sa.Column("request_id", sa.Text),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("finished_at", Instant),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Column("message", sa.Text),
    sa.Column("remedy_kind", sa.Text),
    sa.Column("remedy_text", sa.Text),
    sa.Column("retry_at", Instant),
    *(
        sa.Column(name, sa.BigInteger, nullable=False, server_default="0")
        for name in (
            "pages",
            "requests",
            "retries",
            "throttled",
            "refreshes",
            "restarts",
            "waited_ms",
            "received_bytes",
            "inserted",
            "changed",
            "unchanged",
            "removed",
            "paired",
        )
    ),
    sa.Index("ix_runs_owner", "owner_id", "id"),
    sa.Index("ix_runs_connection", "connection_id", "id"),
)

RUNNING = "running"
INTERRUPTED = "interrupted"


@dataclass(slots=True)
class Tally:
    """What a run has done so far. Waits are milliseconds, sizes bytes; the rest is counted."""

    pages: int = 0
    requests: int = 0
    retries: int = 0
    throttled: int = 0
    refreshes: int = 0
    restarts: int = 0
    waited_ms: int = 0
    received_bytes: int = 0
    inserted: int = 0
    changed: int = 0
    unchanged: int = 0
    removed: int = 0
    paired: int = 0


def start(
    connection: sa.Connection,
    *,
    owner_id: int,
    connection_id: int,
    trigger: str,
    request_id: str | None,
    now: datetime,
) -> int:
    """Open a run. What an earlier worker left running on this connection is marked interrupted."""
    c = runs.c
    connection.execute(
        runs.update()
        .where(c.connection_id == connection_id, c.outcome == RUNNING)
        .values(
            outcome=INTERRUPTED,
            finished_at=now,
            message="The program ended before this run did. Nothing of it is half stored.",
        )
    )
    opened = runs.insert().values(
        owner_id=owner_id,
        connection_id=connection_id,
        trigger=trigger,
        request_id=request_id,
        started_at=now,
        outcome=RUNNING,
    )
    return int(connection.execute(opened.returning(c.id)).scalar_one())


def record(connection: sa.Connection, run_id: int, tally: Tally) -> None:
    """Store what a run has done so far, in the transaction that did it."""
    values = {field.name: getattr(tally, field.name) for field in fields(Tally)}
    connection.execute(runs.update().where(runs.c.id == run_id).values(values))


def finish(
    connection: sa.Connection,
    run_id: int,
    *,
    outcome: str,
    message: str | None,
    remedy_kind: str | None,
    remedy_text: str | None,
    retry_at: datetime | None,
    now: datetime,
) -> None:
    """Close a run with its outcome."""
    connection.execute(
        runs.update()
        .where(runs.c.id == run_id)
        .values(
            outcome=outcome,
            message=message,
            remedy_kind=remedy_kind,
            remedy_text=remedy_text,
            retry_at=retry_at,
            finished_at=now,
        )
    )
