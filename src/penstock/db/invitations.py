"""Invitations: a one-time link with which somebody makes themselves a person here."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from penstock.db.ending import DELETED
from penstock.db.metadata import Id, Instant, metadata
from penstock.domain.errors import NotFound

invitations = sa.Table(
    "invitations",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("user_id", Id, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("token_hash", sa.Text, nullable=False, unique=True),
    sa.Column("role", sa.Text, nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("expires_at", Instant, nullable=False),
    sa.Index("ix_invitations_user", "user_id"),
    info=DELETED,
)

_c = invitations.c


@dataclass(frozen=True, slots=True)
class InvitationRow:
    """An invitation as stored. `user_id` is whoever invites."""

    id: int
    user_id: int
    token_hash: str
    role: str
    note: str
    created_at: datetime
    expires_at: datetime


def create(connection: sa.Connection, values: dict[str, object], *, now: datetime) -> int:
    """Store an invitation, and forget those that ran out; return its number."""
    connection.execute(invitations.delete().where(_c.expires_at <= now))
    statement = invitations.insert().values(values).returning(_c.id)
    return int(connection.execute(statement).scalar_one())


def find(connection: sa.Connection, token_hash: str, *, now: datetime) -> InvitationRow | None:
    """Return the invitation with this token, if it is good."""
    query = invitations.select().where(_c.token_hash == token_hash, _c.expires_at > now)
    row = connection.execute(query).one_or_none()
    return InvitationRow(*row) if row else None


def page(
    connection: sa.Connection, *, now: datetime, after: int = 0, limit: int = 100
) -> list[InvitationRow]:
    """Return the invitations that are good, past the number `after`."""
    query = invitations.select().where(_c.expires_at > now, _c.id > after)
    return [InvitationRow(*row) for row in connection.execute(query.order_by(_c.id).limit(limit))]


def use(connection: sa.Connection, invitation_id: int) -> bool:
    """Use it up. Of any number at the same time, one is told True."""
    return connection.execute(invitations.delete().where(_c.id == invitation_id)).rowcount == 1


def withdraw(connection: sa.Connection, invitation_id: int) -> None:
    """Forget it. Raises NotFound."""
    if not use(connection, invitation_id):
        raise NotFound("There is no such invitation.")
