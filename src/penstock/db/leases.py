"""Who may write to a connection: one holder at a time, fenced by a number that only grows.

A holder that slept past its lease finds a larger fence when it wakes, and its commit fails at the
first statement (sync.md 20).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from penstock.db.metadata import Id, Instant, metadata
from penstock.db.prepared import Prepared
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
    sa.Index(
        "ix_leases_held",
        "expires_at",
        sqlite_where=sa.text("holder IS NOT NULL"),
        postgresql_where=sa.text("holder IS NOT NULL"),
    ),
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

    It is then marked dirty where a sync is `wanted` that begins after this moment. Nobody waits
    here: a row that a long commit holds is taken, as its lock says, and is left unmarked.
    """
    given = {"of": connection_id, "by": holder, "at": now, "till": until}
    taken = _TAKE.value(connection, given)
    if taken is not None:
        return Lease(connection_id, holder, taken)
    if wanted:
        connection.execute(leases.update().where(_at_once(connection_id)).values(dirty=True))
    return None


def is_dirty(connection: sa.Connection, connection_id: int) -> bool:
    """Say whether whoever holds the lease will hear that one more sync is wanted."""
    query = sa.select(leases.c.dirty).where(leases.c.connection_id == connection_id)
    return bool(connection.execute(query).scalar_one_or_none())


SPARE: Final = timedelta(seconds=30)
"""How long a lease that ran out counts as a sync under way still, unless it is taken or released.

Its holder may be alive: held up by a long commit, a busy machine, a clock that is a little off.
So it may renew its lease within half of this without a look at the cap; the other half is for a
renewal that nobody sees yet, since its transaction has not ended.
"""

_HELD: Final = Prepared(
    sa.text("""
    SELECT count(*) FROM leases JOIN connections ON connections.id = leases.connection_id
    WHERE leases.holder IS NOT NULL AND leases.expires_at >= :since AND connector = :connector
        AND leases.connection_id <> :connection_id
""").bindparams(sa.bindparam("since", type_=Instant))
)
_LOCK_CAP: Final = "SELECT pg_advisory_xact_lock(7235103, hashtext(:connector))"
_TAKE_TURNS: Final = Prepared(sa.text(_LOCK_CAP))
_WITHOUT_FLUSH: Final = Prepared(
    sa.text(f"{_LOCK_CAP}, set_config('synchronous_commit', 'off', true)")
)


def has_room(
    connection: sa.Connection,
    connection_id: int,
    *,
    connector: str,
    cap: int,
    now: datetime,
    may_be_lost: bool = False,
) -> bool:
    """Say whether fewer than `cap` other connections of a connector are being synced anywhere.

    Who is told yes and takes a lease in this transaction keeps the cap: nobody else may look
    before it ends (on SQLite there is one writer anyway). On PostgreSQL it ends without waiting for
    the disk where it `may_be_lost` when the server crashes: a lease that is lost fences its holder.
    """
    if connection.dialect.name == "postgresql":
        turn = _WITHOUT_FLUSH if may_be_lost else _TAKE_TURNS
        turn.row(connection, {"connector": connector})
    given = {"connector": connector, "connection_id": connection_id, "since": now - SPARE}
    held: int = _HELD.value(connection, given)
    return held < cap


def is_held(connection: sa.Connection, connection_id: int, *, now: datetime) -> bool:
    """Say whether somebody holds this lease who has shown a sign of life in time."""
    c = leases.c
    query = sa.select(c.fence).where(
        c.connection_id == connection_id, c.holder.is_not(None), c.expires_at >= now
    )
    return connection.execute(query).scalar_one_or_none() is not None


def extend(connection: sa.Connection, lease: Lease, *, now: datetime, until: datetime) -> bool:
    """The heartbeat. False where the lease is no longer ours.

    One that ran out long ago (`counts_no_more`) is ours still, but is left as it is: only
    `has_room` says whether it may count again.

    While our own commit holds the row there is nothing to write: who commits is alive.
    """
    c = leases.c
    counts = c.expires_at >= now - SPARE / 2
    kept = connection.execute(
        leases.update()
        .where(_at_once(lease.connection_id, _is_ours(lease), counts))
        .values(expires_at=until)
    )
    if kept.rowcount == 1:
        return True
    query = sa.select(c.fence).where(c.connection_id == lease.connection_id, _is_ours(lease))
    return connection.execute(query).scalar_one_or_none() is not None


