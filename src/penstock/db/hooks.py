"""Subscriptions to providers' webhooks, one for each connection, and the events that came in.

An event's id is stored once for each connection, so that one which is delivered again does nothing
again. One whose provider's key has to be fetched first waits here, whole, until a worker has done
so; of all others only the id and the word for it are kept, for a month.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from penstock.db.connections import connections
from penstock.db.metadata import Id, Instant, metadata

KEPT: Final = timedelta(days=30)
"""How long an event's id is remembered: longer than any connector takes an event for new."""

_WAITS: Final = "body IS NOT NULL"

hook_subscriptions = sa.Table(
    "hook_subscriptions",
    metadata,
    sa.Column(
        "connection_id",
        Id,
        sa.ForeignKey("connections.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("url", sa.Text, nullable=False),
    sa.Column("external_id", sa.Text, nullable=False),
    sa.Column("secret", sa.Text),
    sa.Column("created_at", Instant, nullable=False),
)

hook_events = sa.Table(
    "hook_events",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column(
        "connection_id", Id, sa.ForeignKey("connections.id", ondelete="CASCADE"), nullable=False
    ),
    sa.Column("event_id", sa.Text, nullable=False),
    sa.Column("kind", sa.Text),
    sa.Column("received_at", Instant, nullable=False),
    sa.Column("headers", sa.JSON),
    sa.Column("body", sa.LargeBinary),
    sa.Column("try_at", Instant),
    sa.UniqueConstraint("connection_id", "event_id"),
    sa.Index("ix_hook_events_received", "connection_id", "received_at"),
    sa.Index(
        "ix_hook_events_waiting",
        "try_at",
        sqlite_where=sa.text(_WAITS),
        postgresql_where=sa.text(_WAITS),
    ),
)

_s, _e = hook_subscriptions.c, hook_events.c


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """A subscription as it is stored; its secret is sealed."""

    connection_id: int
    url: str
    external_id: str
    secret: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class EventRow:
    """An event as it is stored. One that waits to be verified has a body, and no kind yet."""

    id: int
    connection_id: int
    event_id: str
    kind: str | None
    received_at: datetime
    headers: Mapping[str, str] | None
    body: bytes | None
    try_at: datetime | None


def save_subscription(connection: sa.Connection, row: SubscriptionRow) -> None:
    """Store a connection's subscription in place of what it had."""
    values = {name: getattr(row, name) for name in SubscriptionRow.__dataclass_fields__}
    forget_subscription(connection, row.connection_id)
    connection.execute(hook_subscriptions.insert().values(values))


def find_subscription(connection: sa.Connection, connection_id: int) -> SubscriptionRow | None:
    """Return a connection's subscription, or None where it has none."""
    query = hook_subscriptions.select().where(_s.connection_id == connection_id)
    row = connection.execute(query).one_or_none()
    return SubscriptionRow(**row._mapping) if row else None


def forget_subscription(connection: sa.Connection, connection_id: int) -> None:
    """Forget a connection's subscription: nothing that it signs is taken any more."""
    connection.execute(hook_subscriptions.delete().where(_s.connection_id == connection_id))


def subscriptions_of(
    connection: sa.Connection, connection_ids: Sequence[int]
) -> Mapping[int, SubscriptionRow]:
    """Return the subscriptions of these connections, by connection."""
    query = hook_subscriptions.select().where(_s.connection_id.in_(connection_ids))
    rows = [SubscriptionRow(**row._mapping) for row in connection.execute(query)]
    return {row.connection_id: row for row in rows}


def last_heard(
    connection: sa.Connection, connection_ids: Sequence[int]
) -> Mapping[int, tuple[str, datetime]]:
    """Return the kind and the instant of the newest good event of each of these connections."""
    newest = (
        sa.select(_e.connection_id, sa.func.max(_e.id).label("id"))
        .where(_e.connection_id.in_(connection_ids), _e.kind.is_not(None))
        .group_by(_e.connection_id)
        .subquery()
    )
    query = sa.select(_e.connection_id, _e.kind, _e.received_at).join(newest, newest.c.id == _e.id)
    return {row[0]: (row[1], row[2]) for row in connection.execute(query)}


def hear(
    connection: sa.Connection, connection_id: int, event_id: str, kind: str, *, now: datetime
) -> bool:
    """Store a good event; False where it was stored before."""
    forget = hook_events.delete().where(
        _e.connection_id == connection_id, _e.received_at < now - KEPT
    )
    connection.execute(forget)
    values = {
        "connection_id": connection_id,
        "event_id": event_id,
        "kind": kind,
        "received_at": now,
    }
    return _insert(connection, values)


def keep_waiting(  # noqa: PLR0913  they are what is kept
    connection: sa.Connection,
    connection_id: int,
    event_id: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    now: datetime,
    most: int,
) -> bool:
    """Store an event that is to be verified; False where `most` of the connection wait already.

    The same one, stored before, waits once.
    """
    waiting = sa.select(sa.func.count()).where(
        _e.connection_id == connection_id, _e.body.is_not(None)
    )
    if connection.execute(waiting).scalar_one() >= most:
        return False
    values = {
        "connection_id": connection_id,
        "event_id": event_id,
        "received_at": now,
        "headers": dict(headers),
        "body": body,
        "try_at": now,
    }
    _insert(connection, values)
    return True


def waiting(connection: sa.Connection, *, now: datetime, limit: int) -> list[EventRow]:
    """Return events that are to be verified now, the one that waits longest first."""
    query = (
        hook_events.select()
        .where(sa.text(_WAITS), _e.try_at <= now)
        .order_by(_e.try_at, _e.id)
        .limit(limit)
    )
    return [EventRow(**row._mapping) for row in connection.execute(query)]


def put_off(connection: sa.Connection, number: int, *, until: datetime) -> None:
    """Leave an event waiting for longer."""
    connection.execute(hook_events.update().where(_e.id == number).values(try_at=until))


def drop(connection: sa.Connection, number: int) -> bool:
    """Forget an event that waited; False where somebody else was done with it first."""
    gone = hook_events.delete().where(_e.id == number, sa.text(_WAITS))
    return connection.execute(gone).rowcount == 1


def asked_for_it(connection: sa.Connection, connection_id: int, *, at: datetime) -> bool:
    """Say whether it was an event that wanted a sync at this instant."""
    query = sa.select(_e.id).where(
        _e.connection_id == connection_id, _e.received_at == at, _e.kind.is_not(None)
    )
    return connection.execute(query.limit(1)).first() is not None


def find_owner(connection: sa.Connection, connection_id: int, connector: str) -> int | None:
    """Return whose connection this is, if it is one of this connector and still open."""
    c = connections.c
    query = sa.select(c.owner_id).where(
        c.id == connection_id, c.connector == connector, c.disconnected_at.is_(None)
    )
    return connection.execute(query).scalar_one_or_none()


def _insert(connection: sa.Connection, values: dict[str, object]) -> bool:
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(hook_events).values(values)
    unless_known = statement.on_conflict_do_nothing(index_elements=["connection_id", "event_id"])
    return connection.execute(unless_known.returning(_e.id)).first() is not None
