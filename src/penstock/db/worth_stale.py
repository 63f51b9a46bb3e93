"""From which day on what was worked out of somebody's worth may no longer be so.

What came since is looked for where it is written anyway: by the numbers of the change feed, by when
prices and rates were stored, by which runs were undone. Where it cannot be told how far back
something reaches, it reaches back to the beginning.
"""

from collections.abc import Collection, Iterator
from datetime import date, timedelta
from typing import Final

import sqlalchemy as sa

from penstock.db.accounts import accounts
from penstock.db.balances import balances
from penstock.db.connections import connections
from penstock.db.erasures import erasures
from penstock.db.holding_versions import holding_versions
from penstock.db.net_worth import Mark
from penstock.db.prices import prices
from penstock.db.rates import rates
from penstock.db.runs import runs
from penstock.db.securities import securities
from penstock.db.transactions import transactions
from penstock.domain.balance import BalanceKind

_REDATED: Final = timedelta(days=60)
"""So far from its new day may a row have been that was told again with another."""


def stale_since(
    connection: sa.Connection,
    mark: Mark,
    *,
    owner_id: int,
    instruments: Collection[str],
    currencies: Collection[str],
) -> date | None:
    """Return the first day that may have changed since `mark`; None: none has."""
    found = [
        *_by_deeds(connection, mark, owner_id),
        *_by_rows(connection, mark, owner_id),
        *_by_balances(connection, mark, owner_id),
        *_by_markets(connection, mark, instruments, currencies),
        *_by_positions(connection, mark, owner_id),
    ]
    return min(found, default=None)


def _by_deeds(connection: sa.Connection, mark: Mark, owner_id: int) -> Iterator[date]:
    """Accounts and securities that changed, erased rows, undone runs: all days."""
    changed = sa.exists().where(
        accounts.c.owner_id == owner_id, accounts.c.change_number > mark.change_number
    )
    erased = sa.exists().where(
        erasures.c.owner_id == owner_id, erasures.c.change_number > mark.change_number
    )
    undone = sa.exists().where(runs.c.owner_id == owner_id, runs.c.undone_at >= mark.computed_at)
    known = sa.exists().where(
        securities.c.owner_id == owner_id,
        sa.or_(
            securities.c.updated_at >= mark.computed_at, securities.c.merged_at >= mark.computed_at
        ),
    )
    if connection.execute(sa.select(sa.or_(changed, erased, undone, known))).scalar():
        yield date.min
    k = connections.c
    ended = sa.select(sa.func.min(k.disconnected_at)).where(
        k.owner_id == owner_id, k.disconnected_at >= mark.computed_at
    )
    moment = connection.execute(ended).scalar()
    if moment is not None:
        yield moment.date() - timedelta(days=1)


def _by_rows(connection: sa.Connection, mark: Mark, owner_id: int) -> Iterator[date]:
    """Rows that are new, or not what they were."""
    c = transactions.c
    touched = sa.and_(c.owner_id == owner_id, c.change_number > mark.change_number)
    new = c.created_at >= mark.computed_at
    query = (
        sa.select(c.account_id, new.label("new"), sa.func.min(c.dated_on).label("day"))
        .where(touched)
        .group_by(c.account_id, new)
    )
    for row in connection.execute(query).all():
        day = row.day if row.new else row.day - _REDATED
        first = connection.execute(_first_statement(row.account_id)).scalar()
        # Before the first balance every day is worked out backwards, through all rows.
        yield date.min if first is None or day <= first else day


def _first_statement(account_id: int) -> sa.Select[tuple[date]]:
    b = balances.c
    return sa.select(sa.func.min(b.as_of_on)).where(
        b.account_id == account_id, b.kind != BalanceKind.LIMIT
    )


def _by_balances(connection: sa.Connection, mark: Mark, owner_id: int) -> Iterator[date]:
    """Balances that are new: up to the one before, the days between are known better now."""
    b = balances.c
    query = (
        sa.select(b.account_id, sa.func.min(b.as_of_on).label("day"))
        .where(b.owner_id == owner_id, b.change_number > mark.change_number)
        .group_by(b.account_id)
    )
    for row in connection.execute(query).all():
        before = sa.select(sa.func.max(b.as_of_on)).where(
            b.account_id == row.account_id,
            b.change_number <= mark.change_number,
            b.as_of_on <= row.day,
        )
        yield connection.execute(before).scalar() or date.min


def _by_markets(
    connection: sa.Connection,
    mark: Mark,
    instruments: Collection[str],
    currencies: Collection[str],
) -> Iterator[date]:
    p, r = prices.c, rates.c
    late = sa.select(sa.func.min(p.day)).where(
        p.instrument.in_(list(instruments)), p.accepted_at >= mark.computed_at
    )
    set_since = sa.select(sa.func.min(r.day)).where(
        r.currency.in_(list(currencies)), r.stored_at >= mark.computed_at
    )
    for query in (late, set_since):
        day = connection.execute(query).scalar()
        if day is not None:
            yield day - timedelta(days=1)  # a day in one zone begins in another's day before


def _by_positions(connection: sa.Connection, mark: Mark, owner_id: int) -> Iterator[date]:
    """States of positions that later runs told; those of undone runs are among the deeds."""
    v = holding_versions.c
    later = sa.select(runs.c.id).where(
        runs.c.owner_id == owner_id,
        sa.or_(runs.c.finished_at.is_(None), runs.c.finished_at >= mark.computed_at),
    )
    query = sa.select(sa.func.min(v.day)).where(v.owner_id == owner_id, v.run_id.in_(later))
    day = connection.execute(query).scalar()
    if day is not None:
        yield day
