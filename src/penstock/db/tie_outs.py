"""How each account adds up against the bank's own balance, as last checked (sync.md 30).

The footing (`footed_on`, `footed_amount`, `footed_run`) is a balance that was proven, from which
the next check counts: so a check costs what is new, however much is stored. Whoever writes a row
that is dated before it, or on its day, takes it away, and the next check counts from the beginning.
"""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa

from penstock.db import accounts
from penstock.db.metadata import Exact, Id, Instant, metadata
from penstock.db.prepared import Prepared
from penstock.db.statements import Statements

tie_outs = sa.Table(
    "tie_outs",
    metadata,
    sa.Column(
        "account_id",
        Id,
        sa.ForeignKey("accounts.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("currency", sa.Text, primary_key=True),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("amount", Exact, nullable=False),
    sa.Column("first_on", sa.Date),
    sa.Column("candidates", sa.Text, nullable=False),
    sa.Column("checked_at", Instant, nullable=False),
    sa.Column("footed_on", sa.Date),
    sa.Column("footed_amount", Exact),
    sa.Column("footed_run", Id),
)


def save(connection: sa.Connection, account_id: int, rows: list[dict[str, Any]]) -> None:
    """Store an account's tie-outs, one a currency, in place of the last ones."""
    connection.execute(tie_outs.delete().where(tie_outs.c.account_id == account_id))
    if rows:
        connection.execute(tie_outs.insert(), [{"account_id": account_id, **row} for row in rows])


def footings(connection: sa.Connection, account_id: int) -> dict[str, tuple[date, Decimal, int]]:
    """Return an account's footings by currency: the day, the balance, and the run that heard it."""
    c = tie_outs.c
    query = sa.select(c.currency, c.footed_on, c.footed_amount, c.footed_run).where(
        c.account_id == account_id, c.footed_on.is_not(None)
    )
    return {row.currency: (row[1], row[2], row[3]) for row in connection.execute(query)}


def shake(statements: Statements) -> None:
    """Take away the footings beneath which this merge wrote, or on whose day."""
    statements.do(_SHAKE)


def take_footing(
    connection: sa.Connection, account_ids: Sequence[int] | sa.Select[tuple[int]]
) -> None:
    """Take away the footings of these accounts."""
    connection.execute(
        tie_outs.update().where(tie_outs.c.account_id.in_(account_ids)).values(footed_on=None)
    )


# Within coalesce the day is no key, or SQLite walks all rows up to it, not those of this merge.
_SHAKE: Final = """
    UPDATE tie_outs SET footed_on = NULL WHERE account_id IN {accounts} AND footed_on IS NOT NULL
        AND (EXISTS (SELECT 1 FROM transactions t
                WHERE t.owner_id = :owner AND t.change_number = :change
                    AND t.account_id = tie_outs.account_id
                    AND coalesce(t.dated_on, :today) <= tie_outs.footed_on)
            OR EXISTS (SELECT 1 FROM before_images i JOIN transactions t ON t.id = i.transaction_id
                WHERE i.run_id = :run AND i.dated_on <= tie_outs.footed_on
                    AND t.account_id = tie_outs.account_id))
"""


def of_accounts(connection: sa.Connection, account_ids: list[int]) -> list[sa.Row[Any]]:
    """Return the last tie-outs of these accounts."""
    query = tie_outs.select().where(tie_outs.c.account_id.in_(account_ids))
    return list(connection.execute(query))


def page(
    connection: sa.Connection, *, owner_id: int, account_ids: list[int]
) -> Sequence[sa.Row[Any]]:
    """Return the last tie-outs of these accounts of the owner, by account and currency."""
    c, a = tie_outs.c, accounts.accounts.c
    query = (
        sa.select(tie_outs)
        .join(accounts.accounts, a.id == c.account_id)
        .where(a.owner_id == owner_id, c.account_id.in_(account_ids))
        .order_by(c.account_id, c.currency)
    )
    return connection.execute(query).all()


_NOT_FRESH: Final = Prepared(
    sa.text("""
    SELECT 1 FROM accounts WHERE connection_id = :connection_id AND active AND NOT EXISTS (
        SELECT 1 FROM tie_outs WHERE tie_outs.account_id = accounts.id AND checked_at >= :since
            AND NOT EXISTS (
                SELECT 1 FROM balances
                WHERE balances.account_id = accounts.id AND observed_at >= tie_outs.checked_at
            )
    ) LIMIT 1
""").bindparams(sa.bindparam("since", type_=Instant))
)


def are_fresh(connection: sa.Connection, connection_id: int, *, since: date) -> bool:
    """Say whether all active accounts were checked on that day (UTC) or later.

    And no balance of theirs has been heard since the check.
    """
    start = datetime.combine(since, time(0), UTC)
    values = {"connection_id": connection_id, "since": start}
    return _NOT_FRESH.row(connection, values) is None
