"""One person's access to one institution: its consent, how fresh it is, and when it is due."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from penstock.db.leases import leases
from penstock.db.metadata import Id, Instant, metadata
from penstock.domain.clock import Clock
from penstock.domain.consent import ConsentState
from penstock.domain.errors import NotFound
from penstock.domain.remedy import Remedy

connections = sa.Table(
    "connections",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("owner_id", Id, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("connector", sa.Text, nullable=False),
    sa.Column("institution_id", sa.Text),
    sa.Column("institution_name", sa.Text),
    sa.Column("label", sa.Text),
    sa.Column("consent", sa.Text, nullable=False),
    sa.Column("consent_expires_at", Instant),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("disconnected_at", Instant),
    sa.Column("last_outcome", sa.Text),
    sa.Column("last_run_id", Id),
    sa.Column("last_success_at", Instant),
    sa.Column("remedy_kind", sa.Text),
    sa.Column("remedy_text", sa.Text),
    sa.Column("failures", sa.Integer, nullable=False, server_default="0"),
    sa.Column("next_sync_at", Instant),
    sa.Column("sync_requested_at", Instant),
    sa.Column("not_before", Instant),
    sa.Column("paused_at", Instant),
    sa.Column("paused_reason", sa.Text),
    sa.Index("ix_connections_owner", "owner_id", "id"),
    sa.Index(
        "ix_connections_due",
        "next_sync_at",
        sqlite_where=sa.text("disconnected_at IS NULL"),
        postgresql_where=sa.text("disconnected_at IS NULL"),
    ),
)


@dataclass(frozen=True, slots=True)
class ConnectionRow:
    """A connection as it is stored."""

    id: int
    owner_id: int
    connector: str
    institution_id: str | None
    institution_name: str | None
    label: str | None
    consent: ConsentState
    consent_expires_at: datetime | None
    created_at: datetime
    disconnected_at: datetime | None
    last_outcome: str | None
    last_run_id: int | None
    last_success_at: datetime | None
    remedy_kind: str | None
    remedy_text: str | None
    failures: int
    next_sync_at: datetime | None
    sync_requested_at: datetime | None
    not_before: datetime | None


def _row(row: sa.Row[tuple[object, ...]]) -> ConnectionRow:
    fields = dict(row._mapping)
    fields["consent"] = ConsentState(fields["consent"])
    return ConnectionRow(**fields)


def create(connection: sa.Connection, *, owner_id: int, connector: str, now: datetime) -> int:
    """Store a new connection, due at once; return its number."""
    statement = (
        connections.insert()
        .values(
            owner_id=owner_id,
            connector=connector,
            consent=ConsentState.ACTIVE,
            created_at=now,
            next_sync_at=now,
        )
        .returning(connections.c.id)
    )
    return int(connection.execute(statement).scalar_one())


def get(
    connection: sa.Connection, connection_id: int, *, owner_id: int | None = None
) -> ConnectionRow:
    """Return a connection, of this owner where one is named. Raises NotFound."""
    query = connections.select().where(connections.c.id == connection_id)
    if owner_id is not None:
        query = query.where(connections.c.owner_id == owner_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound("There is no such connection.")
    return _row(row)


def page(
    connection: sa.Connection, *, owner_id: int, after: int = 0, limit: int = 100
) -> list[ConnectionRow]:
    """Return the owner's connections past number `after`, in the order they were made."""
    query = (
        connections.select()
        .where(connections.c.owner_id == owner_id, connections.c.id > after)
        .order_by(connections.c.id)
        .limit(limit)
    )
    return [_row(row) for row in connection.execute(query)]


def due(connection: sa.Connection, *, now: datetime, limit: int) -> list[int]:
    """Return connections whose time has come, those that a person asked for first.

    Due is: asked for, past `next_sync_at`, or left behind by a worker that died; not before
    `not_before`; not being synced already; still connected; and with a consent that allows it (a
    consent problem is never retried on its own, sync.md 21).
    """
    c, held = connections.c, leases.c
    busy = sa.exists().where(held.connection_id == c.id, held.expires_at >= now)
    left_behind = sa.exists().where(held.connection_id == c.id, held.expires_at < now)
    query = (
        sa.select(c.id)
        .where(
            ~busy,
            c.disconnected_at.is_(None),
            c.consent.in_([ConsentState.ACTIVE, ConsentState.EXPIRING]),
            sa.or_(c.not_before.is_(None), c.not_before <= now),
            sa.or_(c.sync_requested_at.is_not(None), c.next_sync_at <= now, left_behind),
        )
        .order_by(c.sync_requested_at.is_(None), c.next_sync_at, c.id)
        .limit(limit)
    )
    return list(connection.execute(query).scalars())


