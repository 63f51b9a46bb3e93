"""A run that asks no bank: what the person has us do with what is stored already.

It happens in one transaction, and takes the fence from nobody: while a sync is at work it is
refused.
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from penstock.db import connections, leases, runs
from penstock.db.connections import ConnectionRow
from penstock.db.runs import Tally
from penstock.domain import outcome
from penstock.domain.errors import Conflict, PenstockError
from penstock.domain.remedy import wait


class DryRun(PenstockError):
    """Nothing is to be kept: raised at the end, so that the transaction is rolled back."""

    def __init__(self, result: object) -> None:
        self.result = result
        super().__init__()


@dataclass(frozen=True, slots=True)
class Own:
    """A run of our own under way."""

    connection: ConnectionRow
    run_id: int


def begin(
    connection: sa.Connection, connection_id: int, *, owner_id: int, trigger: str, now: datetime
) -> Own:
    """Open such a run. Raises NotFound, and Conflict while a sync of the connection runs."""
    row = connections.get(connection, connection_id, owner_id=owner_id)
    _check_free(connection, connection_id, now)
    leases.hold(connection, connection_id)
    _check_free(connection, connection_id, now)  # a sync that began meanwhile shows only now
    leases.seize(connection, connection_id)
    runs.interrupt(connection, connection_id, now=now)
    run_id = runs.begin(
        connection,
        owner_id=owner_id,
        connection_id=connection_id,
        trigger=trigger,
        request_id=None,
        now=now,
    )
    return Own(row, run_id)


def _check_free(connection: sa.Connection, connection_id: int, now: datetime) -> None:
    if leases.is_held(connection, connection_id, now=now):
        raise Conflict(
            "A sync of this connection is running.", remedy=wait("Try again when it has ended.")
        )


def end(connection: sa.Connection, own: Own, tally: Tally, *, now: datetime) -> None:
    """Close it. How fresh the connection is does not change by it."""
    runs.finish(connection, own.run_id, tally, outcome.DONE, now=now)
