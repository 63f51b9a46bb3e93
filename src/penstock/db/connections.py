"""One person's access to one institution: its consent, how fresh it is, and when it is due."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from penstock.db.metadata import Id, Instant, metadata
from penstock.domain.clock import Clock
from penstock.domain.consent import ConsentState
from penstock.domain.errors import NotFound
from penstock.domain.imported import FILES

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


_CONSENT: Final = connections.c.keys().index("consent")


def as_row(values: Sequence[Any]) -> ConnectionRow:
    """Return the values of a row of the table, in its order, as they are known everywhere else."""
    fields = list(values)
    fields[_CONSENT] = ConsentState(fields[_CONSENT])
    return ConnectionRow(*fields)


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


def create_for_files(
    connection: sa.Connection,
    *,
    owner_id: int,
    institution_id: str,
    institution_name: str,
    now: datetime,
) -> int:
    """Store a connection that is made of files, and never due; return its number."""
    number = create(connection, owner_id=owner_id, connector=FILES, now=now)
    describe(connection, number, institution_id=institution_id, institution_name=institution_name)
    connection.execute(
        connections.update().where(connections.c.id == number).values(next_sync_at=None)
    )
    return number


def find_of_files(connection: sa.Connection, *, owner_id: int, institution_id: str) -> int | None:
    """Return the owner's connection that is made of files of this institution."""
    c = connections.c
    query = sa.select(c.id).where(
        c.owner_id == owner_id,
        c.connector == FILES,
        c.institution_id == institution_id,
        c.disconnected_at.is_(None),
    )
    return connection.execute(query.order_by(c.id).limit(1)).scalar_one_or_none()


_GET: Final = connections.select().where(connections.c.id == sa.bindparam("this"))


def get(
    connection: sa.Connection, connection_id: int, *, owner_id: int | None = None
) -> ConnectionRow:
    """Return a connection, of this owner where one is named. Raises NotFound."""
    query = _GET if owner_id is None else _GET.where(connections.c.owner_id == owner_id)
    row = connection.execute(query, {"this": connection_id}).one_or_none()
    if row is None:
        raise NotFound("There is no such connection.")
    return as_row(row)


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
    return [as_row(row) for row in connection.execute(query)]


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


def count_open(connection: sa.Connection, connector: str) -> int:
    """Count the connections of a connector, of all people, that may be synced by themselves."""
    query = sa.select(sa.func.count()).where(connections.c.connector == connector, sa.text(OPEN))
    return int(connection.execute(query).scalar_one())


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
    return {row.id: as_row(row) for row in connection.execute(query)}
