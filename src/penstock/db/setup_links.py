"""One-time links by which the first person is made. Only their hashes are kept."""

from datetime import datetime

import sqlalchemy as sa

from penstock.db.metadata import Instant, metadata

setup_links = sa.Table(
    "setup_links",
    metadata,
    sa.Column("token_hash", sa.Text, primary_key=True),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
)

_c = setup_links.c


def create(
    connection: sa.Connection, token_hash: str, *, now: datetime, expires_at: datetime
) -> None:
    """Store a new link, and forget those that ran out."""
    connection.execute(setup_links.delete().where(_c.expires_at <= now))
    connection.execute(
        setup_links.insert().values(token_hash=token_hash, created_at=now, expires_at=expires_at)
    )


def is_good(connection: sa.Connection, token_hash: str, *, now: datetime) -> bool:
    """Say whether there is such a link, and it has not run out."""
    query = sa.select(_c.token_hash).where(_c.token_hash == token_hash, _c.expires_at > now)
    return connection.execute(query).first() is not None


def delete_all(connection: sa.Connection) -> None:
    """Forget every link: there is somebody now."""
    connection.execute(setup_links.delete())
