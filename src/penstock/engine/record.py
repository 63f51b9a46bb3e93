"""How a run is closed: its record, the connection's next turn, and the lease given back."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from penstock.db import connections, leases, runs, turns
from penstock.db.connections import ConnectionRow
from penstock.db.leases import Lease
from penstock.db.runs import Tally
from penstock.domain.consent import ConsentState, warned
from penstock.domain.errors import LeaseLost
from penstock.domain.limit import Limit
from penstock.domain.outcome import Ending, Outcome
from penstock.domain.remedy import Remedy, ask_person
from penstock.domain.schedule import is_shared, next_pace, not_oftener, syncs_a_day, when_next


@dataclass(frozen=True, slots=True)
class Closing:
    """A run that ends."""

    lease: Lease
    run_id: int
    ending: Ending
    tally: Tally
    began: datetime
    limits: Sequence[Limit] = ()


@dataclass(frozen=True, slots=True)
class Schedule:
    """How long a connection may grow old as a rule, and by what `chance` (0 to 1) it is spread."""

    every: timedelta
    chance: float


def close(
    connection: sa.Connection, closing: Closing, *, every: timedelta, chance: float, now: datetime
) -> bool:
    """Record how a run ended and give the lease back; return whether it was asked for once more.

    Where the lease was lost meanwhile, only the run's own record is closed: the connection
    belongs to the other worker now. What was asked for meanwhile is due at once, as a fact in the
    database: a crash right after this forgets nothing.
    """
    try:
        dirty = leases.lock(connection, closing.lease)  # always the first lock
    except LeaseLost:
        runs.finish(connection, closing.run_id, closing.tally, closing.ending, now=now)
        return False
    row = connections.get(connection, closing.lease.connection_id)
    return close_held(connection, row, closing, Schedule(every, chance), dirty=dirty, now=now)


def close_held(
    connection: sa.Connection,
    row: ConnectionRow,
    closing: Closing,
    schedule: Schedule,
    *,
    dirty: bool,
    now: datetime,
) -> bool:
    """Do the same for whoever has locked the lease, and knows the connection as it stands."""
    ending = closing.ending
    success = ending.outcome is Outcome.DONE
    consent, remedy = _consent(row, ending, now)
    if consent is not row.consent and row.disconnected_at is None:
        connections.set_consent(connection, row.id, consent)
    failures = 0 if success else row.failures + _failed(closing)
    daily = _daily(connection, row, closing)
    pace = _pace(row, closing, schedule.every, daily, now) if success else None
    every = pace or not_oftener(schedule.every, daily)
    due = when_next(ending, now=now, every=every, failures=failures, chance=schedule.chance)
    if ending.outcome is Outcome.NOT_READY:
        ending = replace(ending, until=due.next_sync_at)
    runs.finish(connection, closing.run_id, closing.tally, ending, now=now)
    turns.close_run(
        connection,
        row.id,
        turns.Ending(
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
    leases.give_back(connection, closing.lease)
    again = dirty and success
    if again:
        turns.request_sync(connection, row.id, now=now)
    return again


def _daily(connection: sa.Connection, row: ConnectionRow, closing: Closing) -> int | None:
    """Return how many syncs a day the bank allows this connection."""
    limits, sharing = closing.limits, 1
    if any(map(is_shared, limits)):
        sharing = connections.count_open(connection, row.connector)
    return syncs_a_day(limits, closing.tally.requests, sharing)


def _pace(
    row: ConnectionRow, closing: Closing, every: timedelta, daily: int | None, now: datetime
) -> timedelta:
    """Return how long this connection may now grow old, going by what the run brought."""
    tally = closing.tally
    brought = tally.inserted + tally.changed + tally.removed + tally.paired + tally.linked > 0
    known = None if row.pace_seconds is None else timedelta(seconds=row.pace_seconds)
    since = now - row.last_success_at if row.last_success_at else None
    return next_pace(known, every=every, brought=brought, daily=daily, since=since)


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
    near = warned(ends, now) is not None
    if not near and ending.consent is not ConsentState.EXPIRING:
        return ConsentState.ACTIVE, None
    when = f"on {ends:%Y-%m-%d}" if near else "soon"
    return ConsentState.EXPIRING, ask_person(
        f"The consent ends {when}. Renew it before: `penstock connect NAME --renew ID`."
    )
