"""How fresh the prices of what is held are, for all together: no instrument is named."""

from datetime import datetime

import sqlalchemy as sa

from penstock.db.metadata import Instant
from penstock.db.price_claims import is_due, may_be_asked
from penstock.db.price_turns import RATES, price_turns

_c = price_turns.c

Values = list[tuple[tuple[str, ...], float]]


def read(connection: sa.Connection, *, now: datetime) -> dict[str, Values]:
    """Return every state by its name (observe/states.py)."""
    waiting = sa.and_(may_be_asked(now), is_due(now, wanted=False))
    since = sa.func.coalesce(_c.wanted_at, _c.due_at)
    query = sa.select(
        sa.func.count(),
        sa.func.count(sa.case((waiting, 1))),
        sa.type_coerce(sa.func.min(sa.case((waiting, since))), Instant),
        sa.type_coerce(sa.func.min(_c.price_as_of), Instant),
    ).where(_c.instrument != RATES)
    known, due, first, oldest = connection.execute(query).one()
    codes = (
        sa.select(_c.last_code, sa.func.count())
        .where(_c.last_code.is_not(None))
        .group_by(_c.last_code)
    )
    return {
        "prices_due": [((), float(due))] if known else [],
        "price_lag_seconds": [((), _age(first, now))] if known else [],
        "held_price_age_seconds": _oldest(oldest, now),
        "prices_failing": [((row[0],), float(row[1])) for row in connection.execute(codes)],
    }


def _oldest(as_of: datetime | None, now: datetime) -> Values:
    return [] if as_of is None else [((), _age(as_of, now))]


def _age(since: datetime | None, now: datetime) -> float:
    return 0.0 if since is None else max((now - since).total_seconds(), 0.0)
