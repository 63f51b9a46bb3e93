"""Authorization requests that wait here: only the hashes of the names under which they do.

A client pushed one (RFC 9126); or the person is proving once more who they are.
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from penstock.db.metadata import Instant, metadata

pushed_requests = sa.Table(
    "pushed_requests",
    metadata,
    sa.Column("name_hash", sa.Text, primary_key=True),
    sa.Column("client_id", sa.Text, nullable=False),
    sa.Column("parameters", sa.Text, nullable=False),
    sa.Column("opened_at", Instant),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Index("ix_pushed_requests_expiry", "expires_at"),
)

_c = pushed_requests.c


@dataclass(frozen=True, slots=True)
class PushedRow:
    """A request as stored; `parameters` is a JSON object. `opened_at`: a browser came with it."""

    name_hash: str
    client_id: str
    parameters: str
    opened_at: datetime | None
    expires_at: datetime


def create(connection: sa.Connection, row: PushedRow) -> None:
    """Store a request."""
    connection.execute(
        pushed_requests.insert().values(
            name_hash=row.name_hash,
            client_id=row.client_id,
            parameters=row.parameters,
            opened_at=row.opened_at,
            expires_at=row.expires_at,
        )
    )


def find(connection: sa.Connection, name_hash: str, *, now: datetime) -> PushedRow | None:
    """Return the request of this name, if it has not run out."""
    query = pushed_requests.select().where(_c.name_hash == name_hash, _c.expires_at > now)
    row = connection.execute(query).one_or_none()
    return PushedRow(*row) if row else None


def take(connection: sa.Connection, name_hash: str) -> bool:
    """Delete a request. Of any number at the same time, one is told True."""
    return (
        connection.execute(pushed_requests.delete().where(_c.name_hash == name_hash)).rowcount == 1
    )


def count(connection: sa.Connection, *, client_id: str) -> int:
    """Return how many requests of a client are waiting."""
    query = sa.select(sa.func.count()).where(_c.client_id == client_id)
    return int(connection.execute(query).scalar_one())


def delete_expired(connection: sa.Connection, *, before: datetime) -> int:
    """Delete requests that ran out before `before`; return how many."""
    return connection.execute(pushed_requests.delete().where(_c.expires_at < before)).rowcount
