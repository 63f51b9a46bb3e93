"""Which connections are due, found fast among any number of them.

Three indexes answer, one for each reason: somebody asked, its time has come, or a worker that died
left it behind. Providers are looked at one by one, so that one with thousands of due connections
hides no other.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, islice, zip_longest
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


def _connectors(where: str) -> sa.TextClause:
    """Ask for the connectors in a partial index, by a jump from each to the next."""
    return sa.text(f"""
        WITH RECURSIVE known (connector) AS (
            SELECT min(connector) FROM connections WHERE {where}
            UNION ALL
            SELECT (
                SELECT min(connector) FROM connections
                WHERE connector > known.connector AND {where}
            )
            FROM known WHERE known.connector IS NOT NULL
        )
        SELECT connector FROM known WHERE connector IS NOT NULL
    """)


_OPEN_ONES: Final = _connectors(OPEN)
_ASKED_ONES: Final = _connectors("sync_requested_at IS NOT NULL")

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
# On SQLite a CROSS JOIN is read in the order written: from the few leases that are held.
_LEFT_BEHIND: Final = f"""
    SELECT connections.id, connector FROM leases CROSS JOIN connections
    WHERE leases.holder IS NOT NULL AND leases.expires_at < :now
        AND connections.id = leases.connection_id AND {_ALLOWED}
    ORDER BY leases.expires_at
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


_WHEN_ASKED: Final = _timed(_ASKED)
_WHEN_LEFT_BEHIND: Final = _timed(_LEFT_BEHIND)
_WHEN_IN_TURN: Final = _timed(_IN_TURN)


def find(
    connection: sa.Connection,
    *,
    now: datetime,
    limit: int,
    room: Callable[[str, int], int] | None = None,
) -> list[Due]:
    """Return at most `limit` connections whose turn it is, in the order to start them.

    Due is: asked for, past `next_sync_at`, or left behind by a worker that died; not before
    `not_before`; not being synced already; still connected; neither paused nor parked; and with a
    consent that allows it (a consent problem is never retried on its own, sync.md 21). A run that
    somebody waits for is due whatever is in its way: it ends with the reason.

    Those asked for come first. Then providers take turns, each with its oldest; of each no more
    than `room(connector, live)` says, given how many of its syncs are under way everywhere.
    """
    live = running(connection, now=now) if room else {}
    asking = set(connection.execute(_ASKED_ONES).scalars())
    left = _left_behind(connection, now)
    asked: dict[str, list[int]] = {}
    others: dict[str, list[int]] = {}
    for connector in sorted({*connection.execute(_OPEN_ONES).scalars(), *asking}):
        most = min(limit, room(connector, live.get(connector, 0))) if room else limit
        if most > 0:
            here = {"connector": connector, "now": now, "limit": most}
            if connector in asking:
                asked[connector] = list(connection.execute(_WHEN_ASKED, here).scalars())
            known = asked.get(connector, [])
            in_turn = connection.execute(_WHEN_IN_TURN, here).scalars()
            rest = dict.fromkeys([*known, *left.get(connector, []), *in_turn])
            others[connector] = list(rest)[len(known) : most]
    found = chain(_take_turns(asked, asked=True), _take_turns(others, asked=False))
    return [Due(*one) for one in islice(found, limit)]


def _take_turns(
    by_connector: Mapping[str, list[int]], *, asked: bool
) -> Iterator[tuple[int, str, bool]]:
    """Yield the first of each connector, then the second of each, and so on."""
    for turn in zip_longest(*by_connector.values()):
        for number, connector in zip(turn, by_connector, strict=True):
            if number is not None:
                yield number, connector, asked


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


def _left_behind(connection: sa.Connection, now: datetime) -> Mapping[str, list[int]]:
    """Return what dead workers left behind, by connector: never more than there were hands."""
    left: dict[str, list[int]] = {}
    for number, connector in connection.execute(_WHEN_LEFT_BEHIND, {"now": now}):
        left.setdefault(connector, []).append(number)
    return left
