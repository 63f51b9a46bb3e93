"""Which of a person's accounts a file speaks of: what it says of itself, hashed, and the account.

Once a file was imported into an account, the next one like it finds the way by itself. An account
that stands here may have rows which only a file has told (linking.py).
"""

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


def find(connection: sa.Connection, identity_hash: str, *, owner_id: int) -> int | None:
    """Return the account of which files that say this speak; or one that a bank said it of.

    None where there is none, or more than one.
    """
    c, a = file_accounts.c, accounts.c
    noted = sa.select(c.account_id).where(c.owner_id == owner_id, c.identity_hash == identity_hash)
    account_id: int | None = connection.execute(noted).scalar_one_or_none()
    if account_id is not None:
        return account_id
    told = sa.select(a.id).where(a.owner_id == owner_id, a.identity_hash == identity_hash)
    found = list(connection.execute(told.limit(2)).scalars())
    return found[0] if len(found) == 1 else None


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
