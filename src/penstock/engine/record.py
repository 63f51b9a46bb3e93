"""How a run is opened and closed: the lease, the run's record and the connection's next turn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from penstock.db import connections, leases, runs, waiting
from penstock.db.connections import ConnectionRow
from penstock.db.leases import Lease
from penstock.db.runs import Tally
from penstock.domain.clock import Clock
from penstock.domain.consent import ConsentState
from penstock.domain.errors import Conflict, LeaseLost
from penstock.domain.ids import public_id
from penstock.domain.limit import Limit
from penstock.domain.outcome import Ending, Outcome
from penstock.domain.remedy import Remedy, ask_person, fix_code
from penstock.domain.schedule import next_pace, syncs_a_day, when_next
from penstock.observe.log import get_logger

SCHEDULE: Final = "schedule"
"""The trigger of what was merely due: where another worker is at it, nothing is left to do."""
WARN_BEFORE: Final = timedelta(days=7)
"""How long before its end a consent counts as expiring."""
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
    """A run that has begun. `connection` is how it stood before."""

    connection: ConnectionRow
    lease: Lease
    run_id: int
    from_start: bool

    @property
    def suspect(self) -> bool:
        """Whether it may be this one that kills the process."""
        return self.connection.starts >= SUSPECT


@dataclass(frozen=True, slots=True)
class Closing:
    """A run that ends."""

    lease: Lease
    run_id: int
    ending: Ending
    tally: Tally
    began: datetime
    limits: Sequence[Limit] = ()


def open_run(connection: sa.Connection, opening: Opening) -> Opened | None:
    """Take the lease and open a run, or carry out the one that waits.

    None where another worker has the lease, where so many syncs of this provider are under way as
    may be, or where it is parked (or now is). Raises NotFound, and Conflict where the connection
    was disconnected.
    """
    row = connections.get(connection, opening.connection_id)
    by_itself = opening.trigger == SCHEDULE and row.queued_run_id is None
    if row.disconnected_at is not None:
        raise Conflict("This connection was disconnected: link the institution again.")
    if by_itself and (row.parked_at or (row.starts >= SUSPECT and not opening.suspects)):
        return None
    cap = opening.bounds.of(row.connector)
    if not leases.has_room(connection, row.id, connector=row.connector, cap=cap, now=opening.now):
        return None
    lease = leases.take(
        connection,
        row.id,
        holder=opening.holder,
        now=opening.now,
        until=opening.until,
        wanted=opening.trigger != SCHEDULE,
    )
    if lease is None:
        return None
    row = connections.begin(connection, row.id)
    if row.paused_at is not None and not by_itself:
        connections.resume(connection, row.id)
    if by_itself and row.starts >= opening.bounds.most_starts:
        _park(connection, row, lease, opening.now)
        return None
    return Opened(
        row, lease, _run(connection, row, opening), opening.from_start or row.queued_from_start
    )


def _run(connection: sa.Connection, row: ConnectionRow, opening: Opening) -> int:
    """Begin the run that waits, or a new one."""
    queued = row.queued_run_id
    if queued is not None and waiting.adopt(connection, queued, row.id, now=opening.now):
        return queued
    return runs.start(
        connection,
        owner_id=row.owner_id,
        connection_id=row.id,
        trigger=opening.trigger,
        request_id=opening.request_id,
        now=opening.now,
    )


def _park(connection: sa.Connection, row: ConnectionRow, lease: Lease, now: datetime) -> None:
    """Start it no more by itself: each time the process died with it."""
    told = fix_code(
        f"Its sync was begun {row.starts} times, and each time the program died before it ended. "
        "Look into the program's log for why; then `penstock sync ID` starts it again."
    )
    runs.interrupt(connection, row.id, now=now)
    connections.park(connection, row.id, told, now=now)
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


def close(
    connection: sa.Connection, closing: Closing, *, every: timedelta, chance: float, now: datetime
) -> bool:
    """Record how a run ended and give the lease back; return whether it was asked for once more.

    Where the lease was lost meanwhile, only the run's own record is closed: the connection
    belongs to the other worker now. What was asked for meanwhile is due at once, as a fact in the
    database: a crash right after this forgets nothing.
    """
    ending = closing.ending
    ours = _lock(connection, closing.lease)  # always the first lock
    if not ours:
        _end_run(connection, closing, ending, now)
        return False
    row = connections.get(connection, closing.lease.connection_id)
    success = ending.outcome is Outcome.DONE
    consent, remedy = _consent(row, ending, now)
    if consent is not row.consent and row.disconnected_at is None:
        connections.set_consent(connection, row.id, consent)
    failures = 0 if success else row.failures + _failed(closing)
    pace = _pace(row, closing, every) if success else None
    due = when_next(ending, now=now, every=pace or every, failures=failures, chance=chance)
    if ending.outcome is Outcome.NOT_READY:
        ending = replace(ending, until=due.next_sync_at)
    _end_run(connection, closing, ending, now)
    connections.close_run(
        connection,
        row.id,
        connections.Ending(
            run_id=closing.run_id,
            outcome=ending.outcome,
            success=success,
            failures=failures,
            remedy=remedy,
            next_sync_at=due.next_sync_at if row.disconnected_at is None else None,
            not_before=due.not_before,
            pace=pace,
        ),
        now=now,
        asked_before=closing.began,
    )
    again = leases.release(connection, closing.lease) and success
    if again:
        connections.request_sync(connection, row.id, now=now)
    return again


def _end_run(connection: sa.Connection, closing: Closing, ending: Ending, now: datetime) -> None:
    runs.record(connection, closing.run_id, closing.tally)
    runs.finish(connection, closing.run_id, ending, now=now)


def _pace(row: ConnectionRow, closing: Closing, every: timedelta) -> timedelta:
    """Return how long this connection may now grow old, going by what the run brought."""
    tally = closing.tally
    brought = tally.inserted + tally.changed + tally.removed + tally.paired > 0
    known = None if row.pace_seconds is None else timedelta(seconds=row.pace_seconds)
    daily = syncs_a_day(closing.limits, tally.requests)
    return next_pace(known, every=every, brought=brought, daily=daily)


def _lock(connection: sa.Connection, lease: Lease) -> bool:
    try:
        leases.lock(connection, lease)
    except LeaseLost:
        return False
    return True


def _failed(closing: Closing) -> bool:
    """Say whether a run that was no success counts: one that kept the bank's bar did not ask it."""
    return closing.ending.outcome is not Outcome.THROTTLED or closing.tally.requests > 0


def _consent(
    row: ConnectionRow, ending: Ending, now: datetime
) -> tuple[ConsentState, Remedy | None]:
    """Where the consent stands after this run, and what the person should be told."""
    if ending.outcome is Outcome.CONSENT:
        return ending.consent or ConsentState.LOGIN_REQUIRED, ending.remedy
    if ending.outcome is not Outcome.DONE:
        return row.consent, ending.remedy
    ends = row.consent_expires_at
    near = ends is not None and ends - now <= WARN_BEFORE
    if not near and ending.consent is not ConsentState.EXPIRING:
        return ConsentState.ACTIVE, None
    when = f"on {ends:%Y-%m-%d}" if near else "soon"
    return ConsentState.EXPIRING, ask_person(
        f"The consent ends {when}. Renew it before: `penstock connect NAME --renew ID`."
    )
