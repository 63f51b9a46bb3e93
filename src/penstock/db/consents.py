"""What people allowed programs to do: one row for each person and program."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from penstock.db.clients import clients
from penstock.db.metadata import Id, Instant, metadata
from penstock.domain.errors import NotFound

consents = sa.Table(
    "consents",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("owner_id", Id, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column(
        "client_id", sa.Text, sa.ForeignKey("clients.id", ondelete="CASCADE"), nullable=False
    ),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("given_at", Instant, nullable=False),
    sa.UniqueConstraint("owner_id", "client_id"),
    sa.Index("ix_consents_client_id", "client_id"),
)

_c = consents.c


@dataclass(frozen=True, slots=True)
class ConsentRow:
    """A consent as it is shown. `scope` is joined by spaces."""

    id: int
    client_id: str
    client_name: str
    scope: str
    given_at: datetime


def scope_of(connection: sa.Connection, *, owner_id: int, client_id: str) -> str | None:
    """Return what a person allowed a program, None where they never did."""
    query = sa.select(_c.scope).where(_c.owner_id == owner_id, _c.client_id == client_id)
    return connection.execute(query).scalar_one_or_none()


def save(
    connection: sa.Connection, *, owner_id: int, client_id: str, scope: str, now: datetime
) -> None:
    """Remember what a person allows a program, in place of what they allowed it before."""
    known = connection.execute(
        consents.update()
        .where(_c.owner_id == owner_id, _c.client_id == client_id)
        .values(scope=scope, given_at=now)
    )
    if known.rowcount == 0:
        row = {"owner_id": owner_id, "client_id": client_id, "scope": scope, "given_at": now}
        connection.execute(consents.insert().values(row))


def get(connection: sa.Connection, consent_id: int, *, owner_id: int) -> ConsentRow:
    """Return one of a person's consents. Raises NotFound."""
    query = _shown().where(_c.id == consent_id, _c.owner_id == owner_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound("There is no such consent.")
    return ConsentRow(*row)


def page(
    connection: sa.Connection, *, owner_id: int, after: int = 0, limit: int = 100
) -> list[ConsentRow]:
    """Return a person's consents in the order they were first given, past the number `after`."""
    query = _shown().where(_c.owner_id == owner_id, _c.id > after).order_by(_c.id).limit(limit)
    return [ConsentRow(*row) for row in connection.execute(query)]


def delete(connection: sa.Connection, consent_id: int, *, owner_id: int) -> None:
    """Delete one of a person's consents."""
    connection.execute(consents.delete().where(_c.id == consent_id, _c.owner_id == owner_id))


def _shown() -> sa.Select[*tuple[Any, ...]]:
    return sa.select(_c.id, _c.client_id, clients.c.name, _c.scope, _c.given_at).join_from(
        consents, clients
    )
