"""What is spent of each budget, for all processes together, kept over restarts (sync.md 23).

A row is held from the moment it is read until the commit, and rows are taken in one order, so that
two processes neither spend the same call nor wait for each other.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from penstock.db.accounts import accounts
from penstock.db.connections import connections
from penstock.db.metadata import Id, Instant, metadata
from penstock.domain.budget import UNTOUCHED, Spent, Standing, Use, quiet_at
from penstock.domain.limit import Limit, Scope

budgets = sa.Table(
    "budgets",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("connector", sa.Text, nullable=False),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("connection_id", Id, sa.ForeignKey("connections.id", ondelete="CASCADE")),
    sa.Column("account", sa.Text, nullable=False),
    sa.Column("endpoint", sa.Text, nullable=False),
    sa.Column("calls", sa.BigInteger),
    sa.Column("window_ms", sa.BigInteger),
    sa.Column("spaced", sa.Boolean, nullable=False),
    sa.Column("next_at", Instant),
    sa.Column("spent", sa.Text, nullable=False),
    sa.Column("told_limit", sa.BigInteger),
    sa.Column("told_left", sa.BigInteger),
    sa.Column("told_until", Instant),
    sa.Column("changed_at", Instant, nullable=False),
    sa.Column("quiet_at", Instant, nullable=False),
    sa.Index("ix_budgets_connection", "connection_id"),
    sa.Index(
        "ix_budgets_told",
        "connector",
        sqlite_where=sa.text("calls IS NULL"),
        postgresql_where=sa.text("calls IS NULL"),
    ),
)
"""`calls` and `window_ms` are the limit when it was last spent of; null where none was declared.

After `quiet_at` the row says no more than no row would. No index has what changes with every call:
so PostgreSQL writes the row in place.
"""

_c = budgets.c
_STANDING: Final = (_c.next_at, _c.spent, _c.told_limit, _c.told_left, _c.told_until)
_KEPT: Final = timedelta(days=1)

PLACES: Final = "places#"
"""Keys with this in front are of places at a host, which are held for a moment only."""


def _shown(now: datetime) -> sa.ColumnElement[bool]:
    """Return the rule of what is worth looking at: of places, whether their host is closed."""
    return sa.or_(sa.not_(_c.key.startswith(PLACES, autoescape=True)), _c.told_until > now)


@dataclass(frozen=True, slots=True)
class BudgetRow:
    """A budget as it is stored."""

    key: str
    connector: str
    scope: Scope
    connection_id: int | None
    account: str
    endpoint: str
    calls: int | None
    window_ms: int | None
    spaced: bool
    standing: Standing

    @property
    def limit(self) -> Limit | None:
        """The limit when it was last spent of. A reset's time is not kept: it counts a full day.

        Places have none to look at: there only what the host said counts.
        """
        if self.calls is None or self.window_ms is None or self.key.startswith(PLACES):
            return None
        window = timedelta(milliseconds=self.window_ms)
        return Limit(self.scope, self.calls, window, self.spaced, self.endpoint)


def lock(connection: sa.Connection, uses: Sequence[Use], *, now: datetime) -> dict[str, Standing]:
    """Return the standing of these budgets by key, and hold them until the commit."""
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert
    found = {}
    for use in sorted({use.key: use for use in uses}.values(), key=lambda one: one.key):
        blank = insert(budgets).values(**_declared(use), spent="[]", changed_at=now, quiet_at=now)
        held = connection.execute(
            blank.on_conflict_do_update(
                index_elements=[_c.key], set_={"changed_at": _c.changed_at}
            ).returning(*_STANDING)
        ).one()
        found[use.key] = _standing(held[:])
    return found


def save(connection: sa.Connection, use: Use, standing: Standing, *, now: datetime) -> None:
    """Store what is left of a budget that is held."""
    values = _declared(use)
    del values["key"]
    connection.execute(
        budgets.update()
        .where(_c.key == use.key)
        .values(
            **values,
            next_at=standing.next_at,
            spent=_written(standing.spent),
            told_limit=standing.told_limit,
            told_left=standing.told_left,
            told_until=standing.told_until,
            changed_at=now,
            quiet_at=quiet_at(use.limit, standing, now),
        )
    )


def standing(connection: sa.Connection, key: str) -> Standing:
    """Return a budget's standing, and hold nothing."""
    row = connection.execute(sa.select(*_STANDING).where(_c.key == key)).one_or_none()
    return UNTOUCHED if row is None else _standing(row[:])


