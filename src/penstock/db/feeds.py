"""The change feed's numbers: one row an owner, so that no concurrent writer can break the order.

A commit takes its number before it writes a row, and holds the owner's feed row until it ends:
numbers become visible in the order in which they were given (sync.md 19). Lock order everywhere:
lease, feed, rows.
"""

import sqlalchemy as sa

from penstock.db.metadata import Id, metadata

feeds = sa.Table(
    "feeds",
    metadata,
    sa.Column("owner_id", Id, sa.ForeignKey("users.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("last", sa.BigInteger, nullable=False),
)


def open_feed(connection: sa.Connection, owner_id: int) -> None:
    """Give a new person a feed. It begins at 0."""
    connection.execute(feeds.insert().values(owner_id=owner_id, last=0))


def next_change(connection: sa.Connection, owner_id: int) -> int:
    """Take the owner's next change number, and with it the owner's feed until the commit."""
    step = (
        feeds.update()
        .where(feeds.c.owner_id == owner_id)
        .values(last=feeds.c.last + 1)
        .returning(feeds.c.last)
    )
    return int(connection.execute(step).scalar_one())


def last(connection: sa.Connection, owner_id: int) -> int:
    """Return the number of the owner's latest change; 0: there is none."""
    query = sa.select(feeds.c.last).where(feeds.c.owner_id == owner_id)
    return connection.execute(query).scalar() or 0


def hold(connection: sa.Connection, owner_id: int) -> int | None:
    """Return the number of the owner's latest change, and let nobody take one until the commit.

    None, at once: somebody has the feed, and is about to change something.
    """
    query = sa.select(feeds.c.last).where(feeds.c.owner_id == owner_id)
    found: int | None = connection.execute(query.with_for_update(skip_locked=True)).scalar()
    return found
