"""What the bank answered, compressed and as it came, by the update that it belongs to (sync.md 18).

By it a corrected mapping can be replayed without asking the bank. An update is kept where it wrote
a row, set one aside or told one well that had been set aside: so the last word that differed is
here of each row. One that only told again what is stored, as the overlap of a window does at each
sync, leaves nothing here.
"""

import json
from collections.abc import Generator, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from penstock.db.metadata import Id, Instant, metadata
from penstock.db.runs import runs

_TOGETHER: Final = 1024 * 1024
"""So many bytes of answers go to the database at a time: one by one, each is a trip."""

archives = sa.Table(
    "archives",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column(
        "connection_id", Id, sa.ForeignKey("connections.id", ondelete="CASCADE"), nullable=False
    ),
    sa.Column("run_id", Id, nullable=False),
    sa.Column("stream", sa.Text, nullable=False),
    sa.Column("accounts", sa.Text, nullable=False),
    sa.Column("cursor", sa.Text),
    sa.Column("created_at", Instant, nullable=False),
    sa.Index("ix_archives_connection", "connection_id", "id"),
)

archive_answers = sa.Table(
    "archive_answers",
    metadata,
    sa.Column(
        "archive_id",
        Id,
        sa.ForeignKey("archives.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("packed", sa.LargeBinary, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Archived:
    """One update as it was read: of which stream, over which accounts, from which cursor."""

    id: int
    run_id: int
    stream: str
    accounts: tuple[str, ...]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class ToArchive:
    """An update to keep."""

    connection_id: int
    run_id: int
    stream: str
    accounts: Sequence[str]
    cursor: str | None


def keep(
    connection: sa.Connection, update: ToArchive, packed: Iterable[bytes], *, now: datetime
) -> None:
    """Keep the answers of an update, each already packed, in the order in which they came."""
    made = archives.insert().values(
        connection_id=update.connection_id,
        run_id=update.run_id,
        stream=update.stream,
        accounts=json.dumps(list(update.accounts)),
        cursor=update.cursor,
        created_at=now,
    )
    number = connection.execute(made.returning(archives.c.id)).scalar_one()
    waiting: list[dict[str, Any]] = []
    size = 0
    for place, answer in enumerate(packed):
        waiting.append({"archive_id": number, "number": place, "packed": answer})
        size += len(answer)
        if size >= _TOGETHER:
            connection.execute(archive_answers.insert(), waiting)
            waiting, size = [], 0
    if waiting:
        connection.execute(archive_answers.insert(), waiting)


def of_connection(connection: sa.Connection, connection_id: int) -> list[Archived]:
    """Return the updates of a connection, the oldest first."""
    c = archives.c
    query = (
        sa.select(c.id, c.run_id, c.stream, c.accounts, c.cursor)
        .where(c.connection_id == connection_id)
        .order_by(c.id)
    )
    return [
        Archived(row.id, row.run_id, row.stream, tuple(json.loads(row.accounts)), row.cursor)
        for row in connection.execute(query)
    ]


def answers(connection: sa.Connection, archive_id: int) -> Generator[bytes, None, None]:
    """Yield the answers of an update, packed, in the order in which they came.

    They are read a few at a time: who stops in the middle closes the generator.
    """
    c = archive_answers.c
    query = sa.select(c.packed).where(c.archive_id == archive_id).order_by(c.number)
    with connection.execute(query.execution_options(yield_per=20)) as rows:
        for packed in rows.scalars():
            yield bytes(packed)


def delete_of_streams(
    connection: sa.Connection, connection_id: int, streams: Iterable[str], *, since: int
) -> None:
    """Forget what was heard of these streams of a connection, from run `since` on."""
    c = archives.c
    connection.execute(
        archives.delete().where(
            c.connection_id == connection_id, c.run_id >= since, c.stream.in_(list(streams))
        )
    )


def delete_of_run(connection: sa.Connection, run_id: int) -> None:
    """Forget what this run heard."""
    connection.execute(archives.delete().where(archives.c.run_id == run_id))


def were_forgotten(connection: sa.Connection, connection_id: int, stream: str, run_id: int) -> bool:
    """Say whether an undo made this stream forget what `run_id` is the first to hear again.

    A row that the person had touched is there still, and nothing of it differs when it is told.
    """
    r, c = runs.c, archives.c
    undone = sa.select(sa.func.max(r.undone_at)).where(
        r.connection_id == connection_id, r.undone_at.is_not(None)
    )
    when = connection.execute(undone).scalar_one()
    if when is None:
        return False
    last = (
        sa.select(c.created_at)
        .where(c.connection_id == connection_id, c.stream == stream, c.run_id < run_id)
        .order_by(c.id.desc())
        .limit(1)
    )
    kept = connection.execute(last).scalar_one_or_none()
    return kept is None or bool(kept <= when)
