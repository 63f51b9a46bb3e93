"""Programs that people may let in: registered, each with its redirect addresses and scopes."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from penstock.db.metadata import Instant, metadata

clients = sa.Table(
    "clients",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("secret_hash", sa.Text),
    sa.Column("redirect_uris", sa.Text, nullable=False),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
)

_c = clients.c


@dataclass(frozen=True, slots=True)
class ClientRow:
    """A program as stored. `redirect_uris` and `scope` are joined by spaces.

    `secret_hash` is None for a public client: one that can keep no secret.
    """

    id: str
    name: str
    secret_hash: str | None
    redirect_uris: str
    scope: str
    created_at: datetime

    def __repr__(self) -> str:
        return f"ClientRow({self.id}, {self.name!r})"


def create(connection: sa.Connection, row: ClientRow) -> None:
    """Store a new program."""
    connection.execute(
        clients.insert().values(
            id=row.id,
            name=row.name,
            secret_hash=row.secret_hash,
            redirect_uris=row.redirect_uris,
            scope=row.scope,
            created_at=row.created_at,
        )
    )


def find(connection: sa.Connection, client_id: str) -> ClientRow | None:
    """Return the program with this id, if there is one."""
    row = connection.execute(clients.select().where(_c.id == client_id)).one_or_none()
    return ClientRow(*row) if row else None


def page(connection: sa.Connection, *, after: str = "", limit: int = 100) -> list[ClientRow]:
    """Return programs in the order of their ids, those past `after`."""
    query = clients.select().where(_c.id > after).order_by(_c.id).limit(limit)
    return [ClientRow(*row) for row in connection.execute(query)]


def delete(connection: sa.Connection, client_id: str) -> bool:
    """Delete a program, with what it was allowed; say whether there was one."""
    return connection.execute(clients.delete().where(_c.id == client_id)).rowcount == 1
