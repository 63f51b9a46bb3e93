"""What institutions said stands on accounts. Appended, never overwritten (sync.md 17)."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from penstock.db.metadata import Exact, Id, Instant, metadata
from penstock.domain.balance import BalanceKind

balances = sa.Table(
    "balances",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("owner_id", Id, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("account_id", Id, sa.ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    sa.Column("run_id", Id, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("amount", Exact, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("as_of", Instant, nullable=False),
    sa.Column("as_of_on", sa.Date, nullable=False),
    sa.Column("observed_at", Instant, nullable=False),
    sa.Column("change_number", sa.BigInteger, nullable=False),
    sa.Index("ix_balances_account", "account_id", "kind", "currency", "as_of", "id"),
    sa.Index("ix_balances_change", "owner_id", "change_number", "id"),
)


def append(connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> int:
    """Append observed balances; return how many were new.

    The very same statement (kind, currency, instant, amount) heard again is not a new one.
    """
    fresh = [row for row in rows if not _known(connection, row)]
    if fresh:
        connection.execute(balances.insert(), fresh)
    return len(fresh)


def _known(connection: sa.Connection, row: dict[str, Any]) -> bool:
    same = [
        balances.c[name] == row[name]
        for name in ("account_id", "kind", "currency", "as_of", "amount")
    ]
    return connection.execute(sa.select(balances.c.id).where(*same).limit(1)).first() is not None


def observed(
    connection: sa.Connection, account_id: int, *, kinds: Sequence[BalanceKind]
) -> list[sa.Row[Any]]:
    """Return an account's balances of these kinds, oldest statement first."""
    query = (
        balances.select()
        .where(balances.c.account_id == account_id, balances.c.kind.in_(kinds))
        .order_by(balances.c.as_of, balances.c.id)
    )
    return list(connection.execute(query))
