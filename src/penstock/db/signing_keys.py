"""The keys that sign access tokens, sealed. Several at a time may be good, the newest one signs."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from penstock.db.metadata import Instant, metadata

signing_keys = sa.Table(
    "signing_keys",
    metadata,
    sa.Column("kid", sa.Text, primary_key=True),
    sa.Column("sealed", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("retired_at", Instant),
)

_c = signing_keys.c


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A signing key as stored. Until `retired_at` tokens that it signed are good."""

    kid: str
    sealed: str
    created_at: datetime
    retired_at: datetime | None


def lock_all(connection: sa.Connection) -> None:
    """Let nobody else add a key until this transaction ends, so that a first key is made once."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("LOCK TABLE signing_keys IN SHARE ROW EXCLUSIVE MODE")


def good(connection: sa.Connection, *, now: datetime) -> list[KeyRow]:
    """Return the keys that are good, the newest first, and last those that will retire."""
    query = (
        signing_keys.select()
        .where(sa.or_(_c.retired_at.is_(None), _c.retired_at > now))
        .order_by(_c.retired_at.is_not(None), _c.created_at.desc(), _c.kid)
    )
    return [KeyRow(*row) for row in connection.execute(query)]


def create(connection: sa.Connection, *, kid: str, sealed: str, now: datetime) -> None:
    """Store a new key."""
    connection.execute(signing_keys.insert().values(kid=kid, sealed=sealed, created_at=now))


def retire(connection: sa.Connection, kid: str, *, at: datetime) -> None:
    """Let the tokens of a key be good until `at`, and no longer."""
    connection.execute(signing_keys.update().where(_c.kid == kid).values(retired_at=at))
