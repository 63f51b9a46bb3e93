"""Where each stream of a connection goes on. Opaque, and never the middle of an update."""

from datetime import datetime
from typing import Final

import sqlalchemy as sa

from penstock.db.connections import ConnectionRow, as_row, connections
from penstock.db.metadata import Id, Instant, metadata
from penstock.db.prepared import Prepared
from penstock.domain.errors import NotFound

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


def find_with_connection(
    connection: sa.Connection, connection_id: int, stream: str
) -> tuple[ConnectionRow, str | None]:
    """Return a connection as it stands, and its stream's cursor: in one question, at each commit.

    Raises NotFound.
    """
    here = {"of": connection_id, "key": stream}
    row = _WITH_CONNECTION.row(connection, here)
    if row is None:
        raise NotFound("There is no such connection.")
    *values, cursor = row
    return as_row(values), cursor


_ONE: Final = sa.select(cursors.c.cursor).where(
    cursors.c.connection_id == sa.bindparam("of"), cursors.c.stream == sa.bindparam("key")
)
_WITH_CONNECTION: Final = Prepared(
    sa.select(connections, cursors.c.cursor)
    .join_from(
        connections,
        cursors,
        sa.and_(
            cursors.c.connection_id == connections.c.id, cursors.c.stream == sa.bindparam("key")
        ),
        isouter=True,
    )
    .where(connections.c.id == sa.bindparam("of"))
)
_ALL: Final = Prepared(
    sa.select(cursors.c.stream, cursors.c.cursor).where(
        cursors.c.connection_id == sa.bindparam("of")
    )
)


def of_connection(connection: sa.Connection, connection_id: int) -> dict[str, str]:
    """Return the stored cursors of a connection by stream."""
    return dict(_ALL.rows(connection, {"of": connection_id}))


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
