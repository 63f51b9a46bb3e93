"""New transactions, by how far somebody has heard of them.

A look costs what has changed since the last one, however many rows there are: an owner's change
numbers become visible in their order (sync.md 19), and there is an index by them.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from penstock.db.accounts import accounts
from penstock.db.connections import connections
from penstock.db.feeds import feeds
from penstock.db.transactions import transactions
from penstock.domain.account import known_as


@dataclass(frozen=True, slots=True)
class Mark:
    """How far somebody has heard: the owner's last change, and the connection's last row."""

    change: int
    row: int

    @classmethod
    def read(cls, text: str) -> "Mark":
        """Read what `str` gave."""
        change, row = text.split()
        return cls(int(change), int(row))

    def __str__(self) -> str:
        return f"{self.change} {self.row}"


@dataclass(frozen=True, slots=True)
class Arrived:
    """How many rows of a connection are new, in which accounts, and how far they have come.

    `name` and those of the accounts are for people.
    """

    connection_id: int
    name: str
    counts: tuple[tuple[str, int], ...]
    mark: Mark

    @property
    def count(self) -> int:
        """How many there are in all."""
        return sum(number for _, number in self.counts)


def since(connection: sa.Connection, marks: Mapping[int, Mark]) -> Iterator[Arrived]:
    """Yield what is new since these marks, by connection; nothing where the owner's feed stands.

    Of a connection that was synced and has no mark yet nothing counts as new: a first copy is none.
    """
    c = connections.c
    query = (
        sa.select(c.id, c.owner_id, c.label, c.institution_name, c.connector, feeds.c.last)
        .join(feeds, feeds.c.owner_id == c.owner_id)
        .where(c.disconnected_at.is_(None), c.last_success_at.is_not(None))
        .order_by(c.id)
    )
    for row in connection.execute(query).all():
        mark = marks.get(row.id)
        counts: tuple[tuple[str, int], ...] = ()
        if mark is None:
            last = _last_row(connection, row.id)
        elif mark.change == row.last:
            continue
        else:
            counts, last = _count(connection, row.id, row.owner_id, mark)
        name = str(row.label or row.institution_name or row.connector)
        yield Arrived(row.id, name, counts, Mark(row.last, last))


def _last_row(connection: sa.Connection, connection_id: int) -> int:
    ours = sa.select(accounts.c.id).where(accounts.c.connection_id == connection_id)
    query = sa.select(sa.func.max(transactions.c.id)).where(transactions.c.account_id.in_(ours))
    return connection.execute(query).scalar_one() or 0


def _count(
    connection: sa.Connection, connection_id: int, owner_id: int, mark: Mark
) -> tuple[tuple[tuple[str, int], ...], int]:
    """Count, by account, the rows that stand and came after a mark; return the last one's number.

    Who is past the change but not past the row is old, and was changed.
    """
    t, a = transactions.c, accounts.c
    # SQLite would rather read all rows of the accounts than what has changed.
    account = t.account_id + 0 if connection.dialect.name == "sqlite" else t.account_id
    ours = sa.select(a.id).where(a.connection_id == connection_id)
    query = (
        sa.select(t.account_id, sa.func.count(), sa.func.max(t.id))
        .where(
            t.owner_id == owner_id,
            t.change_number > mark.change,
            t.id > mark.row,
            t.removed_at.is_(None),
            account.in_(ours),
        )
        .group_by(t.account_id)
        .order_by(t.account_id)
    )
    found = connection.execute(query).all()
    named = sa.select(a.id, a.name, a.mask, a.label).where(a.id.in_([row[0] for row in found]))
    names = {row[0]: known_as(*row[1:]) for row in connection.execute(named)} if found else {}
    counts = tuple((names[number], count) for number, count, _ in found)
    return counts, max((last for *_, last in found), default=mark.row)
