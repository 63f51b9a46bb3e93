"""Accounts at institutions: what the provider says of them, and what the person does."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from penstock.db import connections
from penstock.db.matching import plain
from penstock.db.metadata import Id, Instant, metadata
from penstock.db.prepared import Prepared
from penstock.domain.errors import NotFound
from penstock.domain.imported import FILES

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


_OF_CONNECTION: Final = Prepared(
    accounts.select().where(accounts.c.connection_id == sa.bindparam("of")).order_by(accounts.c.id)
)


def of_connection(connection: sa.Connection, connection_id: int) -> list[AccountRow]:
    """Return every account of a connection, active or not."""
    return [AccountRow(*row) for row in _OF_CONNECTION.rows(connection, {"of": connection_id})]


def beside(
    connection: sa.Connection, connection_id: int, institution_id: str, *, connected: bool
) -> list[AccountRow]:
    """Return the accounts that other connections of the same owner and connector have.

    Of the same institution; of those that are connected, or of those that no longer are.
    """
    mine, c = connections.connections.alias("mine"), connections.connections.c
    ended = c.disconnected_at.is_(None) if connected else c.disconnected_at.is_not(None)
    query = (
        accounts.select()
        .join(connections.connections, c.id == accounts.c.connection_id)
        .join(mine, sa.and_(mine.c.owner_id == c.owner_id, mine.c.connector == c.connector))
        .where(mine.c.id == connection_id, c.id != connection_id, ended)
        .where(c.institution_id == institution_id)
        .order_by(accounts.c.id)
    )
    return [AccountRow(*row) for row in connection.execute(query)]


def of_files(
    connection: sa.Connection, connection_id: int, hashes: Sequence[str], *, currency: str
) -> list[AccountRow]:
    """Return accounts in a currency that files have made, and that say one of these of themselves.

    They are of the connection's owner.
    """
    mine, c = connections.connections.alias("mine"), connections.connections.c
    query = (
        accounts.select()
        .join(connections.connections, c.id == accounts.c.connection_id)
        .join(mine, sa.and_(mine.c.owner_id == c.owner_id, mine.c.id == connection_id))
        .where(c.connector == FILES, accounts.c.currency == currency)
        .where(accounts.c.identity_hash.in_(hashes))
        .order_by(accounts.c.id)
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


class Listed(NamedTuple):
    """What an account says of how its rows are listed. `starts`: it has a `start_on`."""

    id: int
    hidden: bool
    starts: bool


_LISTED: Final = Prepared(
    sa.select(
        accounts.c.id,
        accounts.c.connection_id,
        accounts.c.hidden,
        accounts.c.start_on.is_not(None),
    )
    .where(accounts.c.owner_id == sa.bindparam("owner"))
    .order_by(accounts.c.id)
)


def listed_under(
    connection: sa.Connection, *, owner_id: int, account_id: int | None, connection_id: int | None
) -> list[Listed]:
    """Return the owner's accounts: all, one, or a connection's.

    Raises NotFound where the account or the connection named is not the owner's.
    """
    if account_id is not None:
        get(connection, account_id, owner_id=owner_id)
    if connection_id is not None:
        connections.get(connection, connection_id, owner_id=owner_id)
    return [
        Listed(number, bool(hidden), bool(starts))
        for number, of, hidden, starts in _LISTED.rows(connection, {"owner": owner_id})
        if account_id in (None, number) and connection_id in (None, of)
    ]


def reading() -> sa.Select[Any]:
    """Select accounts as they are read; days and instants are plain (matching.plain).

    `parent_id` is the number of the account that one is a part of.
    """
    c, parent = accounts.c, accounts.alias("parent")
    above = sa.and_(
        parent.c.connection_id == c.connection_id, parent.c.external_id == c.parent_external_id
    )
    columns = (c.id, c.connection_id, parent.c.id.label("parent_id"), c.name, c.label, c.type)
    rest = (c.currency, c.mask, c.active, c.hidden, plain(c.start_on), plain(c.created_at))
    return sa.select(*columns, *rest).select_from(accounts.outerjoin(parent, above))


def shown(connection: sa.Connection, account_id: int, *, owner_id: int) -> sa.Row[Any]:
    """Return one of the owner's accounts as it is read. Raises NotFound."""
    c = accounts.c
    query = reading().where(c.id == account_id, c.owner_id == owner_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound("There is no such account.")
    return row


class Wanted(NamedTuple):
    """Which accounts to list: of one connection, or all; hidden ones too, or not."""

    connection_id: int | None = None
    hidden: bool = True


def page(
    connection: sa.Connection, wanted: Wanted, *, owner_id: int, after: int = 0, limit: int
) -> Sequence[sa.Row[Any]]:
    """Return the owner's accounts as they are read, in the order of their numbers, past `after`.

    Raises NotFound where a connection is named that is not the owner's.
    """
    c = accounts.c
    query = reading().where(c.owner_id == owner_id, c.id > after).order_by(c.id).limit(limit)
    if wanted.connection_id is not None:
        connections.get(connection, wanted.connection_id, owner_id=owner_id)
        query = query.where(c.connection_id == wanted.connection_id)
    if not wanted.hidden:
        query = query.where(c.hidden.is_(False))
    return connection.execute(query).all()


def count_by_connection(connection: sa.Connection, *, owner_id: int) -> dict[int, int]:
    """Return how many accounts each of the owner's connections has; none is not listed."""
    c = accounts.c
    query = (
        sa.select(c.connection_id, sa.func.count().label("accounts"))
        .where(c.owner_id == owner_id)
        .group_by(c.connection_id)
    )
    return {row.connection_id: row.accounts for row in connection.execute(query)}
