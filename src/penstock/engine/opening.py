"""How a run is opened: where the provider's cap leaves room, under a lease, with its record."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from penstock.db import hooks, leases, runs, turns, waiting
from penstock.db.connections import ConnectionRow
from penstock.db.leases import Lease
from penstock.db.turns import Turn
from penstock.db.waiting import Cause
from penstock.domain.clock import Clock
from penstock.domain.errors import Conflict
from penstock.domain.ids import public_id
from penstock.domain.imported import FILES
from penstock.domain.remedy import ask_person, fix_code
from penstock.engine.known import Known, read_known
from penstock.observe.log import get_logger

SCHEDULE: Final = "schedule"
"""The trigger of what was merely due: where another worker is at it, nothing is left to do."""
HOOK: Final = "hook"
"""The trigger of what the provider itself said was worth a look (sync.md 28)."""
SUSPECT: Final = 2
"""So many starts in a row without an ending, and a connection is started only beside no other
such: what kills the process is then found alone, and takes nobody with it a third time."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Bounds:
    """How many syncs of a connector may run everywhere together, and when one is given up.

    `caps` are by connector, `cap` is for those that are not named. After `most_starts` starts
    without an ending a connection is parked.
    """

    caps: Mapping[str, int] = field(default_factory=dict)
    cap: int = 8
    most_starts: int = 5

    def of(self, connector: str) -> int:
        """Return how many syncs of a connector may run at the same time."""
        return self.caps.get(connector, self.cap)

    def room(self, connector: str, live: int) -> int:
        """Return how many more may begin beside those that are under way."""
        return self.of(connector) - live


@dataclass(frozen=True, slots=True)
class Opening:
    """A run that wants to begin: who holds it until when, why, and on whose request."""

    connection_id: int
    holder: str
    trigger: str
    request_id: str | None
    from_start: bool
    now: datetime
    until: datetime
    bounds: Bounds
    suspects: bool = True


@dataclass(frozen=True, slots=True)
class Opened:
    """A run that has begun, whose wish it was, and what it has to know.

    `connection` is how it stood before.
    """

    connection: ConnectionRow
    lease: Lease
    run_id: int
    cause: Cause
    from_start: bool
    known: Known

    @property
    def suspect(self) -> bool:
        """Whether it may be this one that kills the process."""
        return self.connection.starts >= SUSPECT


def open_run(connection: sa.Connection, opening: Opening) -> Opened | None:
    """Take the lease and open a run, or carry out the one that waits.

    None where another worker has the lease, where so many syncs of this provider are under way as
    may be, or where it is paused or parked (or now is). Raises NotFound, and Conflict where the
    connection was disconnected.
    """
    turn = _look(connection, opening)
    if turn is None:
        return None
    row = turn.connection
    known = read_known(connection, row.id)  # now: whoever looks at the cap has others wait
    if not leases.has_room(
        connection,
        row.id,
        connector=row.connector,
        cap=opening.bounds.of(row.connector),
        now=opening.now,
        may_be_lost=_by_itself(row, opening),
    ):
        return None
    lease = _take(connection, opening)
    if lease is None:
        return None
    if turn.fence is None or lease.fence != turn.fence + 1:  # somebody had it since we looked
        turn = _look(connection, opening)
        if turn is None:
            leases.release(connection, lease)
            return None
        known = read_known(connection, row.id)
    row = turns.begin(connection, turn.connection)
    _leave_behind(connection, turn, row, opening)
    if _by_itself(row, opening) and row.starts >= opening.bounds.most_starts:
        _park(connection, row, lease, opening.now)
        return None
    run_id, cause = _run(connection, row, opening)
    from_start = opening.from_start or row.queued_from_start
    return Opened(row, lease, run_id, cause, from_start, known)


def _look(connection: sa.Connection, opening: Opening) -> Turn | None:
    """Return the connection as it stands; None where it rests, and nobody wants a run.

    Raises NotFound and Conflict.
    """
    turn = turns.look(connection, opening.connection_id)
    row = turn.connection
    check_asks_a_bank(row)
    suspect = row.starts >= SUSPECT and not opening.suspects
    rests = _by_itself(row, opening) and (row.paused_at or row.parked_at or suspect)
    return None if rests else turn


