"""One person's access to one institution: its consent, how fresh it is, and when it is due."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from penstock.db.metadata import Id, Instant, metadata
from penstock.domain.clock import Clock
from penstock.domain.consent import ConsentState
from penstock.domain.errors import NotFound
from penstock.domain.remedy import Remedy

OPEN: Final = "disconnected_at IS NULL AND parked_at IS NULL AND consent IN ('active', 'expiring')"
"""What may be synced by itself. Literal, as the index has it: so the database knows it again."""

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
    sa.Column("starts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("parked_at", Instant),
    sa.Column("pace_seconds", sa.Integer),
    sa.Column("queued_run_id", Id),
    sa.Column("queued_from_start", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Index("ix_connections_owner", "owner_id", "id"),
    sa.Index(
        "ix_connections_due",
        "connector",
        "next_sync_at",
        "id",
        sqlite_where=sa.text(OPEN),
        postgresql_where=sa.text(OPEN),
    ),
    sa.Index(
        "ix_connections_asked",
        "connector",
        "sync_requested_at",
        sqlite_where=sa.text("sync_requested_at IS NOT NULL"),
        postgresql_where=sa.text("sync_requested_at IS NOT NULL"),
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
    paused_at: datetime | None
    paused_reason: str | None
    starts: int
    parked_at: datetime | None
    pace_seconds: int | None
    queued_run_id: int | None
    queued_from_start: bool


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


def request_sync(connection: sa.Connection, connection_id: int, *, now: datetime) -> None:
    """Note that somebody wants this connection synced now."""
    connection.execute(
        connections.update().where(connections.c.id == connection_id).values(sync_requested_at=now)
    )


def begin(connection: sa.Connection, connection_id: int) -> ConnectionRow:
    """Count a start, and return the connection as it was before it. Raises NotFound."""
    query = connections.select().where(connections.c.id == connection_id)
    found = connection.execute(query.with_for_update(key_share=True)).one_or_none()
    if found is None:
        raise NotFound("There is no such connection.")
    row = _row(found)
    connection.execute(
        connections.update()
        .where(connections.c.id == connection_id)
        .values(starts=row.starts + 1, parked_at=None, queued_run_id=None, queued_from_start=False)
    )
    return row


def park(connection: sa.Connection, connection_id: int, remedy: Remedy, *, now: datetime) -> None:
    """Start it no more by itself: a person's click or a renewed consent takes it out again."""
    connection.execute(
        connections.update()
        .where(connections.c.id == connection_id)
        .values(
            parked_at=now,
            remedy_kind=remedy.kind,
            remedy_text=remedy.text,
            failures=connections.c.failures + 1,
        )
    )


def pause(connection: sa.Connection, connection_id: int, *, reason: str, now: datetime) -> None:
    """Let a connection rest until somebody asks for a sync of it."""
    connection.execute(
        connections.update()
        .where(connections.c.id == connection_id)
        .values(paused_at=now, paused_reason=reason, sync_requested_at=None)
    )


def resume(connection: sa.Connection, connection_id: int) -> None:
    """End a pause."""
    connection.execute(
        connections.update()
        .where(connections.c.id == connection_id)
        .values(paused_at=None, paused_reason=None)
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
            starts=0,
            parked_at=None,
            next_sync_at=now,
            not_before=None,
        )
    )


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run left its connection.

    `failures` are those in a row, this one included; `pace` is how long it may now grow old.
    """

    run_id: int
    outcome: str
    success: bool
    failures: int
    remedy: Remedy | None
    next_sync_at: datetime | None
    not_before: datetime | None
    pace: timedelta | None = None


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
    waits = sa.or_(c.sync_requested_at > asked_before, c.queued_run_id.is_not(None))
    served = sa.case((waits, c.sync_requested_at), else_=sa.null())
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
            starts=0,
            parked_at=None,
            pace_seconds=int(ending.pace.total_seconds()) if ending.pace else c.pace_seconds,
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
            queued_run_id=None,
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
