"""Links under way: a person was sent to the bank and has not come back yet (O1, O2)."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from penstock.db.ending import BY_SESSION
from penstock.db.metadata import Id, Instant, metadata

links = sa.Table(
    "links",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("state_hash", sa.Text, nullable=False, unique=True),
    sa.Column("owner_id", Id, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("connector", sa.Text, nullable=False),
    sa.Column("plan", sa.Integer, nullable=False),
    sa.Column("connection_id", Id, sa.ForeignKey("connections.id", ondelete="CASCADE")),
    sa.Column("verifier", sa.Text),
    sa.Column("redirect_uri", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("used_at", Instant),
    sa.Column("result_connection_id", Id),
    sa.Column("failure", sa.Text),
    sa.Column("session_id", Id),
    info=BY_SESSION,
)


@dataclass(frozen=True, slots=True)
class LinkRow:
    """A link under way. `connection_id` is set where a consent is being renewed.

    `session_id` is of the session that began it, where one did.
    """

    id: int
    state_hash: str
    owner_id: int
    connector: str
    plan: int
    connection_id: int | None
    verifier: str | None
    redirect_uri: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
    result_connection_id: int | None
    failure: str | None
    session_id: int | None


def create(connection: sa.Connection, values: dict[str, object]) -> int:
    """Store a link that begins; return its number."""
    statement = links.insert().values(values).returning(links.c.id)
    return int(connection.execute(statement).scalar_one())


def seal_verifier(connection: sa.Connection, link_id: int, verifier: str) -> None:
    """Store the sealed PKCE verifier, bound to the row's own number."""
    connection.execute(links.update().where(links.c.id == link_id).values(verifier=verifier))


def under_way(connection: sa.Connection, state_hash: str, *, now: datetime) -> LinkRow | None:
    """Return the link that a state is of, unless it was used or is too old; use nothing up."""
    c = links.c
    query = links.select().where(
        c.state_hash == state_hash, c.used_at.is_(None), c.expires_at > now
    )
    row = connection.execute(query).one_or_none()
    return LinkRow(*row) if row else None


def use(connection: sa.Connection, state_hash: str, *, now: datetime) -> LinkRow | None:
    """Use a state up: of any number of callbacks with it, one gets the row, the others None.

    The verifier is forgotten in the same statement (the row returned still has it).
    """
    c = links.c
    query = links.select().where(
        c.state_hash == state_hash, c.used_at.is_(None), c.expires_at > now
    )
    row = connection.execute(query.with_for_update()).one_or_none()
    if row is None:
        return None
    used = connection.execute(
        links.update().where(c.id == row.id, c.used_at.is_(None)).values(used_at=now, verifier=None)
    )
    return LinkRow(*row) if used.rowcount == 1 else None


def close(
    connection: sa.Connection, link_id: int, *, connection_id: int | None, failure: str | None
) -> None:
    """Note how a link ended, for the program that waits for it."""
    connection.execute(
        links.update()
        .where(links.c.id == link_id)
        .values(result_connection_id=connection_id, failure=failure)
    )


def find(connection: sa.Connection, link_id: int, *, owner_id: int) -> LinkRow | None:
    """Return one of the owner's links."""
    query = links.select().where(links.c.id == link_id, links.c.owner_id == owner_id)
    row = connection.execute(query).one_or_none()
    return LinkRow(*row) if row else None


def delete_expired(connection: sa.Connection, *, before: datetime) -> int:
    """Delete links that ran out before `before`; return how many."""
    return connection.execute(links.delete().where(links.c.expires_at < before)).rowcount
