"""Refresh tokens: only their hashes. The tokens of one session are a family, each used once."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from penstock.db.ending import BY_SESSION
from penstock.db.metadata import Id, Instant, metadata
from penstock.db.sessions import sessions

refresh_tokens = sa.Table(
    "refresh_tokens",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("session_id", Id, sa.ForeignKey("sessions.id", ondelete="CASCADE"), nullable=False),
    sa.Column("token_hash", sa.Text, nullable=False, unique=True),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("used_at", Instant),
    sa.Column("parent_id", Id),
    sa.Column("salt", sa.Text),
    sa.Index("ix_refresh_tokens_session", "session_id", "id"),
    sa.Index("ix_refresh_tokens_expiry", "expires_at"),
    sa.Index("ux_refresh_tokens_parent", "parent_id", unique=True),
    info=BY_SESSION,
)

_c = refresh_tokens.c


@dataclass(frozen=True, slots=True)
class TokenRow:
    """A refresh token as stored.

    `parent_id` is the token that was used up for it, of which it is the only child; `salt` is what
    it was derived with from that one. The first of a family has neither.
    """

    id: int
    session_id: int
    token_hash: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
    parent_id: int | None
    salt: str | None


def create(connection: sa.Connection, values: dict[str, object]) -> None:
    """Store a new token of a session."""
    connection.execute(refresh_tokens.insert().values(values))


def find(connection: sa.Connection, token_hash: str) -> TokenRow | None:
    """Return the token with this hash, used or not."""
    query = refresh_tokens.select().where(_c.token_hash == token_hash)
    row = connection.execute(query).one_or_none()
    return TokenRow(*row) if row else None


def use(connection: sa.Connection, token_id: int, *, now: datetime) -> bool:
    """Use a token up. Of any number at the same time, one is told True."""
    used = connection.execute(
        refresh_tokens.update().where(_c.id == token_id, _c.used_at.is_(None)).values(used_at=now)
    )
    return used.rowcount == 1


def child(connection: sa.Connection, token_id: int) -> TokenRow | None:
    """Return the token that was given for this one, if it was used."""
    query = refresh_tokens.select().where(_c.parent_id == token_id)
    row = connection.execute(query).one_or_none()
    return TokenRow(*row) if row else None


def delete_expired(connection: sa.Connection, *, before: datetime) -> int:
    """Delete tokens that ran out before `before`; return how many."""
    return connection.execute(refresh_tokens.delete().where(_c.expires_at < before)).rowcount


def any_good(connection: sa.Connection, user_id: int, *, at: datetime) -> bool:
    """Say whether a person has a token, used or not, that runs out only after `at`."""
    query = (
        sa.select(_c.id)
        .join(sessions, sessions.c.id == _c.session_id)
        .where(sessions.c.user_id == user_id, _c.expires_at > at)
        .limit(1)
    )
    return connection.execute(query).first() is not None
