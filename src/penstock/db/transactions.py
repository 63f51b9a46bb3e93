"""Transactions: what the provider says of them, and what the person does.

The provider's columns are written by bulk.py alone, the person's (`person_category`, `note`,
`hidden`, `deleted_at`) by the person alone: neither can overwrite the other (sync.md 12).
`dated_on` is the day by which a row is listed: booked, else authorized, else value, else seen.
`posted_run_id` is the run that first saw the row posted.

No foreign key leads from this table: PostgreSQL would look up the account for each row of a first
sync, which costs a third of it. The merge writes into accounts that it has just recognised, under
the connection's lease, and `engine/forget.py` deletes the rows before their accounts.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from functools import cache
from typing import Any, Final

import sqlalchemy as sa

from penstock.db.matching import plain
from penstock.db.metadata import Exact, Id, Instant, metadata
from penstock.domain.errors import NotFound

_PENDING: Final = sa.text("status = 'pending'")
_REMOVED: Final = sa.text("removed_at IS NOT NULL")

transactions = sa.Table(
    "transactions",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("owner_id", Id, nullable=False),
    sa.Column("account_id", Id, nullable=False),
    sa.Column("external_id", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("amount", Exact, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("dated_on", sa.Date, nullable=False),
    sa.Column("booked_on", sa.Date),
    sa.Column("value_on", sa.Date),
    sa.Column("authorized_on", sa.Date),
    sa.Column("description", sa.Text, nullable=False),
    sa.Column("counterparty", sa.Text),
    sa.Column("category", sa.Text),
    sa.Column("reference", sa.Text),
    sa.Column("original_amount", Exact),
    sa.Column("original_currency", sa.Text),
    sa.Column("pending_external_id", sa.Text),
    sa.Column("removed_at", Instant),
    sa.Column("first_run_id", Id, nullable=False),
    sa.Column("last_run_id", Id, nullable=False),
    sa.Column("posted_run_id", Id),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Column("change_number", sa.BigInteger, nullable=False),
    sa.Column("person_category", sa.Text),
    sa.Column("note", sa.Text),
    sa.Column("hidden", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("deleted_at", Instant),
    sa.UniqueConstraint("account_id", "external_id"),
    sa.Index("ix_transactions_listing", "owner_id", "dated_on", "id"),
    sa.Index("ix_transactions_account", "account_id", "dated_on", "id"),
    sa.Index("ix_transactions_change", "owner_id", "change_number", "id"),
    sa.Index(
        "ix_transactions_pending", "account_id", sqlite_where=_PENDING, postgresql_where=_PENDING
    ),
    sa.Index(
        "ix_transactions_removed",
        "account_id",
        "dated_on",
        sqlite_where=_REMOVED,
        postgresql_where=_REMOVED,
    ),
)


_AT_ONCE: Final = 5000  # numbers in one query: databases bind 32,766 at the most


def candidates(
    connection: sa.Connection,
    account_id: int,
    currency: str,
    *,
    amount: Decimal,
    since: date,
    limit: int = 5,
) -> list[int]:
    """Return rows that could explain a difference of `amount`: its like in size, near `since`.

    A pending or a removed row of that amount may be counted by the bank already or still; a
    posted row of the opposite amount may not be.
    """
    c = transactions.c
    missing = sa.and_(c.amount == amount, sa.or_(c.status == "pending", c.removed_at.is_not(None)))
    extra = sa.and_(c.amount == -amount, c.status == "posted", c.removed_at.is_(None))
    query = (
        sa.select(c.id)
        .where(c.account_id == account_id, c.dated_on >= since)
        .where(c.currency == currency, sa.or_(missing, extra))
        .order_by(c.dated_on, c.id)
        .limit(limit)
    )
    return list(connection.execute(query).scalars())


OVERDUE_AFTER: Final = timedelta(days=14)
"""How old a pending row may grow before it is flagged (sync.md 10)."""

# In the order in which `reading` gives them; the API, the feed and the exports keep it.
_PLAIN: Final = (
    "status amount currency dated_on booked_on value_on authorized_on description counterparty"
).split()
_AFTER: Final = "note reference original_amount original_currency hidden".split()
_STAMPS: Final = "removed_at deleted_at created_at updated_at".split()


@cache
def reading() -> sa.Select[Any]:
    """Select transactions as they are read; amounts, days and instants are plain (matching.plain).

    id, account_id, then what the provider says, `category` (the person's before the provider's)
    with both of its sources, what the person says, `overdue`, and the stamps. To be executed with
    the parameters that `overdue` gives.
    """
    c = transactions.c
    old = c.dated_on < sa.bindparam("overdue_before")
    return sa.select(
        c.id,
        c.account_id,
        *(plain(c[name]) for name in _PLAIN),
        sa.func.coalesce(c.person_category, c.category).label("category"),
        c.person_category,
        c.category.label("provider_category"),
        *(c[name] if name == "hidden" else plain(c[name]) for name in _AFTER),
        sa.and_(c.status == "pending", c.removed_at.is_(None), old).label("overdue"),
        *(plain(c[name]) for name in _STAMPS),
    )


def overdue(today: date) -> dict[str, object]:
    """Return the parameters of `reading`: which pending rows are flagged on this day."""
    return {"overdue_before": today - OVERDUE_AFTER}


def get(
    connection: sa.Connection, transaction_id: int, *, owner_id: int, today: date
) -> sa.Row[Any]:
    """Return one of the owner's transactions, whatever its state. Raises NotFound."""
    c = transactions.c
    query = reading().where(c.id == transaction_id, c.owner_id == owner_id)
    row = connection.execute(query, overdue(today)).one_or_none()
    if row is None:
        raise NotFound("There is no such transaction.")
    return row


