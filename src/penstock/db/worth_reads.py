"""What a person's worth is worked out from: accounts, what stood on them, and what they held."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from penstock.db import balances as stored
from penstock.db.accounts import accounts
from penstock.db.balances import balances
from penstock.db.connections import connections
from penstock.db.holding_versions import holding_versions
from penstock.db.holdings import holdings
from penstock.db.own_prices import own_prices
from penstock.db.runs import runs
from penstock.db.transactions import transactions
from penstock.domain.balance import BalanceKind
from penstock.domain.currency import NO_CURRENCY

COUNTED: Final = (BalanceKind.CURRENT, BalanceKind.AVAILABLE)
_a: Final = accounts.c
_b: Final = balances.c
_k: Final = connections.c


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account, and what its connection says of it."""

    id: int
    connection_id: int
    external_id: str
    identity_hash: str | None
    name: str
    label: str | None
    type: str
    currency: str
    mask: str | None
    active: bool
    hidden: bool
    start_on: date | None
    connector: str
    institution_id: str | None
    institution_name: str | None
    connection_label: str | None
    disconnected_at: datetime | None
    last_success_at: datetime | None


class Stated(NamedTuple):
    """A balance that an institution stated."""

    account_id: int
    kind: BalanceKind
    currency: str
    amount: Decimal
    as_of: datetime
    day: date
    heard_at: datetime


_NAMES: Final = (
    "id connection_id external_id identity_hash name label type currency mask active hidden "
    "start_on"
)
_OF_ACCOUNT: Final[list[sa.Column[Any]]] = [_a[name] for name in _NAMES.split()]
_OF_CONNECTION: Final[list[sa.Column[Any]]] = [
    _k.connector,
    _k.institution_id,
    _k.institution_name,
    _k.label,
    _k.disconnected_at,
    _k.last_success_at,
]


def accounts_of(connection: sa.Connection, *, owner_id: int) -> list[AccountRow]:
    """Return all accounts of a person, hidden ones and closed ones too."""
    query = (
        sa.select(*_OF_ACCOUNT, *_OF_CONNECTION)
        .join_from(accounts, connections, _k.id == _a.connection_id)
        .where(_a.owner_id == owner_id)
        .order_by(_a.id)
    )
    return [AccountRow(*row) for row in connection.execute(query)]


def balances_of(connection: sa.Connection, account: AccountRow, *, first: date) -> Iterator[Stated]:
    """Yield an account's balances from the day `first` on, and of each kind the last one before.

    The oldest first. What an undone run heard is left out.
    """
    for currency in {account.currency, *stored.currencies(connection, account.id)}:
        for kind in COUNTED:
            told = _stated().where(
                _b.account_id == account.id, _b.kind == kind, _b.currency == currency
            )
            before = told.where(_b.as_of_on < first)
            before = before.order_by(_b.as_of.desc(), _b.id.desc()).limit(1)
            since = told.where(_b.as_of_on >= first).order_by(_b.as_of, _b.id)
            for row in [*connection.execute(before), *connection.execute(since)]:
                yield Stated(row[0], BalanceKind(row[1]), *row[2:])


def _stated() -> sa.Select[Any]:
    columns = (_b.account_id, _b.kind, _b.currency, _b.amount, _b.as_of, _b.as_of_on)
    undone = sa.exists().where(runs.c.id == _b.run_id, runs.c.undone_at.is_not(None))
    return sa.select(*columns, _b.observed_at).where(~undone)


def first_rows(connection: sa.Connection, account_id: int) -> date | None:
    """Return the day of an account's first posted row: before it, nothing is known to move."""
    c = transactions.c
    posted = sa.and_(c.account_id == account_id, c.status == "posted", c.removed_at.is_(None))
    query = sa.select(c.dated_on).where(posted).order_by(c.dated_on).limit(1)
    return connection.execute(query).scalar()


def opening_day(connection: sa.Connection, account_id: int, currency: str) -> date | None:
    """Return since when the institution lists all of an account's rows, where it says so."""
    opening = sa.and_(
        _b.account_id == account_id, _b.kind == BalanceKind.OPENING, _b.currency == currency
    )
    return connection.execute(sa.select(sa.func.min(_b.as_of_on)).where(opening)).scalar()


class HeldRow(NamedTuple):
    """A position, as it was stated last; `counted_on`: the day from which on that is so."""

    id: int
    account_id: int
    security_id: int | None
    name: str
    symbol: str | None
    type: str
    quantity: Decimal
    price: Decimal | None
    value: Decimal | None
    cost_basis: Decimal | None
    currency: str
    as_of: datetime
    ended_at: datetime | None
    counted_on: date | None


def held_of(connection: sa.Connection, *, owner_id: int) -> list[HeldRow]:
    """Return every position of a person, also those that have ended."""
    columns = [holdings.c[name] for name in HeldRow._fields if name != "counted_on"]
    v = holding_versions.c
    days = sa.select(v.day).where(v.holding_id == holdings.c.id)
    last = days.order_by(v.day.desc(), v.id.desc()).limit(1).scalar_subquery()
    query: sa.Select[Any] = sa.select(*columns, last)
    query = query.where(holdings.c.owner_id == owner_id)
    return [HeldRow(*row) for row in connection.execute(query.order_by(holdings.c.id))]


def first_held(connection: sa.Connection, *, owner_id: int) -> dict[int, date]:
    """Return since when it is known what an account holds, by its number."""
    v, h = holding_versions.c, holdings.c
    query = (
        sa.select(h.account_id, sa.func.min(v.day))
        .join_from(holding_versions, holdings, h.id == v.holding_id)
        .where(v.owner_id == owner_id)
        .group_by(h.account_id)
    )
    return {row[0]: row[1] for row in connection.execute(query)}


def currencies_of(connection: sa.Connection, *, owner_id: int) -> set[str]:
    """Return every currency in which a person's balances or own prices are."""
    query = sa.select(own_prices.c.currency).where(own_prices.c.owner_id == owner_id)
    found = {*connection.execute(query.distinct()).scalars()}
    for row in accounts_of(connection, owner_id=owner_id):
        found |= {row.currency, *stored.currencies(connection, row.id)}
    return found


def commonest_currency(connection: sa.Connection, *, owner_id: int) -> str | None:
    """Return the currency of most of a person's accounts; None where they have none."""
    query = (
        sa.select(_a.currency)
        .where(_a.owner_id == owner_id, _a.currency != NO_CURRENCY)
        .group_by(_a.currency)
        .order_by(sa.func.count().desc(), _a.currency)
        .limit(1)
    )
    return connection.execute(query).scalar()
