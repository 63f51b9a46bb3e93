"""Attempts to sign in, counted for all processes together (security.md L4).

What is counted (an account, an address, the two together) is kept as a keyed hash: people type
passwords into the field for the name.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from penstock.db.metadata import Instant, metadata

sign_in_attempts = sa.Table(
    "sign_in_attempts",
    metadata,
    sa.Column("subject", sa.Text, primary_key=True),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("last_at", Instant, nullable=False, index=True),
    sa.Column("not_before", Instant),
)

_c = sign_in_attempts.c


@dataclass(frozen=True, slots=True)
class Attempts:
    """What was counted of one subject, and until when it has to wait."""

    attempts: int
    not_before: datetime | None


def lock(
    connection: sa.Connection, subjects: Sequence[str], *, now: datetime
) -> Mapping[str, Attempts]:
    """Return the counts of these subjects, and hold them until the commit.

    They are taken in one order everywhere, so that two attempts never wait for each other.
    """
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert
    found = {}
    for subject in sorted(subjects):
        blank = insert(sign_in_attempts).values(subject=subject, attempts=0, last_at=now)
        held = connection.execute(
            blank.on_conflict_do_update(
                index_elements=[_c.subject], set_={"attempts": _c.attempts}
            ).returning(_c.attempts, _c.not_before)
        ).one()
        found[subject] = Attempts(*held)
    return found


def save(
    connection: sa.Connection,
    subject: str,
    *,
    attempts: int,
    not_before: datetime | None,
    now: datetime,
) -> None:
    """Store a subject's new count."""
    connection.execute(
        sign_in_attempts.update()
        .where(_c.subject == subject)
        .values(attempts=attempts, not_before=not_before, last_at=now)
    )


def delete(connection: sa.Connection, subjects: Sequence[str]) -> None:
    """Forget what was counted of these subjects."""
    connection.execute(sign_in_attempts.delete().where(_c.subject.in_(subjects)))


def delete_old(connection: sa.Connection, *, before: datetime) -> None:
    """Forget what was last attempted before `before`, but for what somebody holds just now."""
    old = sa.select(_c.subject).where(_c.last_at < before).with_for_update(skip_locked=True)
    connection.execute(sign_in_attempts.delete().where(_c.subject.in_(old)))
