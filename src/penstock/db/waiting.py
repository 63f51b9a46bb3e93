"""Runs that somebody asked for and that no worker has begun: they have an id already.

Whoever takes the connection next carries out the waiting run instead of opening one of its own.
"""

from datetime import datetime
from typing import Final, NamedTuple

import sqlalchemy as sa

from penstock.db.connections import connections
from penstock.db.runs import INTERRUPTED, RUNNING, runs

QUEUED: Final = "queued"


def queue(
    connection: sa.Connection,
    connection_id: int,
    *,
    trigger: str,
    request_id: str | None,
    from_start: bool,
    now: datetime,
) -> int:
    """Ask for a run; return its number, or that of the one which waits already."""
    c = connections.c
    mine = c.id == connection_id
    # Written first: of two that ask at the same moment, the second sees what the first has done.
    known = connection.execute(
        connections.update()
        .where(mine)
        .values(
            sync_requested_at=now,
            queued_from_start=sa.true() if from_start else c.queued_from_start,
        )
        .returning(c.owner_id, c.queued_run_id)
    ).one()
    if known.queued_run_id is not None:
        return int(known.queued_run_id)
    values = {
        "owner_id": known.owner_id,
        "connection_id": connection_id,
        "trigger": trigger,
        "request_id": request_id,
        "started_at": now,
        "outcome": QUEUED,
    }
    run_id = connection.execute(runs.insert().values(values).returning(runs.c.id)).scalar_one()
    connection.execute(connections.update().where(mine).values(queued_run_id=run_id))
    return int(run_id)


class Cause(NamedTuple):
    """Why a run is: what wanted it, and on whose request."""

    trigger: str
    request_id: str | None


def adopt(connection: sa.Connection, run_id: int, *, now: datetime) -> Cause | None:
    """Begin a waiting run, as `runs.begin` would. None where it waits no more."""
    begun = connection.execute(
        runs.update()
        .where(runs.c.id == run_id, runs.c.outcome == QUEUED)
        .values(outcome=RUNNING, started_at=now)
        .returning(runs.c.trigger, runs.c.request_id)
    ).one_or_none()
    return Cause(*begun) if begun else None


def drop(connection: sa.Connection, connection_id: int, why: str, *, now: datetime) -> None:
    """Close what waits on a connection of which that is no longer to be carried out."""
    r = runs.c
    connection.execute(
        runs.update()
        .where(r.connection_id == connection_id, r.outcome == QUEUED)
        .values(outcome=INTERRUPTED, finished_at=now, message=why)
    )
