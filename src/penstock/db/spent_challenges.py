"""Challenges that were answered: each is good for one answer, and remembered until it runs out."""

from datetime import datetime

import sqlalchemy as sa

from penstock.db.metadata import Instant, metadata

spent_challenges = sa.Table(
    "spent_challenges",
    metadata,
    sa.Column("challenge_hash", sa.Text, primary_key=True),
    sa.Column("expires_at", Instant, nullable=False),
)

_c = spent_challenges.c


def spend(
    connection: sa.Connection, challenge_hash: str, *, now: datetime, expires_at: datetime
) -> bool:
    """Use a challenge up. Of any number at the same time, one is told True."""
    connection.execute(spent_challenges.delete().where(_c.expires_at <= now))
    try:
        with connection.begin_nested():
            connection.execute(
                spent_challenges.insert().values(
                    challenge_hash=challenge_hash, expires_at=expires_at
                )
            )
    except sa.exc.IntegrityError:
        return False
    return True
