"""The history of syncs: what each one did, and why it ended as it did (sync.md 31)."""

from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from penstock.db import connections
from penstock.db.metadata import Id, Instant, metadata
from penstock.db.prepared import Prepared
from penstock.domain.errors import NotFound
from penstock.domain.outcome import Ending

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
            "linked",
            "quarantined",
            "holdings",
        )
    ),
    sa.Column("undone_at", Instant),
    sa.Index("ix_runs_owner", "owner_id", "id"),
    sa.Index("ix_runs_connection", "connection_id", "id"),
    sa.Index(
        "ix_runs_undone",
        "connection_id",
        "undone_at",
        sqlite_where=sa.text("undone_at IS NOT NULL"),
        postgresql_where=sa.text("undone_at IS NOT NULL"),
    ),
)

RUNNING = "running"
INTERRUPTED = "interrupted"
REPLAY: Final = "replay"
RETRY: Final = "quarantine"
IMPORT: Final = "import"
OF_OUR_OWN: Final = (REPLAY, RETRY, IMPORT)
"""The triggers of runs that ask no bank: by them no connection grows younger or older."""


@dataclass(slots=True)
class Tally:
    """What a run has done so far. Waits are milliseconds, sizes bytes; the rest is counted.

    The counts from `inserted` on are of transactions; `holdings` are the positions that were
    written, new, changed or held no more.
    """

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
    linked: int = 0
    quarantined: int = 0
    holdings: int = 0

    @property
    def quiet(self) -> bool:
        """Whether no transaction was written and none set aside."""
        written = (self.inserted, self.changed, self.removed, self.paired, self.linked)
        return not any(written) and not self.quarantined


_BEGUN: Final = ("owner_id", "connection_id", "trigger", "request_id", "started_at", "outcome")
_BEGIN: Final = Prepared(
    runs.insert().values({name: sa.bindparam(name) for name in _BEGUN}).returning(runs.c.id)
)


def begin(
    connection: sa.Connection,
    *,
    owner_id: int,
    connection_id: int,
    trigger: str,
    request_id: str | None,
    now: datetime,
) -> int:
    """Open a run where none was left running."""
    values = {
        "owner_id": owner_id,
        "connection_id": connection_id,
        "trigger": trigger,
        "request_id": request_id,
        "started_at": now,
        "outcome": RUNNING,
    }
    return int(_BEGIN.value(connection, values))


def interrupt(connection: sa.Connection, connection_id: int, *, now: datetime) -> None:
    """Close what an earlier worker left running on this connection."""
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


_THIS: Final = runs.c.id == sa.bindparam("this")
_COUNTS: Final[dict[str, Any]] = {field.name: sa.bindparam(field.name) for field in fields(Tally)}
_ENDING: Final[dict[str, Any]] = {
    name: sa.bindparam(name)
    for name in ("outcome", "message", "remedy_kind", "remedy_text", "retry_at", "finished_at")
}
_RECORD: Final = runs.update().where(_THIS).values(_COUNTS)
_FINISH: Final = Prepared(runs.update().where(_THIS).values(_COUNTS | _ENDING))


def _counts(tally: Tally) -> dict[str, int]:
    return {name: getattr(tally, name) for name in _COUNTS}


def record(connection: sa.Connection, run_id: int, tally: Tally) -> None:
    """Store what a run has done so far, in the transaction that did it."""
    connection.execute(_RECORD, {"this": run_id, **_counts(tally)})


def finish(
    connection: sa.Connection, run_id: int, tally: Tally, ending: Ending, *, now: datetime
) -> None:
    """Close a run with what it did and its outcome."""
    told = {
        "outcome": ending.outcome,
        "message": ending.message,
        "remedy_kind": ending.remedy.kind if ending.remedy else None,
        "remedy_text": ending.remedy.text if ending.remedy else None,
        "retry_at": ending.until,
        "finished_at": now,
    }
    _FINISH.write(connection, {"this": run_id, **_counts(tally), **told})


def mark_undone(connection: sa.Connection, run_id: int, *, now: datetime) -> None:
    """Note that what this run did was taken back."""
    connection.execute(runs.update().where(runs.c.id == run_id).values(undone_at=now))


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as it is stored."""

    id: int
    owner_id: int
    connection_id: int
    trigger: str
    request_id: str | None
    started_at: datetime
    finished_at: datetime | None
    outcome: str
    message: str | None
    remedy_kind: str | None
    remedy_text: str | None
    retry_at: datetime | None
    undone_at: datetime | None
    tally: Tally


def _row(row: sa.Row[Any]) -> RunRow:
    values = dict(row._mapping)
    tally = Tally(**{field.name: values.pop(field.name) for field in fields(Tally)})
    return RunRow(**values, tally=tally)


def get(connection: sa.Connection, run_id: int, *, owner_id: int) -> RunRow:
    """Return one of the owner's runs. Raises NotFound."""
    query = runs.select().where(runs.c.id == run_id, runs.c.owner_id == owner_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound("There is no such sync.")
    return _row(row)


def page(
    connection: sa.Connection,
    *,
    owner_id: int,
    connection_id: int | None = None,
    before: int | None = None,
    limit: int,
) -> list[RunRow]:
    """Return the owner's runs, the newest first, from before run `before`.

    Raises NotFound where a connection is named that is not the owner's.
    """
    query = runs.select().where(runs.c.owner_id == owner_id).order_by(runs.c.id.desc()).limit(limit)
    if connection_id is not None:
        connections.get(connection, connection_id, owner_id=owner_id)
        query = query.where(runs.c.connection_id == connection_id)
    if before is not None:
        query = query.where(runs.c.id < before)
    return [_row(row) for row in connection.execute(query)]


def find_running(connection: sa.Connection, connection_id: int) -> int | None:
    """Return the number of the run that is under way on this connection."""
    c = runs.c
    query = sa.select(c.id).where(c.connection_id == connection_id, c.outcome == RUNNING)
    return connection.execute(query.order_by(c.id.desc()).limit(1)).scalar_one_or_none()
