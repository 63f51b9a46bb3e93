"""Where each stream of a connection goes on. Opaque, and never the middle of an update."""

from datetime import datetime
from typing import Final

import sqlalchemy as sa

from penstock.db.metadata import Id, Instant, metadata

cursors = sa.Table(
    "cursors",
    metadata,
    sa.Column(
        "connection_id",
        Id,
        sa.ForeignKey("connections.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("stream", sa.Text, primary_key=True),
    sa.Column("cursor", sa.Text, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
)


def find(connection: sa.Connection, connection_id: int, stream: str) -> str | None:
    """Return the stored cursor, or None where the stream was never read to a checkpoint."""
    here = {"of": connection_id, "key": stream}
    return connection.execute(_ONE, here).scalar_one_or_none()


_ONE: Final = sa.select(cursors.c.cursor).where(
    cursors.c.connection_id == sa.bindparam("of"), cursors.c.stream == sa.bindparam("key")
)
_ALL: Final = sa.select(cursors.c.stream, cursors.c.cursor).where(
    cursors.c.connection_id == sa.bindparam("of")
)


def of_connection(connection: sa.Connection, connection_id: int) -> dict[str, str]:
    """Return the stored cursors of a connection by stream."""
    rows = connection.execute(_ALL, {"of": connection_id})
    return {row[0]: row[1] for row in rows}


def save(
    connection: sa.Connection, connection_id: int, stream: str, cursor: str, *, now: datetime
) -> None:
    """Move a stream's cursor."""
    delete(connection, connection_id, stream)
    connection.execute(
        cursors.insert().values(
            connection_id=connection_id, stream=stream, cursor=cursor, updated_at=now
        )
    )


def delete(connection: sa.Connection, connection_id: int, stream: str) -> None:
    """Forget a stream's cursor: the next sync starts from nothing."""
    c = cursors.c
    connection.execute(cursors.delete().where(c.connection_id == connection_id, c.stream == stream))


def delete_all(connection: sa.Connection, connection_id: int) -> None:
    """Forget every cursor of a connection."""
    connection.execute(cursors.delete().where(cursors.c.connection_id == connection_id))