def told(connection: sa.Connection, connection_id: int, *, now: datetime) -> dict[str, Standing]:
    """Return, by key, a connection's undeclared budgets of which the bank said what is left."""
    query = sa.select(_c.key, *_STANDING).where(
        _c.connection_id == connection_id, _c.calls.is_(None), _c.told_until > now
    )
    return {row[0]: _standing(row[1:]) for row in connection.execute(query)}


def has_told(connection: sa.Connection, connector: str, *, now: datetime) -> bool:
    """Say whether the bank said of any undeclared budget that little is left of it."""
    query = sa.select(_c.key).where(
        _c.connector == connector, _c.calls.is_(None), _c.told_until > now, _c.quiet_at > now
    )
    return connection.execute(query.limit(1)).first() is not None


def busy(connection: sa.Connection, *, now: datetime, limit: int = 1000) -> list[BudgetRow]:
    """Return budgets of which something is spent now, everybody's, those of the app first."""
    query = (
        budgets.select()
        .where(_c.quiet_at > now, _shown(now))
        .order_by(_c.connection_id.is_not(None), _c.key)
    )
    return [_row(row) for row in connection.execute(query.limit(limit))]


def page(
    connection: sa.Connection, *, owner_id: int, now: datetime, after: str, limit: int
) -> list[tuple[BudgetRow, int | None]]:
    """Return budgets of which something is spent now, past the key `after`, in order.

    Those of whole providers and those of the owner's connections, each with its account's number.
    """
    own = sa.select(connections.c.id).where(connections.c.owner_id == owner_id)
    a = accounts.c
    number = (
        sa.select(sa.func.min(a.id))
        .where(a.connection_id == _c.connection_id, a.external_id == _c.account)
        .scalar_subquery()
    )
    query = (
        sa.select(budgets, number.label("account_id"))
        .where(
            _c.quiet_at > now,
            _shown(now),
            _c.key > after,
            sa.or_(_c.connection_id.is_(None), _c.connection_id.in_(own)),
        )
        .order_by(_c.key)
        .limit(limit)
    )
    return [(_row(row), row.account_id) for row in connection.execute(query)]


def delete_quiet(connection: sa.Connection, *, now: datetime) -> None:
    """Forget budgets of which nothing has been spent for a day, but for what somebody holds."""
    old = sa.select(_c.key).where(_c.quiet_at < now - _KEPT).with_for_update(skip_locked=True)
    connection.execute(budgets.delete().where(_c.key.in_(old)))


def _declared(use: Use) -> dict[str, Any]:
    limit = use.limit
    return {
        "key": use.key,
        "connector": use.connector,
        "scope": use.scope,
        "connection_id": use.connection_id,
        "account": use.account,
        "endpoint": use.endpoint,
        "calls": limit.calls if limit else None,
        "window_ms": round(limit.window.total_seconds() * 1000) if limit else None,
        "spaced": limit.spaced if limit else False,
    }


def _row(row: sa.Row[Any]) -> BudgetRow:
    return BudgetRow(
        key=row.key,
        connector=row.connector,
        scope=Scope(row.scope),
        connection_id=row.connection_id,
        account=row.account,
        endpoint=row.endpoint,
        calls=row.calls,
        window_ms=row.window_ms,
        spaced=row.spaced,
        standing=_standing([getattr(row, column.name) for column in _STANDING]),
    )


def _standing(values: Sequence[Any]) -> Standing:
    spent = tuple(_read(one) for one in json.loads(values[1]))
    return Standing(values[0], spent, *values[2:])


def _written(spent: Sequence[Spent]) -> str:
    """Write instants as whole microseconds since 1970."""
    return json.dumps([[_microseconds(one.at), one.calls] for one in spent], separators=(",", ":"))


def _microseconds(at: datetime) -> int:
    return (at - _EPOCH) // timedelta(microseconds=1)


def _read(one: Sequence[int]) -> Spent:
    return Spent(_EPOCH + timedelta(microseconds=one[0]), one[1])


_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def fleet_now(connection: sa.Connection, own: datetime) -> datetime:
    """Return what time it is for the whole fleet: the server's clock, or ours beside a file.

    Machines' clocks differ; a rate that is shared by machines needs one clock.
    """
    if connection.dialect.name != "postgresql":
        return own
    told: datetime = connection.execute(sa.text("SELECT clock_timestamp()")).scalar_one()
    return told.astimezone(UTC)
