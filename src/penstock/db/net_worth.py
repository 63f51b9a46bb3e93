"""What people were worth on days that are over, so that it need not be worked out again.

One row a person, currency and day. `change_number` is how far the owner's feed was when it was
worked out, and `computed_at` when that was: by them is known what came later (db/worth_stale.py).
`rules` are those by which it was (domain/net_worth.py): a row under others is as if it were not
there. `missing` is what was not in it, as JSON: lists of id, name and reason. `oldest` is the id
and `oldest_as_of` the age of the part whose value was the oldest.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from penstock.db.metadata import Exact, Id, Instant, metadata
from penstock.domain.net_worth import RULES

net_worth = sa.Table(
    "net_worth",
    metadata,
    sa.Column(
        "owner_id",
        Id,
        sa.ForeignKey("users.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("currency", sa.Text, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("total", Exact, nullable=False),
    sa.Column("assets", Exact, nullable=False),
    sa.Column("liabilities", Exact, nullable=False),
    sa.Column("counted", sa.Integer, nullable=False),
    sa.Column("oldest", sa.Text),
    sa.Column("oldest_as_of", Instant),
    sa.Column("missing", sa.Text, nullable=False),
    sa.Column("computed_at", Instant, nullable=False),
    sa.Column("change_number", sa.BigInteger, nullable=False),
    sa.Column("rules", sa.Integer, nullable=False, server_default="0"),
)

_c: Final = net_worth.c


class Lacking(NamedTuple):
    """What was not in a total: its public id, what it is called, and the reason's code."""

    id: str
    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class DayWorth:
    """What somebody was worth on a day. `counted` 0: nothing was known, and it is no figure."""

    day: date
    total: Decimal
    assets: Decimal
    liabilities: Decimal
    counted: int
    oldest: str | None
    oldest_as_of: datetime | None
    missing: tuple[Lacking, ...]


class Mark(NamedTuple):
    """What was known when a row was worked out."""

    change_number: int
    computed_at: datetime


def between(
    connection: sa.Connection, *, owner_id: int, currency: str, first: date, last: date
) -> list[tuple[DayWorth, Mark]]:
    """Return the days from `first` to `last` that are stored by today's rules, with their marks."""
    ours = (_c.owner_id == owner_id, _c.currency == currency, _c.rules == RULES)
    query = net_worth.select().where(*ours)
    rows = connection.execute(query.where(_c.day.between(first, last)).order_by(_c.day))
    return [(_as_day(row), Mark(row.change_number, row.computed_at)) for row in rows]


def store(
    connection: sa.Connection,
    days: Sequence[DayWorth],
    mark: Mark,
    *,
    owner_id: int,
    currency: str,
) -> None:
    """Store days in place of what stood there; one that somebody worked out later stays.

    Unless it is by older rules. One by newer rules stays: a new version of us runs beside this one.
    """
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert
    for at in range(0, len(days), _AT_ONCE):
        rows = [_as_row(one, mark, owner_id, currency) for one in days[at : at + _AT_ONCE]]
        new = insert(net_worth).values(rows)
        kept = {name: new.excluded[name] for name in _VALUES}
        connection.execute(
            new.on_conflict_do_update(
                index_elements=["owner_id", "currency", "day"],
                set_=kept,
                where=sa.or_(
                    _c.rules < new.excluded.rules,
                    sa.and_(
                        _c.rules == new.excluded.rules,
                        _c.change_number <= new.excluded.change_number,
                    ),
                ),
            )
        )


def confirm(
    connection: sa.Connection,
    days: Sequence[date],
    marks: Collection[Mark],
    mark: Mark,
    *,
    owner_id: int,
    currency: str,
) -> None:
    """Note that days with one of these marks were found to be still so under a newer one."""
    ours = sa.and_(_c.owner_id == owner_id, _c.currency == currency)
    for old in marks:
        for at in range(0, len(days), _MOST_BOUND):
            part = _c.day.in_(days[at : at + _MOST_BOUND])
            same = sa.and_(_c.rules == RULES, _c.change_number == old[0], _c.computed_at == old[1])
            connection.execute(net_worth.update().where(ours, part, same).values(mark._asdict()))


def forget(connection: sa.Connection, *, owner_id: int, since: date = date.min) -> None:
    """Drop what was worked out of days from `since` on, in every currency."""
    connection.execute(net_worth.delete().where(_c.owner_id == owner_id, _c.day >= since))


def forget_of_all(connection: sa.Connection, *, since: date) -> None:
    """Drop what was worked out of anybody's days from `since` on; for the program's own work."""
    connection.execute(net_worth.delete().where(_c.day >= since))


_AT_ONCE: Final = 200
_MOST_BOUND: Final = 5_000
_KEY: Final = ("owner_id", "currency", "day")
_VALUES: Final = tuple(column.name for column in net_worth.columns if column.name not in _KEY)


def _as_row(one: DayWorth, mark: Mark, owner_id: int, currency: str) -> dict[str, Any]:
    return {
        "owner_id": owner_id,
        "currency": currency,
        "day": one.day,
        "total": one.total,
        "assets": one.assets,
        "liabilities": one.liabilities,
        "counted": one.counted,
        "oldest": one.oldest,
        "oldest_as_of": one.oldest_as_of,
        "missing": json.dumps(one.missing),
        "rules": RULES,
        **mark._asdict(),
    }


def _as_day(row: sa.Row[Any]) -> DayWorth:
    return DayWorth(
        day=row.day,
        total=row.total,
        assets=row.assets,
        liabilities=row.liabilities,
        counted=row.counted,
        oldest=row.oldest,
        oldest_as_of=row.oldest_as_of,
        missing=tuple(Lacking(*one) for one in json.loads(row.missing)),
    )
