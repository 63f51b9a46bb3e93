"""Authorization codes: only their hashes, each good once and for a minute (security.md C3).

A used one stays for a day, so that whoever shows it again is noticed.
"""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from penstock.db.ending import DELETED
from penstock.db.metadata import Id, Instant, metadata

authorization_codes = sa.Table(
    "authorization_codes",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("code_hash", sa.Text, nullable=False, unique=True),
    sa.Column("user_id", Id, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("client_id", sa.Text, nullable=False),
    sa.Column("redirect_uri", sa.Text, nullable=False),
    sa.Column("challenge", sa.Text, nullable=False),
    sa.Column("key_thumbprint", sa.Text),
    sa.Column("scope", sa.Text, nullable=False),
    sa.Column("proved_at", Instant),
    sa.Column("methods", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Column("used_at", Instant),
    sa.Column("replayed_at", Instant),
    sa.Column("session_id", Id),
    sa.Index("ix_authorization_codes_user_id", "user_id"),
    sa.Index("ix_authorization_codes_expiry", "expires_at"),
    info=DELETED,
)

_c = authorization_codes.c


@dataclass(frozen=True, slots=True)
class CodeRow:
    """A code as stored: what it is bound to, and what became of it.

    `session_id` is what it gave; `replayed_at` is when it was first shown a second time.
    """

    id: int
    code_hash: str
    user_id: int
    client_id: str
    redirect_uri: str
    challenge: str
    key_thumbprint: str | None
    scope: str
    proved_at: datetime | None
    methods: str
    created_at: datetime
    expires_at: datetime
    used_at: datetime | None
    replayed_at: datetime | None
    session_id: int | None


def create(connection: sa.Connection, values: dict[str, object]) -> None:
    """Store a new code."""
    connection.execute(authorization_codes.insert().values(values))


def find(connection: sa.Connection, code_hash: str) -> CodeRow | None:
    """Return the code with this hash, used or not."""
    query = authorization_codes.select().where(_c.code_hash == code_hash)
    row = connection.execute(query).one_or_none()
    return CodeRow(*row) if row else None


def use(connection: sa.Connection, code_id: int, *, now: datetime) -> bool:
    """Use a code up. Of any number at the same time, one is told True."""
    used = connection.execute(
        authorization_codes.update()
        .where(_c.id == code_id, _c.used_at.is_(None))
        .values(used_at=now)
    )
    return used.rowcount == 1


def note_session(connection: sa.Connection, code_id: int, session_id: int) -> bool:
    """Note what a code gave. False where it was shown again meanwhile: that must end at once."""
    query = authorization_codes.update().where(_c.id == code_id).values(session_id=session_id)
    replayed = connection.execute(query.returning(_c.replayed_at)).one_or_none()
    return replayed is not None and replayed[0] is None


def note_replay(connection: sa.Connection, code_id: int, *, now: datetime) -> int | None:
    """Note that a used code was shown again; return the session that it gave, if it did yet."""
    query = (
        authorization_codes.update()
        .where(_c.id == code_id)
        .values(replayed_at=sa.func.coalesce(_c.replayed_at, sa.literal(now, Instant)))
    )
    return connection.execute(query.returning(_c.session_id)).scalar_one_or_none()


def delete_of(connection: sa.Connection, *, user_id: int, client_id: str) -> None:
    """Delete what a person's yes to a program became."""
    connection.execute(
        authorization_codes.delete().where(_c.user_id == user_id, _c.client_id == client_id)
    )


def delete_expired(connection: sa.Connection, *, before: datetime) -> int:
    """Delete codes that ran out before `before`; return how many."""
    return connection.execute(authorization_codes.delete().where(_c.expires_at < before)).rowcount
