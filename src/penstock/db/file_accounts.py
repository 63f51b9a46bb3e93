"""Which of a person's accounts a file speaks of: what it says of itself, hashed, and the account.

Once a file was imported into an account, the next one like it finds the way by itself. An account
that stands here may have rows which only a file has told (linking.py).
"""

from collections.abc import Sequence

import sqlalchemy as sa

from penstock.db.accounts import accounts
from penstock.db.metadata import Id, metadata

file_accounts = sa.Table(
    "file_accounts",
    metadata,
    sa.Column(
        "owner_id",
        Id,
        sa.ForeignKey("users.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("identity_hash", sa.Text, primary_key=True),
    sa.Column(
        "account_id",
        Id,
        sa.ForeignKey("accounts.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
)


def find(
    connection: sa.Connection, hashes: Sequence[str], *, owner_id: int, currency: str = ""
) -> int | None:
    """Return the account of which files that say one of these speak; or a bank said it of.

    One in this currency, if it is told. None where there is none, or more than one.
    """
    c, a = file_accounts.c, accounts.c
    noted = (
        sa.select(a.id)
        .join(file_accounts, c.account_id == a.id)
        .where(c.owner_id == owner_id, c.identity_hash.in_(hashes))
    )
    told = sa.select(a.id).where(a.owner_id == owner_id, a.identity_hash.in_(hashes))
    for query in (noted, told):
        of_it = query.where(a.currency == currency) if currency else query
        found = list(connection.execute(of_it.distinct().limit(2)).scalars())
        if found:
            return found[0] if len(found) == 1 else None
    return None


def note(connection: sa.Connection, identity_hash: str, account_id: int, *, owner_id: int) -> None:
    """Note that files which say this speak of that account."""
    c = file_accounts.c
    known = sa.select(c.account_id).where(c.owner_id == owner_id, c.identity_hash == identity_hash)
    if connection.execute(known).one_or_none() is None:
        connection.execute(
            file_accounts.insert().values(
                owner_id=owner_id, identity_hash=identity_hash, account_id=account_id
            )
        )
