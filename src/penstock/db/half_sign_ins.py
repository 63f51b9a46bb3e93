"""Sign-ins half done: the password was right, and the second factor is still asked for."""

from datetime import datetime

import sqlalchemy as sa

from penstock.db.ending import DELETED
from penstock.db.metadata import Id, Instant, metadata

half_sign_ins = sa.Table(
    "half_sign_ins",
    metadata,
    sa.Column("token_hash", sa.Text, primary_key=True),
    sa.Column("user_id", Id, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Index("ix_half_sign_ins_user", "user_id"),
    info=DELETED,
)

_c = half_sign_ins.c


def create(
    connection: sa.Connection, token_hash: str, *, user_id: int, now: datetime, expires_at: datetime
) -> None:
    """Store one, and forget those that ran out."""
    connection.execute(half_sign_ins.delete().where(_c.expires_at <= now))
    connection.execute(
        half_sign_ins.insert().values(token_hash=token_hash, user_id=user_id, expires_at=expires_at)
    )


def find(connection: sa.Connection, token_hash: str, *, now: datetime) -> int | None:
    """Return whose it is; None where there is none, or it ran out."""
    query = sa.select(_c.user_id).where(_c.token_hash == token_hash, _c.expires_at > now)
    return connection.execute(query).scalar_one_or_none()


def use(connection: sa.Connection, token_hash: str) -> bool:
    """Use it up. Of any number at the same time, one is told True."""
    done = connection.execute(half_sign_ins.delete().where(_c.token_hash == token_hash))
    return done.rowcount == 1
