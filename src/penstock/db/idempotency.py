"""What a POST with an `Idempotency-Key` answered, so that sending it again does nothing twice."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from penstock.db.metadata import Id, Instant, metadata

idempotency_keys = sa.Table(
    "idempotency_keys",
    metadata,
    sa.Column(
        "owner_id",
        Id,
        sa.ForeignKey("users.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column("key_hash", sa.Text, primary_key=True),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("answer", sa.Text),
    sa.Column("started_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
)

_c = idempotency_keys.c


@dataclass(frozen=True, slots=True)
class Kept:
    """A request that came before. `answer` is sealed; None while it is still being worked on."""

    fingerprint: str
    answer: str | None


@dataclass(frozen=True, slots=True)
class Once:
    """One person's request under one key."""

    owner_id: int
    key_hash: str
    fingerprint: str


def begin(
    connection: sa.Connection,
    asked: Once,
    *,
    now: datetime,
    expires_at: datetime,
    abandoned_before: datetime,
) -> Kept | None:
    """Take a key: None where the request is now ours to do, else what came before it.

    Of any number at the same time, one gets None. A request that was begun before
    `abandoned_before` and has no answer died with its process: its key is free again.
    """
    _delete_expired(connection, asked.owner_id, now=now)
    values = {
        "owner_id": asked.owner_id,
        "key_hash": asked.key_hash,
        "fingerprint": asked.fingerprint,
        "answer": None,
        "started_at": now,
        "expires_at": expires_at,
    }
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert
    taken = connection.execute(
        insert(idempotency_keys).values(values).on_conflict_do_nothing().returning(_c.key_hash)
    ).first()
    if taken is not None:
        return None
    again = connection.execute(
        idempotency_keys.update()
        .where(*_same(asked), _c.answer.is_(None), _c.started_at < abandoned_before)
        .values(values)
    )
    if again.rowcount == 1:
        return None
    row = connection.execute(
        sa.select(_c.fingerprint, _c.answer).where(*_same(asked))
    ).one_or_none()
    return Kept(*row) if row else Kept(asked.fingerprint, None)


def keep(connection: sa.Connection, asked: Once, answer: str) -> None:
    """Store the sealed answer."""
    connection.execute(idempotency_keys.update().where(*_same(asked)).values(answer=answer))


def forget(connection: sa.Connection, asked: Once) -> None:
    """Free a key whose request did nothing."""
    connection.execute(idempotency_keys.delete().where(*_same(asked), _c.answer.is_(None)))


def _same(asked: Once) -> tuple[sa.ColumnElement[bool], ...]:
    return _c.owner_id == asked.owner_id, _c.key_hash == asked.key_hash


def _delete_expired(connection: sa.Connection, owner_id: int, *, now: datetime) -> None:
    connection.execute(
        idempotency_keys.delete().where(_c.owner_id == owner_id, _c.expires_at <= now)
    )
