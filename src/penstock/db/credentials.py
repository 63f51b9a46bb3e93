"""What opens a connection, sealed; and who is renewing it at this moment (sync.md 25)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from penstock.db.metadata import Id, Instant, metadata
from penstock.db.prepared import Prepared

credentials = sa.Table(
    "credentials",
    metadata,
    sa.Column(
        "connection_id",
        Id,
        sa.ForeignKey("connections.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("plan", sa.Integer, nullable=False),
    sa.Column("access", sa.Text, nullable=False),
    sa.Column("refresh", sa.Text),
    sa.Column("expires_at", Instant),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("refresher", sa.Text),
    sa.Column("refresher_until", Instant),
    sa.Column("key", sa.Text),
)


@dataclass(frozen=True, slots=True)
class SealedCredentials:
    """A connection's credentials as they are stored; `plan` is the number of the link plan used."""

    connection_id: int
    plan: int
    access: str
    refresh: str | None
    expires_at: datetime | None
    scope: str
    version: int
    key: str | None = None


_FIELDS = [credentials.c[name] for name in SealedCredentials.__dataclass_fields__]


_FIND: Final = Prepared(
    sa.select(*_FIELDS).where(credentials.c.connection_id == sa.bindparam("of"))
)


def find(connection: sa.Connection, connection_id: int) -> SealedCredentials | None:
    """Return a connection's credentials, or None where it has none (any more)."""
    row = _FIND.row(connection, {"of": connection_id})
    return SealedCredentials(*row) if row else None


def save(connection: sa.Connection, sealed: SealedCredentials) -> None:
    """Store credentials in place of what was there, and let go of the refresher's claim."""
    connection.execute(
        credentials.delete().where(credentials.c.connection_id == sealed.connection_id)
    )
    values = {name: getattr(sealed, name) for name in SealedCredentials.__dataclass_fields__}
    connection.execute(credentials.insert().values(values))


def claim_refresh(
    connection: sa.Connection,
    connection_id: int,
    *,
    version: int,
    refresher: str,
    now: datetime,
    until: datetime,
) -> bool:
    """Become the one who refreshes this version. False where another is, or was already."""
    c = credentials.c
    claimed = connection.execute(
        credentials.update()
        .where(
            c.connection_id == connection_id,
            c.version == version,
            sa.or_(c.refresher.is_(None), c.refresher_until < now),
        )
        .values(refresher=refresher, refresher_until=until)
    )
    return claimed.rowcount == 1


def keep_claim(
    connection: sa.Connection, connection_id: int, *, refresher: str, until: datetime
) -> None:
    """Hold on to a claim for longer; one that another has taken stays theirs."""
    c = credentials.c
    connection.execute(
        credentials.update()
        .where(c.connection_id == connection_id, c.refresher == refresher)
        .values(refresher_until=until)
    )


def save_refreshed(connection: sa.Connection, sealed: SealedCredentials, *, version: int) -> bool:
    """Store what a refresh of version `version` gave. False where newer ones are there already.

    The claim may have run out meanwhile: the newest token is the one that works, so it is stored
    as long as nobody stored another.
    """
    c = credentials.c
    stored = connection.execute(
        credentials.update()
        .where(c.connection_id == sealed.connection_id, c.version == version)
        .values(
            access=sealed.access,
            refresh=sealed.refresh,
            expires_at=sealed.expires_at,
            scope=sealed.scope,
            version=sealed.version,
            key=sealed.key,
            refresher=None,
            refresher_until=None,
        )
    )
    return stored.rowcount == 1


def release_refresh(connection: sa.Connection, connection_id: int, *, refresher: str) -> None:
    """Let go of the claim without new credentials: the refresh failed."""
    c = credentials.c
    connection.execute(
        credentials.update()
        .where(c.connection_id == connection_id, c.refresher == refresher)
        .values(refresher=None, refresher_until=None)
    )


def delete(connection: sa.Connection, connection_id: int) -> None:
    """Wipe a connection's credentials."""
    connection.execute(credentials.delete().where(credentials.c.connection_id == connection_id))
