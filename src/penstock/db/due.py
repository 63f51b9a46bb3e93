"""Which connections are due, found fast among any number of them.

Three indexes answer, one for each reason: somebody asked, its time has come, or a worker that died
left it behind. Providers are looked at one by one, so that one with thousands of due connections
hides no other.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from penstock.db.connections import OPEN
from penstock.db.metadata import Instant


@dataclass(frozen=True, slots=True)
class Due:
    """A connection whose turn it is. `asked`: somebody waits for it."""

    connection_id: int
    connector: str
    asked: bool


_CONNECTORS: Final = sa.text("""
    WITH RECURSIVE known (connector) AS (
        SELECT min(connector) FROM connections
        UNION ALL
        SELECT (SELECT min(connector) FROM connections WHERE connector > known.connector)
        FROM known WHERE known.connector IS NOT NULL
    )
    SELECT connector FROM known WHERE connector IS NOT NULL
""")

_FREE: Final = """NOT EXISTS (
    SELECT 1 FROM leases
    WHERE leases.connection_id = connections.id
        AND leases.holder IS NOT NULL AND leases.expires_at >= :now
)"""
_ALLOWED: Final = f"{OPEN} AND paused_at IS NULL AND (not_before IS NULL OR not_before <= :now)"

_ASKED: Final = f"""
    SELECT connections.id FROM connections
    WHERE connector = :connector AND sync_requested_at IS NOT NULL
        AND disconnected_at IS NULL AND {_FREE}
        AND (queued_run_id IS NOT NULL OR ({_ALLOWED}))
    ORDER BY sync_requested_at, connections.id LIMIT :limit
"""
_LEFT_BEHIND: Final = f"""
    SELECT connections.id FROM leases JOIN connections ON connections.id = leases.connection_id
    WHERE leases.holder IS NOT NULL AND leases.expires_at < :now
        AND connector = :connector AND {_ALLOWED}
    ORDER BY leases.expires_at LIMIT :limit
"""
_IN_TURN: Final = f"""
    SELECT connections.id FROM connections
    WHERE connector = :connector AND next_sync_at <= :now AND {_ALLOWED} AND {_FREE}
    ORDER BY next_sync_at, connections.id LIMIT :limit
"""
_LIVE: Final = sa.text("""
    SELECT connector, count(*) FROM leases JOIN connections ON connections.id = leases.connection_id
    WHERE leases.holder IS NOT NULL AND leases.expires_at >= :now GROUP BY connector
""").bindparams(sa.bindparam("now", type_=Instant))


def _timed(sql: str) -> sa.TextClause:
    return sa.text(sql).bindparams(sa.bindparam("now", type_=Instant))


_REASONS: Final = ((True, _timed(_ASKED)), (False, _timed(_LEFT_BEHIND)), (False, _timed(_IN_TURN)))


def find(
    connection: sa.Connection,
    *,
    now: datetime,
    limit: int,
    room: Callable[[str, int], int] = lambda _connector, _live: 2**31,
) -> list[Due]:
    """Return at most `limit` connections whose turn it is, in the order to start them.

    Due is: asked for, past `next_sync_at`, or left behind by a worker that died; not before
    `not_before`; not being synced already; still connected; neither paused nor parked; and with a
    consent that allows it (a consent problem is never retried on its own, sync.md 21). A run that
    somebody waits for is due whatever is in its way: it ends with the reason.

    Those asked for come first. Then providers take turns, each with its oldest; of each no more
    than `room(connector, live)` says, given how many of its syncs are under way everywhere.
    """
    live = running(connection, now=now)
    found: list[tuple[bool, int, Due]] = []
    for connector in connection.execute(_CONNECTORS).scalars().all():
        most = min(limit, room(connector, live.get(connector, 0)))
        of_one = _of_connector(connection, connector, now, most) if most > 0 else []
        found += [(not due.asked, turn, due) for turn, due in enumerate(of_one)]
    found.sort(key=lambda one: one[:2])
    return [due for *_, due in found[:limit]]


def running(connection: sa.Connection, *, now: datetime) -> Mapping[str, int]:
    """Return how many syncs of each connector are under way, in all processes together."""
    rows = connection.execute(_LIVE, {"now": now})
    return {row[0]: row[1] for row in rows}


def is_due(connection: sa.Connection, connection_id: int, *, now: datetime) -> bool:
    """Say whether it is this connection's turn still: another may have synced it meanwhile."""
    here = {"now": now, "id": connection_id}
    return connection.execute(_IS_DUE, here).scalar_one_or_none() is not None


_IS_DUE: Final = _timed(f"""
    SELECT 1 FROM connections LEFT JOIN leases ON leases.connection_id = connections.id
    WHERE connections.id = :id AND disconnected_at IS NULL
        AND (leases.holder IS NULL OR leases.expires_at < :now)
        AND (
            queued_run_id IS NOT NULL
            OR ({_ALLOWED} AND (
                sync_requested_at IS NOT NULL OR next_sync_at <= :now OR leases.holder IS NOT NULL
            ))
        )
""")


def _of_connector(
    connection: sa.Connection, connector: str, now: datetime, limit: int
) -> list[Due]:
    """Return the due connections of one connector, for each reason in turn, each of them once."""
    found: dict[int, Due] = {}
    values = {"connector": connector, "now": now, "limit": limit}
    for asked, statement in _REASONS:
        if len(found) < limit:
            for number in connection.execute(statement, values).scalars():
                found.setdefault(number, Due(number, connector, asked))
    return list(found.values())[:limit]
