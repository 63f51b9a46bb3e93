"""Personal access tokens: only their hashes. Each has a session of its own, and ends with it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from penstock.db.ending import BY_SESSION
from penstock.db.metadata import Id, Instant, metadata
from penstock.db.sessions import sessions
from penstock.domain.errors import NotFound

personal_tokens = sa.Table(
    "personal_tokens",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("user_id", Id, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column(
        "session_id",
        Id,
        sa.ForeignKey("sessions.id", ondelete="CASCADE"),
        nullable=False,
        unique=True,
    ),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("token_hash", sa.Text, nullable=False, unique=True),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("used_at", Instant),
    sa.Index("ix_personal_tokens_user", "user_id", "id"),
    info=BY_SESSION,
)

_c = personal_tokens.c


@dataclass(frozen=True, slots=True)
class PersonalRow:
    """A personal access token as stored; `scope` and `expires_at` are its session's."""

    id: int
    user_id: int
    session_id: int
    name: str
    created_at: datetime
    used_at: datetime | None
    scope: str
    expires_at: datetime


_WHOLE = (
    _c.id,
    _c.user_id,
    _c.session_id,
    _c.name,
    _c.created_at,
    _c.used_at,
    sessions.c.scope,
    sessions.c.expires_at,
)


def create(connection: sa.Connection, values: dict[str, object]) -> int:
    """Store a new token; return its number."""
    statement = personal_tokens.insert().values(values).returning(_c.id)
    return int(connection.execute(statement).scalar_one())


def find(connection: sa.Connection, token_hash: str) -> PersonalRow | None:
    """Return the token with this hash, whether it is still good or not."""
    query = sa.select(*_WHOLE).join_from(personal_tokens, sessions)
    row = connection.execute(query.where(_c.token_hash == token_hash)).one_or_none()
    return PersonalRow(*row) if row else None


def get(connection: sa.Connection, token_id: int, *, user_id: int, now: datetime) -> PersonalRow:
    """Return one of the person's tokens that is still good. Raises NotFound."""
    query = _of(user_id, now).where(_c.id == token_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound("There is no such personal access token.")
    return PersonalRow(*row)


def page(
    connection: sa.Connection, *, user_id: int, now: datetime, after: int = 0, limit: int = 100
) -> list[PersonalRow]:
    """Return the person's tokens that are good, in the order they were made, past `after`."""
    query = _of(user_id, now).where(_c.id > after).order_by(_c.id).limit(limit)
    return [PersonalRow(*row) for row in connection.execute(query)]


def count(connection: sa.Connection, *, user_id: int, now: datetime) -> int:
    """Say how many good tokens the person has."""
    query = sa.select(sa.func.count()).select_from(_of(user_id, now).subquery())
    return int(connection.execute(query).scalar_one())


def touch(connection: sa.Connection, token_id: int, *, now: datetime) -> None:
    """Note that a token was used."""
    connection.execute(personal_tokens.update().where(_c.id == token_id).values(used_at=now))


def _of(user_id: int, now: datetime) -> sa.Select[Any]:
    return (
        sa.select(*_WHOLE)
        .join_from(personal_tokens, sessions)
        .where(_c.user_id == user_id, sessions.c.ended_at.is_(None), sessions.c.expires_at > now)
    )
