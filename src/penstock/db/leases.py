"""Who may write to a connection: one holder at a time, fenced by a number that only grows.

A holder that slept past its lease finds a larger fence when it wakes, and its commit fails at the
first statement (sync.md 20).
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from penstock.db.metadata import Id, Instant, metadata
from penstock.domain.errors import LeaseLost

leases = sa.Table(
    "leases",
    metadata,
    sa.Column(
        "connection_id",
        Id,
        sa.ForeignKey("connections.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("holder", sa.Text),
    sa.Column("fence", sa.BigInteger, nullable=False),
    sa.Column("expires_at", Instant),
    sa.Column("dirty", sa.Boolean, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write to a connection, as long as `fence` is the stored one."""

    connection_id: int
    holder: str
    fence: int


def open_lease(connection: sa.Connection, connection_id: int) -> None:
    """Give a new connection its lease row."""
    connection.execute(leases.insert().values(connection_id=connection_id, fence=0, dirty=False))


def take(
    connection: sa.Connection,
    connection_id: int,
    *,
    holder: str,
    now: datetime,
    until: datetime,
    wanted: bool = True,
) -> Lease | None:
    """Take the lease if it is free or has run out; else return None.

    It is then marked dirty where a sync is `wanted` that begins after this moment.
    """
    c = leases.c
    taken = connection.execute(
        leases.update()
        .where(c.connection_id == connection_id, sa.or_(c.holder.is_(None), c.expires_at < now))
        .values(holder=holder, fence=c.fence + 1, expires_at=until, dirty=False)
        .returning(c.fence)
    ).scalar_one_or_none()
    if taken is not None:
        return Lease(connection_id, holder, taken)
    if wanted:
        connection.execute(
            leases.update().where(c.connection_id == connection_id).values(dirty=True)
        )
    return None


def extend(connection: sa.Connection, lease: Lease, *, until: datetime) -> bool:
    """The heartbeat. False where the lease is no longer ours."""
    c = leases.c
    kept = connection.execute(
        leases.update()
        .where(
            c.connection_id == lease.connection_id, c.fence == lease.fence, c.holder == lease.holder
        )
        .values(expires_at=until)
    )
    return kept.rowcount == 1


def lock(connection: sa.Connection, lease: Lease) -> None:
    """The first statement of every commit: hold the lease row by its fence. Raises LeaseLost."""
    c = leases.c
    held = connection.execute(
        leases.update()
        .where(
            c.connection_id == lease.connection_id, c.fence == lease.fence, c.holder == lease.holder
        )
        .values(fence=lease.fence)
    )
    if held.rowcount != 1:
        raise LeaseLost


def release(connection: sa.Connection, lease: Lease) -> bool:
    """Give the lease back. True where somebody asked for a sync meanwhile: run once more."""
    c = leases.c
    ours = sa.and_(c.connection_id == lease.connection_id, c.fence == lease.fence)
    dirty = connection.execute(sa.select(c.dirty).where(ours)).scalar_one_or_none()
    connection.execute(
        leases.update().where(ours).values(holder=None, expires_at=None, dirty=False)
    )
    return bool(dirty)


def seize(connection: sa.Connection, connection_id: int) -> None:
    """Take the fence from any holder: what it has not committed it never will."""
    c = leases.c
    connection.execute(
        leases.update()
        .where(c.connection_id == connection_id)
        .values(holder=None, fence=c.fence + 1, expires_at=None, dirty=False)
    )
