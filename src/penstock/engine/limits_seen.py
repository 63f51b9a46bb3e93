"""The budgets and breakers as they stand now, for metrics."""

from typing import Final

import sqlalchemy as sa

from penstock.db import breakers, budgets
from penstock.db.breakers import QUOTES
from penstock.domain.breaker import BreakerState
from penstock.domain.budget import left
from penstock.domain.clock import Clock
from penstock.observe.limits_seen import LimitsSeen

_NUMBERS: Final = {BreakerState.CLOSED: 0, BreakerState.HALF_OPEN: 1, BreakerState.OPEN: 2}


def limits_seen(connection: sa.Connection, *, clock: Clock) -> LimitsSeen:
    """Return what is left, by scope, of quotas in use, and the state of what is not well."""
    now = clock()
    calls_left: dict[tuple[str, str], int] = {}
    for row in budgets.busy(connection, now=now):
        known = left(row.limit, row.standing, now)
        # Of prices, each source has a quota of its own.
        named = f"{QUOTES}/{row.endpoint}" if row.connector == QUOTES else row.connector
        labels = (named, row.scope.value)
        if known is not None:
            calls_left[labels] = min(known, calls_left.get(labels, known))
    states = {
        (row.connector, row.institution): _NUMBERS[row.breaker.state(now)]
        for row in breakers.unwell(connection)
    }
    return LimitsSeen(calls_left, states)