def some(
    connection: sa.Connection, numbers: Iterable[int], *, owner_id: int, today: date
) -> Sequence[sa.Row[Any]]:
    """Return those of these transactions that are the owner's, in the order of their numbers."""
    wanted, c = sorted(set(numbers)), transactions.c
    found: list[sa.Row[Any]] = []
    for start in range(0, len(wanted), _AT_ONCE):
        part = wanted[start : start + _AT_ONCE]
        query = reading().where(c.id.in_(part), c.owner_id == owner_id).order_by(c.id)
        found += connection.execute(query, overdue(today))
    return found


def page_by_number(
    connection: sa.Connection, *, owner_id: int, today: date, after: int, limit: int
) -> Sequence[sa.Row[Any]]:
    """Return every transaction of the owner in the order of its number, from past `after`.

    Numbers never change, so that whoever pages while a sync writes meets each row exactly once.
    """
    c = transactions.c
    # SQLite would rather sort all of the owner's rows for each page than walk the table.
    owner = c.owner_id + 0 if connection.dialect.name == "sqlite" else c.owner_id
    query = reading().where(owner == owner_id, c.id > after).order_by(c.id).limit(limit)
    return connection.execute(query, overdue(today)).all()


def find_edits(
    connection: sa.Connection, transaction_id: int, *, owner_id: int
) -> Mapping[str, object] | None:
    """Return what the person says of one of the owner's transactions, by column."""
    c = transactions.c
    query = sa.select(c.person_category, c.note, c.hidden, c.deleted_at).where(
        c.id == transaction_id, c.owner_id == owner_id
    )
    row = connection.execute(query).one_or_none()
    return None if row is None else dict(row._mapping)


def edit(
    connection: sa.Connection, transaction_id: int, *, owner_id: int, values: Mapping[str, object]
) -> None:
    """Store what the person says of a transaction; `values` include its `change_number`."""
    c = transactions.c
    connection.execute(
        transactions.update()
        .where(c.id == transaction_id, c.owner_id == owner_id)
        .values(dict(values))
    )


def delete_of(connection: sa.Connection, account_ids: sa.Select[tuple[int]]) -> None:
    """Delete every row of these accounts, and the ids that they had before."""
    connection.execute(transactions.delete().where(transactions.c.account_id.in_(account_ids)))
