"""Filling the job engine's queue: one transaction that finds what is due and enqueues it."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any, Final, cast

import psycopg
import sqlalchemy as sa
from pgqueuer.adapters.persistence.qb import QueryQueueBuilder
from pgqueuer.domain.settings import DBSettings, Durability

from penstock.db import due
from penstock.db.due import Due

SETTINGS: Final = DBSettings(
    prefix="",
    db_schema="penstock_jobs",
    channel="penstock_jobs",
    function="fn_pgqueuer_changed",
    statistics_table="pgqueuer_statistics",
    queue_status_type="pgqueuer_status",
    queue_table="pgqueuer",
    queue_table_log="pgqueuer_log",
    trigger="tg_pgqueuer_changed",
    schedules_table="pgqueuer_schedules",
    durability=Durability.volatile,
)
"""All of it, so that no PGQUEUER_ variable of somebody else's changes a name."""
ENTRYPOINT: Final = "sync."
ELSE: Final = "sync"
"""For connections whose connector this installation no longer has: they end saying so."""

WINDOW: Final = 200
"""So many of each provider wait at most: one with thousands due hides no other."""
_ASKED: Final = 1
_IN_TURN: Final = 0
_LOCK: Final = sa.text("SELECT pg_try_advisory_xact_lock(7235104)")
_PRUNE: Final = sa.text("DELETE FROM penstock_jobs.pgqueuer_log")


def fill(connection: sa.Connection, *, now: datetime, connectors: Collection[str]) -> int:
    """Enqueue what is due, each connection once; return how many were not in the queue yet.

    One worker does this at a time; for the others there is nothing to do. What somebody asked for
    goes first, also where it waits in its turn already. The engine's log is nobody's: it is thrown
    away here.
    """
    if not connection.execute(_LOCK).scalar_one():
        return 0
    connection.execute(_PRUNE)
    found = due.find(
        connection,
        now=now,
        limit=WINDOW * max(1, len(connectors)),
        room=lambda _connector, _live: WINDOW,
    )
    asked = [one for one in found if one.asked]
    others = [one for one in found if not one.asked]
    return _enqueue(connection, asked, connectors, _ASKED) + _enqueue(
        connection, others, connectors, _IN_TURN
    )


_QUERIES: Final = QueryQueueBuilder(SETTINGS)


def _enqueue(
    connection: sa.Connection, found: list[Due], connectors: Collection[str], priority: int
) -> int:
    if not found:
        return 0
    raw = cast("psycopg.Connection[Any]", connection.connection.driver_connection)
    many = len(found)
    values = [
        [priority] * many,
        [ENTRYPOINT + one.connector if one.connector in connectors else ELSE for one in found],
        [str(one.connection_id).encode() for one in found],
        [timedelta(0)] * many,
        [str(one.connection_id) for one in found],
        ["{}"] * many,
    ]
    sql = _QUERIES.build_enqueue_query("update_priority" if priority else "skip")
    return psycopg.RawCursor(raw).execute(sql, values).rowcount
