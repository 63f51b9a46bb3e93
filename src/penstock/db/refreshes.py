"""The journal of token refreshes: each is written down before the bank is asked (sync.md 25).

One that was asked and never answered tells of a crash between the bank's answer and our commit.
"""

from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa

from penstock.db.metadata import Id, Instant, metadata

refreshes = sa.Table(
    "refreshes",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column(
        "connection_id", Id, sa.ForeignKey("connections.id", ondelete="CASCADE"), nullable=False
    ),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("asked_at", Instant, nullable=False),
    sa.Column("answered_at", Instant),
    sa.Column("outcome", sa.Text, nullable=False),
    sa.Index("ix_refreshes_connection", "connection_id", "id"),
)

KEPT = 20
"""How many versions of a connection's credentials the journal reaches back."""


class RefreshOutcome(StrEnum):
    """What came of a refresh. LOST: whoever asked died before it could tell."""

    ASKED = "asked"
    OK = "ok"
    REFUSED = "refused"
    FAILED = "failed"
    LOST = "lost"


def ask(connection: sa.Connection, connection_id: int, version: int, *, now: datetime) -> int:
    """Write down that the bank is about to be asked; return how often that was lost before.

    Counted are the lost refreshes of this very version: more than one means that they die again
    and again.
    """
    c = refreshes.c
    ours = sa.and_(c.connection_id == connection_id, c.version == version)
    connection.execute(
        refreshes.update()
        .where(ours, c.outcome == RefreshOutcome.ASKED)
        .values(outcome=RefreshOutcome.LOST, answered_at=now)
    )
    counted = sa.select(sa.func.count()).where(ours, c.outcome == RefreshOutcome.LOST)
    lost = int(connection.execute(counted).scalar_one())
    connection.execute(
        refreshes.insert().values(
            connection_id=connection_id, version=version, asked_at=now, outcome=RefreshOutcome.ASKED
        )
    )
    connection.execute(
        refreshes.delete().where(c.connection_id == connection_id, c.version < version - KEPT)
    )
    return lost


def answered(
    connection: sa.Connection,
    connection_id: int,
    version: int,
    outcome: RefreshOutcome,
    *,
    now: datetime,
) -> None:
    """Write down what came of the refresh that is under way."""
    c = refreshes.c
    connection.execute(
        refreshes.update()
        .where(
            c.connection_id == connection_id,
            c.version == version,
            c.outcome == RefreshOutcome.ASKED,
        )
        .values(outcome=outcome, answered_at=now)
    )
