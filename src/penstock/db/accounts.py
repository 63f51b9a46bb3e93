"""Accounts at institutions: what the provider says of them, and what the person does."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import sqlalchemy as sa

from penstock.db.metadata import Id, Instant, metadata
from penstock.domain.errors import NotFound

accounts = sa.Table(
    "accounts",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("owner_id", Id, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column(
        "connection_id", Id, sa.ForeignKey("connections.id", ondelete="CASCADE"), nullable=False
    ),
    sa.Column("external_id", sa.Text, nullable=False),
    sa.Column("identity_hash", sa.Text),
    sa.Column("parent_external_id", sa.Text),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("mask", sa.Text),
    sa.Column("active", sa.Boolean, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("label", sa.Text),
    sa.Column("hidden", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("start_on", sa.Date),
    sa.Column("change_number", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("connection_id", "external_id"),
    sa.Index("ix_accounts_owner", "owner_id", "id"),
    sa.Index("ix_accounts_change", "owner_id", "change_number", "id"),
)


@dataclass(frozen=True, slots=True)
class AccountRow:
    """An account as it is stored. `label`, `hidden` and `start_on` are the person's."""

    id: int
    owner_id: int
    connection_id: int
    external_id: str
    identity_hash: str | None
    parent_external_id: str | None
    name: str
    type: str
    currency: str
    mask: str | None
    active: bool
    created_at: datetime
    label: str | None
    hidden: bool
    start_on: date | None
    change_number: int


def of_connection(connection: sa.Connection, connection_id: int) -> list[AccountRow]:
    """Return every account of a connection, active or not."""
    query = (
        accounts.select().where(accounts.c.connection_id == connection_id).order_by(accounts.c.id)
    )
    return [AccountRow(*row) for row in connection.execute(query)]


def get(connection: sa.Connection, account_id: int, *, owner_id: int) -> AccountRow:
    """Return one of the owner's accounts. Raises NotFound."""
    query = accounts.select().where(accounts.c.id == account_id, accounts.c.owner_id == owner_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound("There is no such account.")
    return AccountRow(*row)


def create(connection: sa.Connection, values: dict[str, object]) -> int:
    """Store a new account; return its number."""
    statement = accounts.insert().values(values).returning(accounts.c.id)
    return int(connection.execute(statement).scalar_one())


def change(connection: sa.Connection, account_id: int, values: dict[str, object]) -> None:
    """Store new values of an account; they include its `change_number`."""
    connection.execute(accounts.update().where(accounts.c.id == account_id).values(values))


def deactivate(
    connection: sa.Connection, account_ids: Sequence[int], *, change_number: int
) -> None:
    """Note that the institution no longer lists these accounts. Nothing is deleted (sync.md 17)."""
    connection.execute(
        accounts.update()
        .where(accounts.c.id.in_(account_ids))
        .values(active=False, change_number=change_number)
    )
