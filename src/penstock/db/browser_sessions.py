"""Sessions of a browser: only the hash of each cookie. When one ends is in `sessions`."""

from datetime import datetime

import sqlalchemy as sa

from penstock.db.ending import BY_SESSION
from penstock.db.metadata import Id, Instant, metadata
from penstock.db.sessions import SessionRow, sessions
from penstock.db.users import users

browser_sessions = sa.Table(
    "browser_sessions",
    metadata,
    sa.Column(
        "session_id",
        Id,
        sa.ForeignKey("sessions.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("token_hash", sa.Text, nullable=False, unique=True),
    sa.Column("created_at", Instant, nullable=False),
    info=BY_SESSION,
)

_c = browser_sessions.c


def create(connection: sa.Connection, *, session_id: int, token_hash: str, now: datetime) -> None:
    """Store the cookie of a session."""
    connection.execute(
        browser_sessions.insert().values(
            session_id=session_id, token_hash=token_hash, created_at=now
        )
    )


def find(
    connection: sa.Connection, token_hash: str, *, now: datetime
) -> tuple[SessionRow, str] | None:
    """Return the live session of a cookie, and the person's name; None where it is over."""
    live = (sessions.c.ended_at.is_(None), sessions.c.expires_at > now)
    query = (
        sa.select(sessions, users.c.username)
        .join_from(browser_sessions, sessions)
        .join(users)
        .where(_c.token_hash == token_hash, *live, users.c.disabled_at.is_(None))
    )
    row = connection.execute(query).one_or_none()
    return (SessionRow(*row[:-1]), str(row[-1])) if row else None


def extend(
    connection: sa.Connection, session_id: int, *, now: datetime, expires_at: datetime
) -> None:
    """Note that a session is used, and until when it lasts now; one that ended stays so."""
    live = (sessions.c.ended_at.is_(None), sessions.c.expires_at > now)
    connection.execute(
        sessions.update()
        .where(sessions.c.id == session_id, *live)
        .values(used_at=now, expires_at=expires_at)
    )