def _by_itself(row: ConnectionRow, opening: Opening) -> bool:
    return opening.trigger == SCHEDULE and row.queued_run_id is None


def _leave_behind(
    connection: sa.Connection, turn: Turn, row: ConnectionRow, opening: Opening
) -> None:
    """End the pause that somebody's wish ends, and the run that a worker left running."""
    if row.paused_at is not None and not _by_itself(row, opening):
        turns.resume(connection, row.id)
    if turn.left:
        runs.interrupt(connection, row.id, now=opening.now)


def check_asks_a_bank(row: ConnectionRow) -> None:
    """Raise Conflict for a connection that was disconnected, or is made of files."""
    if row.disconnected_at is not None:
        raise Conflict("This connection was disconnected: link the institution again.")
    if row.connector == FILES:
        raise Conflict(
            "This connection is made of files: there is no bank to ask.",
            remedy=ask_person("Import the next file: `penstock import FILE`."),
        )


def _take(connection: sa.Connection, opening: Opening) -> Lease | None:
    """Take the lease, or have whoever holds it know that one more sync is wanted."""
    number, wanted = opening.connection_id, opening.trigger != SCHEDULE
    lease = leases.take(
        connection,
        number,
        holder=opening.holder,
        now=opening.now,
        until=opening.until,
        wanted=wanted,
    )
    if lease is None and wanted and not leases.is_dirty(connection, number):
        turns.request_sync(connection, number, now=opening.now)  # a commit holds the lease's row
    return lease


def _run(connection: sa.Connection, row: ConnectionRow, opening: Opening) -> tuple[int, Cause]:
    """Begin the run that waits, with the cause that it has, or a new one."""
    queued = row.queued_run_id
    if queued is not None:
        cause = waiting.adopt(connection, queued, now=opening.now)
        if cause is not None:
            return queued, cause
    cause = Cause(_trigger(connection, row, opening), opening.request_id)
    run_id = runs.begin(
        connection,
        owner_id=row.owner_id,
        connection_id=row.id,
        trigger=cause.trigger,
        request_id=cause.request_id,
        now=opening.now,
    )
    return run_id, cause


def _trigger(connection: sa.Connection, row: ConnectionRow, opening: Opening) -> str:
    """Return what wanted the run: what is due because a webhook came is told apart."""
    asked_at = row.sync_requested_at
    if opening.trigger == SCHEDULE and asked_at is not None:
        hooked = hooks.asked_for_it(connection, row.id, at=asked_at)
        return HOOK if hooked else SCHEDULE
    return opening.trigger


def _park(connection: sa.Connection, row: ConnectionRow, lease: Lease, now: datetime) -> None:
    """Start it no more by itself: each time the process died with it."""
    told = fix_code(
        f"Its sync was begun {row.starts} times, and each time the program died before it ended. "
        "Look into the program's log for why; then `penstock sync ID` starts it again."
    )
    turns.park(connection, row.id, told, now=now)
    leases.release(connection, lease)
    log.error("sync.parked", connection=public_id("con", row.id), starts=row.starts)


def beat(
    connection: sa.Connection,
    lease: Lease,
    *,
    connector: str,
    cap: int,
    clock: Clock,
    lease_time: timedelta,
) -> bool:
    """Keep a lease alive. False where it is no longer ours.

    One that ran out long ago is no longer counted, and another sync may have begun in its place:
    it is taken up again only where the provider's cap leaves room.
    """
    now = clock()  # asked here, not before the wait for a free lane
    until = now + lease_time
    if leases.counts_no_more(connection, lease, now=now):
        if not leases.has_room(
            connection, lease.connection_id, connector=connector, cap=cap, now=now
        ):
            return False
        leases.revive(connection, lease, until=until)
    return leases.extend(connection, lease, now=now, until=until)


def find_running(connection: sa.Connection, connection_id: int, *, now: datetime) -> int | None:
    """Return the run that is under way on this connection, unless its worker is dead."""
    if not leases.is_held(connection, connection_id, now=now):
        return None
    return runs.find_running(connection, connection_id)
