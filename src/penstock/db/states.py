"""What the stored state says of the whole installation: one query a question, no row of anybody.

Read at each scrape of `/metrics` (observe/states.py says what each figure is).
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa

from penstock.db import price_states
from penstock.db.accounts import accounts
from penstock.db.connections import connections
from penstock.db.leases import leases
from penstock.db.metadata import Instant
from penstock.db.quarantine import quarantine
from penstock.db.suggestions import suggestions
from penstock.db.tie_outs import tie_outs
from penstock.domain.clock import Clock
from penstock.domain.consent import WARNED_DAYS, ConsentState
from penstock.domain.imported import FILES
from penstock.domain.tieout import TieOutStatus

Values = list[tuple[tuple[str, ...], float]]

_DAY: Final = timedelta(days=1)
_LINKED: Final = connections.c.disconnected_at.is_(None)
_OPEN: Final = connections.c.consent.in_([ConsentState.ACTIVE, ConsentState.EXPIRING])


def read(connection: sa.Connection, *, now: Clock) -> dict[str, Values]:
    """Return every state by its name: values with their labels."""
    moment = now()
    return {
        **_of_connections(connection, moment),
        "connections": _counts(connection, _by_consent()),
        "syncs_running": _counts(connection, _running(moment)),
        "tie_outs": _counts(connection, _tied_out()),
        "tie_out_difference": _differences(connection),
        "quarantined_rows": _counts(connection, _quarantined()),
        "suggestions_open": _counts(connection, _suggested()),
        **price_states.read(connection, now=moment),
    }


def _of_connections(connection: sa.Connection, now: datetime) -> dict[str, Values]:
    """Read what one walk over the linked connections tells."""
    c = connections.c
    due = _is_due(now)
    since = sa.case((due, sa.func.coalesce(c.sync_requested_at, c.next_sync_at)))
    query = (
        sa.select(
            c.connector,
            _first(sa.func.coalesce(c.last_success_at, c.created_at)),
            _first(sa.case((_OPEN, c.consent_expires_at))),
            _first(since),
            _how_many(due),
            _how_many(c.failures > 0),
            _how_many(c.parked_at.is_not(None)),
            *(
                _how_many(sa.and_(_OPEN, c.consent_expires_at <= now + timedelta(days=days)))
                for days in WARNED_DAYS
            ),
        )
        .where(_LINKED)
        .group_by(c.connector)
    )
    found: dict[str, Values] = {
        name: []
        for name in (
            "freshness_age_seconds",
            "consent_days_left",
            "consents_ending",
            "sync_lag_seconds",
            "sync_due",
            "connections_failing",
            "connections_parked",
        )
    }
    for row in connection.execute(query):
        name, fresh, ends, waiting, due_now, failing, parked, *ending = row
        label = (name,)
        if name != FILES:  # nobody is asked for more than was imported
            found["freshness_age_seconds"].append((label, (now - fresh).total_seconds()))
        if ends is not None:
            found["consent_days_left"].append((label, (ends - now) / _DAY))
        steps = zip(WARNED_DAYS, ending, strict=True)
        found["consents_ending"] += [((name, f"{days}"), number) for days, number in steps]
        lag = (now - waiting).total_seconds() if waiting is not None else 0.0
        found["sync_lag_seconds"].append((label, max(lag, 0.0)))
        found["sync_due"].append((label, due_now))
        found["connections_failing"].append((label, failing))
        found["connections_parked"].append((label, parked))
    return found


def _is_due(now: datetime) -> sa.ColumnElement[bool]:
    """Tell connections that a worker should start now, as db/due.py chooses them."""
    c, held = connections.c, leases.c
    taken = sa.exists().where(held.connection_id == c.id, held.holder.is_not(None))
    return sa.and_(
        sa.or_(c.sync_requested_at.is_not(None), c.next_sync_at <= now, taken),
        _OPEN,
        sa.or_(c.not_before.is_(None), c.not_before <= now),
        c.paused_at.is_(None),
        c.parked_at.is_(None),
        ~taken.where(held.expires_at >= now),
    )


def _by_consent() -> sa.Select[Any]:
    c = connections.c
    return (
        sa.select(c.connector, c.consent, sa.func.count())
        .where(_LINKED)
        .group_by(c.connector, c.consent)
    )


def _running(now: datetime) -> sa.Select[Any]:
    held = leases.c
    return _per_connector(leases, sa.and_(held.holder.is_not(None), held.expires_at >= now))


def _tied_out() -> sa.Select[Any]:
    return _of_accounts(tie_outs, tie_outs.c.status)


def _differences(connection: sa.Connection) -> Values:
    """Add up the amounts of tie-outs that differ; 0 where none does, so that its end is seen."""
    t = tie_outs.c
    off = sa.case((t.status == TieOutStatus.DIFFERENCE, t.amount))
    sums: dict[tuple[str, ...], Decimal] = {}
    for name, currency, amount, number in connection.execute(
        _of_accounts(tie_outs, t.currency, off)
    ):
        sums.setdefault((name, currency), Decimal(0))
        sums[name, currency] += abs(amount or Decimal(0)) * number
    return [(labels, float(amount)) for labels, amount in sums.items()]


def _quarantined() -> sa.Select[Any]:
    return _per_connector(quarantine, quarantine.c.resolved_at.is_(None))


def _suggested() -> sa.Select[Any]:
    return _of_accounts(suggestions, suggestions.c.kind).where(suggestions.c.state == "open")


def _of_accounts(table: sa.Table, *kinds: sa.ColumnElement[Any]) -> sa.Select[Any]:
    """Count an account's rows of a table by connector and kinds."""
    c, a = connections.c, accounts.c
    return (
        sa.select(c.connector, *kinds, sa.func.count())
        .select_from(table)
        .join(accounts, a.id == table.c.account_id)
        .join(connections, c.id == a.connection_id)
        .where(_LINKED)
        .group_by(c.connector, *kinds)
    )


def _per_connector(table: sa.Table, what: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """Count, by connector, the rows of a table that are `what`; none is a count too."""
    c, t = connections.c, table.c
    return (
        sa.select(c.connector, sa.func.count(t.connection_id))
        .select_from(connections)
        .outerjoin(table, sa.and_(t.connection_id == c.id, what))
        .where(_LINKED)
        .group_by(c.connector)
    )


def _counts(connection: sa.Connection, query: sa.Select[Any]) -> Values:
    rows: Sequence[sa.Row[Any]] = connection.execute(query).all()
    return [(tuple(row[:-1]), float(row[-1])) for row in rows]


def _first(column: sa.ColumnElement[Any]) -> sa.ColumnElement[datetime]:
    return sa.type_coerce(sa.func.min(column), Instant)


def _how_many(condition: sa.ColumnElement[bool]) -> sa.ColumnElement[int]:
    return sa.func.sum(sa.case((condition, 1), else_=0))
