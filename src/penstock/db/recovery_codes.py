"""Recovery codes: only their keyed hashes, each good once."""

from collections.abc import Iterable
from datetime import datetime

import sqlalchemy as sa

from penstock.db.ending import KEPT
from penstock.db.metadata import Id, Instant, metadata

recovery_codes = sa.Table(
    "recovery_codes",
    metadata,
    sa.Column(
        "user_id",
        Id,
        sa.ForeignKey("users.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("code_hash", sa.Text, primary_key=True),
    sa.Column("created_at", Instant, nullable=False),
    info=KEPT,
)

_c = recovery_codes.c


def replace(
    connection: sa.Connection, user_id: int, hashes: Iterable[str], *, now: datetime
) -> None:
    """Store new codes in place of all that there were."""
    connection.execute(recovery_codes.delete().where(_c.user_id == user_id))
    rows = [{"user_id": user_id, "code_hash": one, "created_at": now} for one in hashes]
    if rows:
        connection.execute(recovery_codes.insert(), rows)


def use(connection: sa.Connection, user_id: int, code_hash: str) -> bool:
    """Use a code up. Of any number at the same time, one is told True."""
    used = connection.execute(
        recovery_codes.delete().where(_c.user_id == user_id, _c.code_hash == code_hash)
    )
    return used.rowcount == 1


def count(connection: sa.Connection, user_id: int) -> int:
    """Return how many codes are left."""
    query = sa.select(sa.func.count()).where(_c.user_id == user_id)
    return int(connection.execute(query).scalar_one())
