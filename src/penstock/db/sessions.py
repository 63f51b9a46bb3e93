"""Sessions: one for each time that somebody signed in, until it ends (security.md R5, R6)."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from penstock.db.metadata import Id, Instant, metadata
from penstock.db.users import users
from penstock.domain.errors import NotFound

sessions = sa.Table(
    "sessions",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("user_id", Id, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("address", sa.Text, nullable=False),
    sa.Column("agent", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("used_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("ended_at", Instant),
    sa.Column("ended_why", sa.Text),
    sa.Column("client_id", sa.Text, nullable=False, server_default="penstock"),
    sa.Column("proved_at", Instant),
    sa.Column("methods", sa.Text, nullable=False, server_default="pwd"),
    sa.Column("key_thumbprint", sa.Text),
    sa.Index("ix_sessions_user", "user_id", "id"),
)

_c = sessions.c


@dataclass(frozen=True, slots=True)
class SessionRow:
    """A session as stored. `address` and `agent` say where it began, so that people know it.

    `client_id` is the program it was given to. `proved_at` is when the person last proved who they
    are (None: it is not known), by the `methods` of RFC 8176, joined by spaces. `key_thumbprint` is
    that of the key to which its tokens are bound (RFC 9449 §6), where they are.
    """

    id: int
    user_id: int
    scope: str
    address: str
    agent: str
    created_at: datetime
    used_at: datetime
    expires_at: datetime
    ended_at: datetime | None
    ended_why: str | None
    client_id: str
    proved_at: datetime | None
    methods: str
    key_thumbprint: str | None


@dataclass(frozen=True, slots=True)
class Holder:
    """Whose a live session is, and when they last proved who they are."""

    user_id: int
    username: str
    role: str
    proved_at: datetime | None


def create(connection: sa.Connection, values: dict[str, object]) -> int:
    """Store a new session; return its number."""
    statement = sessions.insert().values(values).returning(_c.id)
    return int(connection.execute(statement).scalar_one())


def holder(connection: sa.Connection, session_id: int, *, now: datetime) -> Holder | None:
    """Return whose live session it is: not ended, not expired, the person not disabled."""
    query = (
        sa.select(users.c.id, users.c.username, users.c.role, _c.proved_at)
        .join_from(sessions, users)
        .where(_c.id == session_id, *_live(now), users.c.disabled_at.is_(None))
    )
    row = connection.execute(query).one_or_none()
    return Holder(*row) if row else None


def touch(connection: sa.Connection, session_id: int, *, now: datetime) -> SessionRow | None:
    """Note that a session was used, and hold it until the commit. None where it is not live."""
    able = sa.select(users.c.id).where(users.c.disabled_at.is_(None))
    used = connection.execute(
        sessions.update()
        .where(_c.id == session_id, *_live(now), _c.user_id.in_(able))
        .values(used_at=now)
    )
    if used.rowcount != 1:
        return None
    return SessionRow(*connection.execute(sessions.select().where(_c.id == session_id)).one())


def get(connection: sa.Connection, session_id: int, *, user_id: int) -> SessionRow:
    """Return one of the person's sessions, live or not. Raises NotFound."""
    query = sessions.select().where(_c.id == session_id, _c.user_id == user_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound("There is no such session.")
    return SessionRow(*row)


def find(connection: sa.Connection, session_id: int) -> SessionRow | None:
    """Return a session, whosever it is, live or not."""
    row = connection.execute(sessions.select().where(_c.id == session_id)).one_or_none()
    return SessionRow(*row) if row else None


def page(
    connection: sa.Connection, *, user_id: int, now: datetime, after: int = 0, limit: int = 100
) -> list[SessionRow]:
    """Return the person's live sessions in the order they began, past the number `after`.

    Those of personal access tokens, in which nobody proved who they are, are no sign-ins.
    """
    query = (
        sessions.select()
        .where(_c.user_id == user_id, _c.id > after, *_live(now))
        .where(_c.methods != "")
        .order_by(_c.id)
        .limit(limit)
    )
    return [SessionRow(*row) for row in connection.execute(query)]


def prove(connection: sa.Connection, session_id: int, *, methods: str, now: datetime) -> None:
    """Note that the person proved once more who they are, and by which methods."""
    connection.execute(
        sessions.update()
        .where(_c.id == session_id, _c.ended_at.is_(None))
        .values(proved_at=now, methods=methods)
    )


def end(connection: sa.Connection, session_id: int, *, why: str, now: datetime) -> None:
    """End a session; one that ended before keeps its reason."""
    connection.execute(
        sessions.update()
        .where(_c.id == session_id, _c.ended_at.is_(None))
        .values(ended_at=now, ended_why=why)
    )


def end_all(
    connection: sa.Connection,
    user_id: int,
    *,
    why: str,
    now: datetime,
    keep: int | None = None,
) -> list[int]:
    """End all of a person's sessions but `keep`; return the numbers of those that were live."""
    statement = (
        sessions.update()
        .where(_c.user_id == user_id, _c.ended_at.is_(None), _c.id != (keep or 0))
        .values(ended_at=now, ended_why=why)
    )
    return list(connection.execute(statement.returning(_c.id)).scalars())


def end_of_client(
    connection: sa.Connection,
    client_id: str,
    *,
    why: str,
    now: datetime,
    user_id: int | None = None,
) -> list[int]:
    """End the sessions of a program, one person's or all; return those that were live."""
    statement = (
        sessions.update()
        .where(_c.client_id == client_id, _c.ended_at.is_(None))
        .values(ended_at=now, ended_why=why)
    )
    if user_id is not None:
        statement = statement.where(_c.user_id == user_id)
    return list(connection.execute(statement.returning(_c.id)).scalars())


def began_at(connection: sa.Connection, *, username: str, address: str, since: datetime) -> bool:
    """Say whether this person signed in from this address since then."""
    query = (
        sa.select(_c.id)
        .join_from(sessions, users)
        .where(users.c.username == username, _c.address == address, _c.created_at >= since)
        .limit(1)
    )
    return connection.execute(query).first() is not None


def _live(now: datetime) -> tuple[sa.ColumnElement[bool], ...]:
    return _c.ended_at.is_(None), _c.expires_at > now