def counts_no_more(connection: sa.Connection, lease: Lease, *, now: datetime) -> bool:
    """Say whether this lease is ours still, but ran out too long ago to count."""
    c = leases.c
    query = sa.select(c.fence).where(
        c.connection_id == lease.connection_id, _is_ours(lease), c.expires_at < now - SPARE / 2
    )
    return connection.execute(query).scalar_one_or_none() is not None


def revive(connection: sa.Connection, lease: Lease, *, until: datetime) -> None:
    """Let a lease count again, in the transaction in which `has_room` allowed it."""
    connection.execute(
        leases.update()
        .where(_at_once(lease.connection_id, _is_ours(lease)))
        .values(expires_at=until)
    )


def _is_ours(lease: Lease) -> sa.ColumnElement[bool]:
    return sa.and_(leases.c.fence == lease.fence, leases.c.holder == lease.holder)


def _at_once(
    connection_id: int | sa.BindParameter[int], *which: sa.ColumnElement[bool]
) -> sa.ColumnElement[bool]:
    """Match a lease's row unless somebody has it locked: on PostgreSQL an update would wait."""
    c = leases.c
    query = sa.select(c.connection_id).where(c.connection_id == connection_id, *which)
    return c.connection_id == query.with_for_update(skip_locked=True).scalar_subquery()


_b = sa.bindparam
_FREE: Final = sa.or_(leases.c.holder.is_(None), leases.c.expires_at < _b("at"))
_TAKE: Final = Prepared(
    leases.update()
    .where(_at_once(_b("of"), _FREE))
    .values(holder=_b("by"), fence=leases.c.fence + 1, expires_at=_b("till"), dirty=False)
    .returning(leases.c.fence)
)
_MINE: Final = sa.and_(
    leases.c.connection_id == _b("of"), leases.c.fence == _b("number"), leases.c.holder == _b("by")
)
_LOCK: Final = Prepared(
    leases.update().where(_MINE).values(fence=_b("number")).returning(leases.c.dirty)
)
_GIVE_BACK: Final = Prepared(
    leases.update().where(_MINE).values(holder=None, expires_at=None, dirty=False)
)


def _named(lease: Lease) -> dict[str, object]:
    return {"of": lease.connection_id, "number": lease.fence, "by": lease.holder}


def lock(connection: sa.Connection, lease: Lease) -> bool:
    """The first statement of every commit: hold the lease row by its fence. Raises LeaseLost.

    True where somebody asked for a sync since the lease was taken; while it is locked nobody can.
    """
    dirty = _LOCK.value(connection, _named(lease))
    if dirty is None:
        raise LeaseLost
    return bool(dirty)


def give_back(connection: sa.Connection, lease: Lease) -> None:
    """Let go of a lease that is locked."""
    _GIVE_BACK.write(connection, _named(lease))


def release(connection: sa.Connection, lease: Lease) -> bool:
    """Give a lease back, if it is ours. True where somebody asked for a sync meanwhile."""
    try:
        dirty = lock(connection, lease)
    except LeaseLost:
        return False
    give_back(connection, lease)
    return dirty


def hold(connection: sa.Connection, connection_id: int) -> None:
    """Let nobody commit to a connection before this transaction ends. Takes no fence."""
    c = leases.c
    query = sa.select(c.fence).where(c.connection_id == connection_id)
    connection.execute(query.with_for_update())


def seize(connection: sa.Connection, connection_id: int) -> None:
    """Take the fence from any holder: what it has not committed it never will."""
    c = leases.c
    connection.execute(
        leases.update()
        .where(c.connection_id == connection_id)
        .values(holder=None, fence=c.fence + 1, expires_at=None, dirty=False)
    )
