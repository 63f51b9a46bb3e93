"""A connection's turns: how a run begins and ends on it, and what keeps it from its next one."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from penstock.db.connections import ConnectionRow, as_row, connections
from penstock.db.leases import leases
from penstock.db.metadata import Instant
from penstock.db.prepared import Prepared
from penstock.db.runs import IMPORT, OF_OUR_OWN, RUNNING, runs
from penstock.domain.errors import NotFound
from penstock.domain.imported import FILES
from penstock.domain.outcome import Outcome
from penstock.domain.remedy import Remedy

_c = connections.c
_p = sa.bindparam


def request_sync(connection: sa.Connection, connection_id: int, *, now: datetime) -> None:
    """Note that somebody wants this connection synced now."""
    connection.execute(
        connections.update().where(connections.c.id == connection_id).values(sync_requested_at=now)
    )


@dataclass(frozen=True, slots=True)
class Turn:
    """A connection whose turn it may be. `left`: an earlier worker left a run of it running.

    `fence` is that of its lease, where nobody holds it.
    """

    connection: ConnectionRow
    left: bool
    fence: int | None


_LEFT: Final = (
    sa.select(sa.literal(1))
    .where(
        runs.c.connection_id == _c.id,
        runs.c.id > sa.func.coalesce(_c.last_run_id, 0),  # those before it were closed by it
        runs.c.outcome == RUNNING,
    )
    .exists()
)
_FENCE: Final = (
    sa.select(leases.c.fence)
    .where(leases.c.connection_id == _c.id, leases.c.holder.is_(None))
    .scalar_subquery()
)
_LOOK: Final = Prepared(sa.select(connections, _LEFT, _FENCE).where(_c.id == _p("this")))


def look(connection: sa.Connection, connection_id: int) -> Turn:
    """Return a connection as it stands. Raises NotFound."""
    found = _LOOK.row(connection, {"this": connection_id})
    if found is None:
        raise NotFound("There is no such connection.")
    *values, left, fence = found
    return Turn(as_row(values), bool(left), fence)


_BEGUN: Final[dict[str, object]] = {
    "starts": _p("more"),
    "parked_at": None,
    "queued_run_id": None,
    "queued_from_start": False,
}
_HOLD: Final = connections.select().where(_c.id == _p("this")).with_for_update(key_share=True)
_BEGIN: Final = connections.update().where(_c.id == _p("this")).values(_BEGUN)
_AS_IT_WAS: Final = ("starts", "paused_at", "parked_at", "queued_run_id", "queued_from_start")
_BEGIN_AS_SEEN: Final = Prepared(
    _BEGIN.where(*(_c[name].is_not_distinct_from(_p(f"was_{name}")) for name in _AS_IT_WAS))
)


def begin(connection: sa.Connection, seen: ConnectionRow) -> ConnectionRow:
    """Count a start, and return the connection as it was before it. Raises NotFound.

    Where it is as it was `seen`, one statement does it.
    """
    given = {"this": seen.id, "more": seen.starts + 1}
    was = {f"was_{name}": getattr(seen, name) for name in _AS_IT_WAS}
    if _BEGIN_AS_SEEN.write(connection, given | was) == 1:
        return seen
    found = connection.execute(_HOLD, given).one_or_none()
    if found is None:
        raise NotFound("There is no such connection.")
    row = as_row(found)
    connection.execute(_BEGIN, {"this": row.id, "more": row.starts + 1})
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
    """Let a connection rest until somebody asks for a sync of it: what was asked before is over."""
    rests = {"paused_at": now, "paused_reason": reason}
    rests |= {"sync_requested_at": None, "queued_run_id": None, "queued_from_start": False}
    connection.execute(connections.update().where(connections.c.id == connection_id).values(rests))


def resume(connection: sa.Connection, connection_id: int) -> None:
    """End a pause."""
    connection.execute(
        connections.update()
        .where(connections.c.id == connection_id)
        .values(paused_at=None, paused_reason=None)
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


_WAITS: Final = sa.or_(_c.sync_requested_at > _p("asked_before"), _c.queued_run_id.is_not(None))
_CLOSE: Final = Prepared(
    connections.update()
    .where(_c.id == _p("this"))
    .values(
        last_outcome=_p("outcome"),
        last_run_id=_p("run_id"),
        last_success_at=sa.func.coalesce(_p("succeeded_at", type_=Instant), _c.last_success_at),
        remedy_kind=_p("kind"),
        remedy_text=_p("text"),
        failures=_p("failed"),
        starts=0,
        parked_at=None,
        pace_seconds=sa.func.coalesce(_p("pace", type_=sa.Integer), _c.pace_seconds),
        next_sync_at=_p("next_at"),
        not_before=_p("bar"),
        sync_requested_at=sa.case((_WAITS, _c.sync_requested_at), else_=sa.null()),
    )
)


def close_run(
    connection: sa.Connection,
    connection_id: int,
    ending: Ending,
    *,
    now: datetime,
    asked_before: datetime,
) -> None:
    """Store how a run ended. A request made after `asked_before` was not served, and stays."""
    remedy, pace = ending.remedy, ending.pace
    told = {
        "outcome": ending.outcome,
        "run_id": ending.run_id,
        "succeeded_at": now if ending.success else None,
        "kind": remedy.kind if remedy else None,
        "text": remedy.text if remedy else None,
        "failed": ending.failures,
        "pace": int(pace.total_seconds()) if pace else None,
        "next_at": ending.next_sync_at,
        "bar": ending.not_before,
    }
    _CLOSE.write(connection, {"this": connection_id, "asked_before": asked_before, **told})


def go_back(connection: sa.Connection, connection_id: int) -> None:
    """Let a connection look as its runs say that were not undone: as if it was never read, if none.

    One that went well counts as a success no more where it had gone on from what was undone later:
    the rows that it took for known are not there.
    """
    r, u = runs.c, runs.alias("undone").c
    ended = (
        r.connection_id == connection_id,
        r.trigger.not_in(OF_OUR_OWN),
        r.outcome.in_(list(Outcome)),
        r.undone_at.is_(None),
    )
    went_on_from_it = (
        sa.select(sa.literal(1))
        .where(u.connection_id == connection_id, u.undone_at >= r.started_at, u.id < r.id)
        .where(u.trigger.not_in(OF_OUR_OWN))
        .exists()
    )
    newest = sa.select(r.id, r.outcome).where(*ended).order_by(r.id.desc()).limit(1)
    last = connection.execute(newest).one_or_none()
    well = sa.select(r.finished_at).where(*ended, r.outcome == Outcome.DONE, ~went_on_from_it)
    connection.execute(
        connections.update()
        .where(_c.id == connection_id)
        .values(
            last_run_id=last.id if last else None,
            last_outcome=last.outcome if last else None,
            last_success_at=well.order_by(r.id.desc()).limit(1).scalar_subquery(),
        )
    )


def note_import(connection: sa.Connection, connection_id: int) -> None:
    """Let a connection that is made of files be as old as the newest import that stands."""
    r = runs.c
    stands = (r.connection_id == connection_id, r.trigger == IMPORT, r.undone_at.is_(None))
    newest = sa.select(r.id, r.outcome, r.finished_at).where(*stands).order_by(r.id.desc())
    last = connection.execute(newest.limit(1)).one_or_none()
    connection.execute(
        connections.update()
        .where(_c.id == connection_id, _c.connector == FILES)
        .values(
            last_run_id=last.id if last else None,
            last_outcome=last.outcome if last else None,
            last_success_at=last.finished_at if last else None,
        )
    )
