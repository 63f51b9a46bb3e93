"""Tokens that opened a bank, are gone from here, and are still to be revoked there (O9).

They stand here sealed, apart from what syncs read, until the bank confirms or nothing of them can
be good any more. `next_at` is when they are tried next; None: never again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from penstock.db.metadata import Id, Instant, metadata

revocations = sa.Table(
    "revocations",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column(
        "owner_id", Id, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True
    ),
    sa.Column("connector", sa.Text, nullable=False),
    sa.Column("plan", sa.Integer, nullable=False),
    sa.Column("access", sa.Text),
    sa.Column("refresh", sa.Text),
    sa.Column("key", sa.Text),
    sa.Column("expires_at", Instant),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("next_at", Instant, index=True),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("failure", sa.Text),
)


@dataclass(frozen=True, slots=True)
class RevocationRow:
    """What is to be revoked, sealed; without `access` it was given up.

    `plan` is the link plan's number, `expires_at` the access token's end, `failure` why it was not
    revoked the last time.
    """

    id: int
    owner_id: int
    connector: str
    plan: int
    access: str | None
    refresh: str | None
    key: str | None
    expires_at: datetime | None
    created_at: datetime
    next_at: datetime | None
    attempts: int
    failure: str | None


@dataclass(frozen=True, slots=True)
class Standing:
    """How many tokens wait to be revoked at one provider, since when, and how many never were."""

    connector: str
    waiting: int
    since: datetime | None
    given_up: int


def add(  # noqa: PLR0913  a row has as many columns
    connection: sa.Connection,
    *,
    owner_id: int,
    connector: str,
    plan: int,
    expires_at: datetime | None,
    now: datetime,
    next_at: datetime,
) -> int:
    """Make a place for tokens that are to be revoked; return its number."""
    statement = (
        revocations.insert()
        .values(
            owner_id=owner_id,
            connector=connector,
            plan=plan,
            expires_at=expires_at,
            created_at=now,
            next_at=next_at,
            attempts=0,
        )
        .returning(revocations.c.id)
    )
    return int(connection.execute(statement).scalar_one())


def keep(
    connection: sa.Connection, number: int, *, access: str, refresh: str | None, key: str | None
) -> None:
    """Store the sealed tokens in their place."""
    connection.execute(
        revocations.update()
        .where(revocations.c.id == number)
        .values(access=access, refresh=refresh, key=key)
    )


def take(
    connection: sa.Connection, *, now: datetime, until: datetime, limit: int
) -> Sequence[RevocationRow]:
    """Take what is due, the longest due first; nobody else is given it before `until`."""
    c = revocations.c
    query = revocations.select().where(c.next_at <= now).order_by(c.next_at, c.id).limit(limit)
    taken = []
    for row in connection.execute(query.with_for_update(skip_locked=True)).all():
        ours = connection.execute(
            revocations.update().where(c.id == row.id, c.next_at <= now).values(next_at=until)
        )
        if ours.rowcount == 1:
            taken.append(RevocationRow(*row))
    return taken


def done(connection: sa.Connection, number: int) -> None:
    """Forget tokens that are revoked."""
    connection.execute(revocations.delete().where(revocations.c.id == number))


def put_off(connection: sa.Connection, number: int, *, next_at: datetime, failure: str) -> None:
    """Note that it failed once more, and when to try again."""
    c = revocations.c
    connection.execute(
        revocations.update()
        .where(c.id == number)
        .values(next_at=next_at, attempts=c.attempts + 1, failure=failure)
    )


def give_up(connection: sa.Connection, number: int, *, failure: str) -> None:
    """Wipe tokens that the bank never confirmed; that it was so stays, for the operator."""
    connection.execute(
        revocations.update()
        .where(revocations.c.id == number)
        .values(access=None, refresh=None, key=None, next_at=None, failure=failure)
    )


def forget_given_up(connection: sa.Connection, *, before: datetime) -> int:
    """Forget what was given up and began before `before`; return how many there were."""
    c = revocations.c
    gone = revocations.delete().where(c.next_at.is_(None), c.created_at < before)
    return connection.execute(gone).rowcount


def next_due(connection: sa.Connection) -> datetime | None:
    """Return when the next one is due; None where nothing waits."""
    found: datetime | None = connection.execute(
        sa.select(revocations.c.next_at)
        .where(revocations.c.next_at.is_not(None))
        .order_by(revocations.c.next_at)
        .limit(1)
    ).scalar_one_or_none()
    return found


def standing(connection: sa.Connection) -> Sequence[Standing]:
    """Return what waits and what was given up, by provider."""
    c = revocations.c
    waits = sa.case((c.next_at.is_not(None), 1), else_=0)
    since = sa.func.min(sa.case((c.next_at.is_not(None), c.created_at)))
    query = (
        sa.select(c.connector, sa.func.sum(waits), sa.type_coerce(since, Instant), sa.func.count())
        .group_by(c.connector)
        .order_by(c.connector)
    )
    return [
        Standing(name, int(waiting), first, int(many) - int(waiting))
        for name, waiting, first, many in connection.execute(query)
    ]
