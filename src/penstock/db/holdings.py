"""What accounts hold, as their institutions stated it last.

One row a position, for good: what is held no more has `ended_at`, and the same row goes on when it
is held again. The values stand as of when they were first stated: nothing is written for what is
stated once more, and how long ago that was the connection's last success tells.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from penstock.db import accounts, erasures
from penstock.db.matching import plain
from penstock.db.metadata import Exact, Id, Instant, metadata
from penstock.db.staging import Into

_STATED: Final[Mapping[str, tuple[sa.types.TypeEngine[Any], bool]]] = {
    "symbol": (sa.Text(), True),
    "isin": (sa.Text(), True),
    "mic": (sa.Text(), True),
    "figi": (sa.Text(), True),
    "cusip": (sa.Text(), True),
    "security_external_id": (sa.Text(), True),
    "name": (sa.Text(), False),
    "type": (sa.Text(), False),
    "quantity": (Exact(), False),
    "price": (Exact(), True),
    "value": (Exact(), True),
    "cost_basis": (Exact(), True),
    "currency": (sa.Text(), False),
}
_KEPT: Final = (*_STATED, "as_of", "ended_at")


def _kept() -> Iterator[sa.Column[Any]]:
    """Yield new columns of what a sync writes of a position."""
    for name, (type_, empty) in _STATED.items():
        yield sa.Column(name, type_, nullable=empty)
    yield sa.Column("as_of", Instant, nullable=False)
    yield sa.Column("ended_at", Instant)


holdings = sa.Table(
    "holdings",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("owner_id", Id, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("account_id", Id, sa.ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    sa.Column("external_id", sa.Text, nullable=False),
    *_kept(),
    sa.Column("first_run_id", Id, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Column("change_number", sa.BigInteger, nullable=False),
    sa.Column("security_id", Id, index=True),
    sa.UniqueConstraint("account_id", "external_id"),
    sa.Index("ix_holdings_owner", "owner_id", "id"),
    sa.Index("ix_holdings_change", "owner_id", "change_number", "id"),
)

holding_images = sa.Table(
    "holding_images",
    metadata,
    sa.Column("run_id", Id, primary_key=True, autoincrement=False),
    sa.Column(
        "holding_id",
        Id,
        sa.ForeignKey("holdings.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
        index=True,
    ),
    *_kept(),
)

Position = dict[str, Any]
"""What is stated of a position, by the names of the columns."""

Held = Mapping[int, Mapping[str, Position]]
"""All that accounts hold now: by the account's number and the provider's id of the position."""


@dataclass(frozen=True, slots=True)
class News:
    """What of a snapshot differs from what is stored; who ended is a number."""

    new: Sequence[Position]
    changed: Sequence[Position]
    ended: Sequence[int]

    @property
    def size(self) -> int:
        """How many positions there are to write."""
        return len(self.new) + len(self.changed) + len(self.ended)


def news(connection: sa.Connection, held: Held) -> News:
    """Compare all that some accounts hold with what is stored of them."""
    if not held:
        return News((), (), ())
    new, changed, ended = [], [], []
    known: set[tuple[int, str]] = set()
    query = holdings.select().where(holdings.c.account_id.in_(list(held))).order_by(holdings.c.id)
    for row in connection.execute(query):
        known.add((row.account_id, row.external_id))
        told = held[row.account_id].get(row.external_id)
        if told is not None and (row.ended_at is not None or _differ(row, told)):
            changed.append({**told, "id": row.id, "ended_at": None})
        if told is None and row.ended_at is None:
            ended.append(row.id)
    for account_id, positions in held.items():
        for external_id, told in positions.items():
            if (account_id, external_id) not in known:
                new.append({**told, "account_id": account_id, "external_id": external_id})
    return News(new, changed, ended)


def store(connection: sa.Connection, found: News, into: Into) -> None:
    """Write what is new, and what stood there before for whoever undoes this run."""
    stamp = {"updated_at": into.now, "change_number": into.change_number}
    touched = [*(one["id"] for one in found.changed), *found.ended]
    _keep(connection, into.run_id, touched)
    if found.new:
        born = {"owner_id": into.owner_id, "first_run_id": into.run_id, "created_at": into.now}
        rows = [{**one, **born, **stamp} for one in found.new]
        connection.execute(holdings.insert(), rows)
    if found.changed:
        this = holdings.c.id == sa.bindparam("this")
        rows = [{"this": one["id"], **_without_id(one), **stamp} for one in found.changed]
        connection.execute(holdings.update().where(this), rows)
    for some in _parts(found.ended):
        gone = holdings.update().where(holdings.c.id.in_(some))
        connection.execute(gone.values(ended_at=into.now, **stamp))


@dataclass(frozen=True, slots=True)
class Undone:
    """What became of the positions that a run wrote: as before, gone, or left alone by number."""

    restored: int
    deleted: int
    kept: Sequence[int]


def undo(
    connection: sa.Connection,
    run_id: int,
    numbers: sa.Select[tuple[int]],
    *,
    owner_id: int,
    change_number: int,
    now: datetime,
) -> Undone:
    """Put back what a run wrote under the change `numbers` that it took, and nobody since."""
    c, images = holdings.c, holding_images
    untouched = c.change_number.in_(numbers)
    of_run = sa.select(images.c.holding_id).where(images.c.run_id == run_id)
    wrote = sa.or_(c.first_run_id == run_id, c.id.in_(of_run))
    touched = sa.select(c.id).where(c.owner_id == owner_id, wrote, ~untouched).order_by(c.id)
    kept = list(connection.execute(touched).scalars())
    born = sa.and_(c.owner_id == owner_id, c.first_run_id == run_id, untouched)
    gone = sa.select(c.id).where(born)
    erasures.note(
        connection, owner_id=owner_id, kind="holding", rows=gone, change_number=change_number
    )
    deleted = connection.execute(holdings.delete().where(born)).rowcount
    before = {name: images.c[name] for name in _KEPT}
    restored = connection.execute(
        holdings.update()
        .where(images.c.run_id == run_id, images.c.holding_id == c.id, untouched)
        .values(**before, updated_at=now, change_number=change_number)
    ).rowcount
    return Undone(restored, deleted, kept)


class Wanted(NamedTuple):
    """Which positions to list: of an account, of a connection, of one symbol; of all, or not."""

    account_id: int | None = None
    connection_id: int | None = None
    symbol: str | None = None
    ended: bool = False
    hidden: bool = False


def reading() -> sa.Select[Any]:
    """Select positions as they are read; numbers and instants are plain (matching.plain)."""
    c = holdings.c
    texts = ("symbol", "isin", "name", "type")
    stated = ("quantity", "price", "value", "cost_basis", "currency", "as_of")
    heard = plain(c.updated_at).label("observed_at")
    columns = (c[name] for name in texts), (plain(c[name]) for name in stated)
    last = (heard, plain(c.ended_at), c.security_id)
    return sa.select(c.id, c.account_id, *columns[0], *columns[1], *last)


def page(
    connection: sa.Connection, wanted: Wanted, *, owner_id: int, after: int = 0, limit: int
) -> Sequence[sa.Row[Any]]:
    """Return the owner's positions in the order in which we met them, from past `after`.

    Those of a hidden account are not listed, except where that very account is asked for. Raises
    NotFound where an account or a connection is named that is not the owner's.
    """
    c = holdings.c
    query = reading().where(c.owner_id == owner_id, c.id > after).order_by(c.id).limit(limit)
    among = accounts.listed_under(
        connection,
        owner_id=owner_id,
        account_id=wanted.account_id,
        connection_id=wanted.connection_id,
    )
    if wanted.account_id is not None or wanted.connection_id is not None or not wanted.hidden:
        seen = wanted.hidden or wanted.account_id is not None
        query = query.where(c.account_id.in_([one.id for one in among if seen or not one.hidden]))
    if wanted.symbol is not None:
        query = query.where(c.symbol == wanted.symbol)
    if not wanted.ended:
        query = query.where(c.ended_at.is_(None))
    return connection.execute(query).all()


def _differ(row: sa.Row[Any], told: Position) -> bool:
    return any(getattr(row, name) != told[name] for name in _STATED)


def _without_id(one: Position) -> Position:
    return {name: value for name, value in one.items() if name != "id"}


_AT_ONCE: Final = 1000


def _parts(numbers: Sequence[int]) -> Iterator[Sequence[int]]:
    return (numbers[at : at + _AT_ONCE] for at in range(0, len(numbers), _AT_ONCE))


def _keep(connection: sa.Connection, run_id: int, numbers: Sequence[int]) -> None:
    """Write down positions that are about to change, as they stood before this run wrote any."""
    c, i = holdings.c, holding_images.c
    for some in _parts(numbers):
        known = sa.exists().where(i.run_id == run_id, i.holding_id == c.id)
        stand = sa.select(sa.literal(run_id, Id), c.id, *(c[name] for name in _KEPT))
        chosen = stand.where(c.id.in_(some), c.first_run_id != run_id, ~known)
        names = ("run_id", "holding_id", *_KEPT)
        connection.execute(holding_images.insert().from_select(names, chosen))
