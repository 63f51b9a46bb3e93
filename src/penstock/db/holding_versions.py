"""What was held when: each state of a position that was ever stated, in the order we heard it.

`day` never goes back from one version of a position to its next, whatever `as_of` the institution
states: so what was held on a day is the last version up to it, and today's is what stands in
`holdings`. It never lies ahead of the day on which we heard it.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from penstock.db.holdings import holdings
from penstock.db.metadata import Exact, Id, Instant, metadata
from penstock.domain.split_seen import Stated

holding_versions = sa.Table(
    "holding_versions",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("owner_id", Id, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("holding_id", Id, sa.ForeignKey("holdings.id", ondelete="CASCADE"), nullable=False),
    sa.Column("as_of", Instant, nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("quantity", Exact, nullable=False),
    sa.Column("price", Exact),
    sa.Column("value", Exact),
    sa.Column("cost_basis", Exact),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("ended", sa.Boolean, nullable=False),
    sa.Column("run_id", Id, nullable=False),
    sa.Index("ix_holding_versions_owner", "owner_id", "day", "id"),
    sa.Index("ix_holding_versions_holding", "holding_id", "day", "id"),
)


@dataclass(frozen=True, slots=True)
class Version:
    """A position as it was stated from `day` on, until its next version. `ended`: held no more.

    `price`, `value` and `cost_basis` are the institution's own, in `currency`.
    """

    id: int
    holding_id: int
    account_id: int
    security_id: int | None
    as_of: datetime
    day: date
    quantity: Decimal
    price: Decimal | None
    value: Decimal | None
    cost_basis: Decimal | None
    currency: str
    ended: bool
    run_id: int


class Moved(NamedTuple):
    """A position of which something else was stated from a day on."""

    holding_id: int
    day: date
    before: Stated
    after: Stated


_STATED: Final = ("quantity", "price", "value", "cost_basis", "currency")
_AT_ONCE: Final = 1000
_OF_HOLDING: Final = ("account_id", "security_id")
_COLUMNS: Final = tuple(
    (holdings if name in _OF_HOLDING else holding_versions).c[name]
    for name in Version.__dataclass_fields__
)


def versions(connection: sa.Connection, *, owner_id: int, first: date, last: date) -> list[Version]:
    """Return all versions from `first` to `last`, and of each position the last one before.

    In the order of (day, number). One that had ended before `first` is not returned.
    """
    v = holding_versions.c
    before = [one for one in _latest(connection, owner_id, v.day < first) if not one.ended]
    within = _select().where(v.owner_id == owner_id, v.day >= first, v.day <= last)
    rows = connection.execute(within.order_by(v.day, v.id))
    return [*before, *(Version(*row) for row in rows)]


def as_of(connection: sa.Connection, *, owner_id: int, day: date) -> list[Version]:
    """Return what was held at the end of a day, as it was stated by then."""
    found = _latest(connection, owner_id, holding_versions.c.day <= day)
    return [one for one in found if not one.ended]


def of_holding(connection: sa.Connection, holding_id: int, *, owner_id: int) -> list[Version]:
    """Return every version of a position of the owner's, the oldest first."""
    v = holding_versions.c
    query = _select().where(v.holding_id == holding_id, v.owner_id == owner_id)
    return [Version(*row) for row in connection.execute(query.order_by(v.day, v.id))]


def append(
    connection: sa.Connection, *, owner_id: int, change_number: int, run_id: int, today: date
) -> list[Moved]:
    """Add a version of each position that was written under this change number.

    Nothing is added for one that is held, and worth, what its last version says. Returns those
    that were held before and still are.
    """
    h = holdings.c
    query: sa.Select[Any] = sa.select(h.id, h.ended_at, *(h[name] for name in _STATED), h.as_of)
    written = query.where(h.owner_id == owner_id, h.change_number == change_number)
    rows: Sequence[sa.Row[Any]] = connection.execute(written.order_by(h.id)).all()
    last = _last_of(connection, [row.id for row in rows])
    new, moved = [], []
    for row in rows:
        before, ended = last.get(row.id), row.ended_at is not None
        stated = {name: getattr(row, name) for name in _STATED}
        if before is None or before.ended != ended or _differ(before, stated):
            day = today if ended else min(row.as_of.date(), today)
            day = max(day, before.day) if before else day
            known = {"owner_id": owner_id, "holding_id": row.id, "run_id": run_id}
            new.append({**known, **stated, "as_of": row.as_of, "day": day, "ended": ended})
            if before is not None and not before.ended and not ended:
                moved.append(Moved(row.id, day, _stated(before), _stated(row)))
    if new:
        connection.execute(holding_versions.insert(), new)
    return moved


def undo(connection: sa.Connection, run_id: int, *, owner_id: int, kept: Collection[int]) -> None:
    """Forget what a run stated, but of those positions that stay as it left them."""
    v = holding_versions.c
    gone = holding_versions.delete().where(v.run_id == run_id, v.owner_id == owner_id)
    connection.execute(gone.where(v.holding_id.not_in(list(kept))))


def _stated(row: sa.Row[Any]) -> Stated:
    return Stated(row.quantity, row.price, row.cost_basis, row.currency)


def _last_of(connection: sa.Connection, numbers: Sequence[int]) -> dict[int, sa.Row[Any]]:
    v, found = holding_versions.c, {}
    for at in range(0, len(numbers), _AT_ONCE):
        some = v.holding_id.in_(numbers[at : at + _AT_ONCE])
        last = sa.select(sa.func.max(v.id)).where(some).group_by(v.holding_id)
        for row in connection.execute(holding_versions.select().where(v.id.in_(last))):
            found[row.holding_id] = row
    return found


def _differ(before: sa.Row[Any], stated: Mapping[str, object]) -> bool:
    return any(getattr(before, name) != value for name, value in stated.items())


def _select() -> sa.Select[Any]:
    same = holdings.c.id == holding_versions.c.holding_id
    return sa.select(*_COLUMNS).join_from(holding_versions, holdings, same)


def _latest(
    connection: sa.Connection, owner_id: int, within: sa.ColumnElement[bool]
) -> Sequence[Version]:
    """Return the last version of each position among those `within`; numbers go with the days."""
    v = holding_versions.c
    last = sa.select(sa.func.max(v.id)).where(v.owner_id == owner_id, within)
    query = _select().where(v.id.in_(last.group_by(v.holding_id))).order_by(v.day, v.id)
    return [Version(*row) for row in connection.execute(query)]
