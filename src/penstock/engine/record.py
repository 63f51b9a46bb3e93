"""How a run is opened and closed: the lease, the run's record and the connection's next turn."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from penstock.db import connections, leases, runs
from penstock.db.connections import ConnectionRow
from penstock.db.leases import Lease
from penstock.db.runs import Tally
from penstock.domain.consent import ConsentState
from penstock.domain.errors import Conflict
from penstock.domain.outcome import Ending, Outcome
from penstock.domain.remedy import Remedy, ask_person
from penstock.domain.schedule import when_next

SCHEDULE: Final = "schedule"
"""The trigger of what was merely due: where another worker is at it, nothing is left to do."""
WARN_BEFORE: Final = timedelta(days=7)
"""How long before its end a consent counts as expiring."""


@dataclass(frozen=True, slots=True)
class Opening:
    """A run that wants to begin: who holds it until when, why, and on whose request."""

    connection_id: int
    holder: str
    trigger: str
    request_id: str | None
    now: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Closing:
    """A run that ends."""

    lease: Lease
    run_id: int
    ending: Ending
    tally: Tally
    began: datetime


def open_run(
    connection: sa.Connection, opening: Opening
) -> tuple[ConnectionRow, Lease, int] | None:
    """Take the lease and open a run, or return None where another worker has the lease.

    Raises NotFound, and Conflict where the connection was disconnected.
    """
    row = connections.get(connection, opening.connection_id)
    if row.disconnected_at is not None:
        raise Conflict("This connection was disconnected: link the institution again.")
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
    run_id = runs.start(
        connection,
        owner_id=row.owner_id,
        connection_id=row.id,
        trigger=opening.trigger,
        request_id=opening.request_id,
        now=opening.now,
    )
    return row, lease, run_id


def close(
    connection: sa.Connection, closing: Closing, *, every: timedelta, chance: float, now: datetime
) -> bool:
    """Record how a run ended and give the lease back; return whether it was asked for once more.

    Where the lease was lost meanwhile, only the run's own record is closed: the connection
    belongs to the other worker now. What was asked for meanwhile is due at once, as a fact in the
    database: a crash right after this forgets nothing.
    """
    ending = closing.ending
    ours = leases.extend(connection, closing.lease, until=now)  # the lease is always locked first
    runs.record(connection, closing.run_id, closing.tally)
    runs.finish(connection, closing.run_id, ending, now=now)
    if not ours:
        return False
    row = connections.get(connection, closing.lease.connection_id)
    success = ending.outcome is Outcome.DONE
    consent, remedy = _consent(row, ending, now)
    if consent is not row.consent and row.disconnected_at is None:
        connections.set_consent(connection, row.id, consent)
    failures = 0 if success else row.failures + _failed(closing)
    due = when_next(ending, now=now, every=every, failures=failures, chance=chance)
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
        ),
        now=now,
        asked_before=closing.began,
    )
    again = leases.release(connection, closing.lease) and success
    if again:
        connections.request_sync(connection, row.id, now=now)
    return again


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