def request_sync(connection: sa.Connection, connection_id: int, *, now: datetime) -> None:
    """Note that somebody wants this connection synced now."""
    connection.execute(
        connections.update().where(connections.c.id == connection_id).values(sync_requested_at=now)
    )


def describe(
    connection: sa.Connection, connection_id: int, *, institution_id: str, institution_name: str
) -> None:
    """Store which institution this connection reaches."""
    connection.execute(
        connections.update()
        .where(connections.c.id == connection_id)
        .values(institution_id=institution_id, institution_name=institution_name)
    )


def set_consent(
    connection: sa.Connection,
    connection_id: int,
    consent: ConsentState,
    *,
    expires_at: datetime | None = None,
) -> None:
    """Store where the consent stands; `expires_at` replaces the stored one where it is given."""
    values: dict[str, object] = {"consent": consent}
    if expires_at is not None:
        values["consent_expires_at"] = expires_at
    connection.execute(connections.update().where(connections.c.id == connection_id).values(values))


def renew(
    connection: sa.Connection,
    connection_id: int,
    *,
    consent_expires_at: datetime | None,
    now: datetime,
) -> None:
    """Note that consent was given (again): active, without a remedy, and due at once."""
    connection.execute(
        connections.update()
        .where(connections.c.id == connection_id)
        .values(
            consent=ConsentState.ACTIVE,
            consent_expires_at=consent_expires_at,
            remedy_kind=None,
            remedy_text=None,
            failures=0,
            next_sync_at=now,
            not_before=None,
        )
    )


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run left its connection. `failures` are those in a row, this one included."""

    run_id: int
    outcome: str
    success: bool
    failures: int
    remedy: Remedy | None
    next_sync_at: datetime | None
    not_before: datetime | None


def close_run(
    connection: sa.Connection,
    connection_id: int,
    ending: Ending,
    *,
    now: datetime,
    asked_before: datetime,
) -> None:
    """Store how a run ended. A request made after `asked_before` was not served, and stays."""
    c = connections.c
    served = sa.case((c.sync_requested_at > asked_before, c.sync_requested_at), else_=sa.null())
    connection.execute(
        connections.update()
        .where(c.id == connection_id)
        .values(
            last_outcome=ending.outcome,
            last_run_id=ending.run_id,
            last_success_at=now if ending.success else c.last_success_at,
            remedy_kind=ending.remedy.kind if ending.remedy else None,
            remedy_text=ending.remedy.text if ending.remedy else None,
            failures=ending.failures,
            next_sync_at=ending.next_sync_at,
            not_before=ending.not_before,
            sync_requested_at=served,
        )
    )


def mark_disconnected(connection: sa.Connection, connection_id: int, *, now: datetime) -> None:
    """Note that the person ended this connection. Its history stays."""
    connection.execute(
        connections.update()
        .where(connections.c.id == connection_id)
        .values(
            disconnected_at=now,
            consent=ConsentState.REVOKED,
            next_sync_at=None,
            sync_requested_at=None,
            remedy_kind=None,
            remedy_text=None,
        )
    )


def rename(connection: sa.Connection, connection_id: int, label: str | None) -> None:
    """Store the person's name for a connection; None takes it away."""
    connection.execute(
        connections.update().where(connections.c.id == connection_id).values(label=label)
    )


def delete(connection: sa.Connection, connection_id: int) -> None:
    """Delete a connection and, by the foreign keys, everything under it."""
    connection.execute(connections.delete().where(connections.c.id == connection_id))


def ages(connection: sa.Connection, *, now: Clock) -> dict[str, float]:
    """Return, by connector, the age in seconds of its least fresh connection."""
    c = connections.c
    oldest = sa.func.min(sa.func.coalesce(c.last_success_at, c.created_at)).label("oldest")
    query = (
        sa.select(c.connector, sa.type_coerce(oldest, Instant))
        .where(c.disconnected_at.is_(None))
        .group_by(c.connector)
    )
    moment = now()
    return {name: (moment - since).total_seconds() for name, since in connection.execute(query)}


def some(
    connection: sa.Connection, numbers: Sequence[int], *, owner_id: int
) -> dict[int, ConnectionRow]:
    """Return those of these connections that are the owner's, by number."""
    c = connections.c
    query = connections.select().where(c.id.in_(numbers), c.owner_id == owner_id)
    return {row.id: _row(row) for row in connection.execute(query)}
