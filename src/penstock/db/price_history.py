"""Of which past days closes were asked for, and when an instrument is looked at again.

One row an instrument, for everybody. Of the days from `since` to `through` everything is known that
sources tell: what has no price there is a holiday, or nobody has it, and is not asked for again.
`due_at` is also what keeps two workers apart: who takes an instrument moves it ahead, and another
takes over where that time passes without a word.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from penstock.db.holding_versions import holding_versions
from penstock.db.holdings import holdings
from penstock.db.metadata import Instant, metadata
from penstock.db.price_turns import price_turns
from penstock.db.prices import prices
from penstock.db.securities import securities

price_history = sa.Table(
    "price_history",
    metadata,
    sa.Column("instrument", sa.Text, primary_key=True),
    sa.Column("since", sa.Date),
    sa.Column("through", sa.Date),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("last_code", sa.Text),
)

_c: Final = price_history.c
_t: Final = price_turns.c


@dataclass(frozen=True, slots=True)
class Asked:
    """The days that were asked for, None where none were; how often asking failed in a row."""

    since: date | None = None
    through: date | None = None
    failures: int = 0
    last_code: str | None = None

    def knows(self, day: date) -> bool:
        """Say whether all is known of a day that sources tell."""
        return bool(self.since and self.through and self.since <= day <= self.through)

    def and_also(self, since: date, through: date) -> "Asked":
        """Return it with more days that are known; with these alone where a gap is between."""
        if since > through:
            return self
        known = None if self.since is None or self.through is None else (self.since, self.through)
        if known is None or since.toordinal() > known[1].toordinal() + 1:
            return Asked(since, through, self.failures, self.last_code)
        first, last = min(since, known[0]), max(through, known[1])
        return Asked(first, last, self.failures, self.last_code)


def claim(connection: sa.Connection, *, now: datetime, until: datetime) -> str | None:
    """Take an instrument that is due, and nobody else does `until` then; None: none is.

    It is held by somebody, and a price of it was believed, which its past can be held against.
    """
    query = (
        sa.select(_t.instrument)
        .join_from(price_turns, price_history, _c.instrument == _t.instrument, isouter=True)
        .where(sa.exists().where(prices.c.instrument == _t.instrument))
        .where(sa.or_(_c.due_at.is_(None), _c.due_at <= now))
        .order_by(_c.due_at, _t.instrument)
        .limit(1)
    )
    name: str | None = connection.execute(query).scalar()
    return name if name is not None and _take(connection, name, now, until) else None


def _take(connection: sa.Connection, name: str, now: datetime, until: datetime) -> bool:
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert
    new = insert(price_history).values(instrument=name, due_at=until, failures=0)
    taken = new.on_conflict_do_update(
        index_elements=["instrument"], set_={"due_at": until}, where=_c.due_at <= now
    )
    return connection.execute(taken.returning(_c.instrument)).scalar() is not None


def find(connection: sa.Connection, instrument: str) -> Asked:
    """Return what was asked for of an instrument."""
    row = connection.execute(price_history.select().where(_c.instrument == instrument)).first()
    return Asked(row.since, row.through, row.failures, row.last_code) if row else Asked()


def note(connection: sa.Connection, instrument: str, asked: Asked, *, due_at: datetime) -> None:
    """Write down what was asked for, and when to look again."""
    values: dict[str, Any] = {
        "since": asked.since,
        "through": asked.through,
        "failures": asked.failures,
        "last_code": asked.last_code,
        "due_at": due_at,
    }
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert
    new = insert(price_history).values(instrument=instrument, **values)
    connection.execute(new.on_conflict_do_update(index_elements=["instrument"], set_=values))


def reconsider(connection: sa.Connection, codes: Collection[str], *, now: datetime) -> None:
    """Let what nobody could tell for these reasons be due at once: the settings may be others."""
    these = price_history.update().where(_c.last_code.in_(list(codes)), _c.due_at > now)
    connection.execute(these.values(due_at=now))


def ask_again(connection: sa.Connection, instruments: Collection[str], *, now: datetime) -> None:
    """Let all days of these that have no price be asked for once more."""
    these = price_history.update().where(_c.instrument.in_(list(instruments)))
    connection.execute(these.values(since=None, through=None, due_at=now))


def first_held(
    connection: sa.Connection, instrument: str, *, owner_id: int | None = None
) -> date | None:
    """Return the first day on which somebody is known to hold an instrument, or one person."""
    query = (
        sa.select(sa.func.min(holding_versions.c.day))
        .join_from(holding_versions, holdings, holdings.c.id == holding_versions.c.holding_id)
        .join(securities, securities.c.id == holdings.c.security_id)
        .where(securities.c.instrument == instrument)
    )
    if owner_id is not None:
        query = query.where(holding_versions.c.owner_id == owner_id)
    return connection.execute(query).scalar()


def priced(connection: sa.Connection, instrument: str, first: date, last: date) -> set[date]:
    """Return those of some days of which there is a price, whoever told it."""
    p = prices.c
    query = sa.select(p.day).where(p.instrument == instrument, p.day.between(first, last))
    return set(connection.execute(query.distinct()).scalars())
