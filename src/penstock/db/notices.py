"""What was told to whom and when, so that nothing is told twice.

A target is somebody who is told: the scheme of an address of PENSTOCK_NOTIFY and a keyed hash of
the whole, for the address itself is a secret. `detail` is of the last thing told of a topic.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from penstock.db.connections import connections
from penstock.db.metadata import Id, Instant, metadata
from penstock.domain.notice import Finding, News, NoticeKind, Told, Topic

notices = sa.Table(
    "notices",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("target", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column(
        "connection_id", Id, sa.ForeignKey("connections.id", ondelete="CASCADE"), nullable=False
    ),
    sa.Column("detail", sa.Text, nullable=False),
    sa.Column("title", sa.Text, nullable=False),
    sa.Column("told_at", Instant, nullable=False),
    sa.Column("recovered_at", Instant),
    sa.UniqueConstraint("target", "kind", "subject"),
    sa.Index("ix_notices_connection", "connection_id"),
)

notice_targets = sa.Table(
    "notice_targets",
    metadata,
    sa.Column("target", sa.Text, primary_key=True),
    sa.Column("told_at", Instant),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("error", sa.Text),
    sa.Column("not_before", Instant),
)

notice_turns = sa.Table(
    "notice_turns",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("until", Instant, nullable=False),
)

_TURN: Final = "notices"


@dataclass(frozen=True, slots=True)
class Target:
    """How telling somebody goes: failures in a row, the last error, and when to try again."""

    target: str
    told_at: datetime | None = None
    failures: int = 0
    error: str | None = None
    not_before: datetime | None = None


def take_turn(connection: sa.Connection, *, now: datetime, until: datetime) -> bool:
    """Say whether this process looks for news now; no other does before `until`."""
    c = notice_turns.c
    taken = connection.execute(
        notice_turns.update().where(c.name == _TURN, c.until <= now).values(until=until)
    )
    if taken.rowcount:
        return True
    if connection.execute(sa.select(c.until).where(c.name == _TURN)).one_or_none() is not None:
        return False
    try:
        with connection.begin_nested():
            connection.execute(notice_turns.insert().values(name=_TURN, until=until))
    except sa.exc.IntegrityError:  # another process has just made the first turn
        return False
    return True


def told(connection: sa.Connection, target: str) -> dict[Topic, Told]:
    """Return what a target was told last, of connections that are still linked."""
    c = notices.c
    query = (
        notices.select()
        .join(connections, connections.c.id == c.connection_id)
        .where(c.target == target, _is_watched())
    )
    rows = connection.execute(query).all()
    known = [
        Told(
            Topic(NoticeKind(row.kind), row.subject),
            row.connection_id,
            row.detail,
            row.title,
            recovered=row.recovered_at is not None,
        )
        for row in rows
    ]
    return {one.topic: one for one in known}


def targets(connection: sa.Connection) -> dict[str, Target]:
    """Return how telling goes, by target."""
    rows = connection.execute(notice_targets.select())
    return {row.target: Target(**row._mapping) for row in rows}


def record(connection: sa.Connection, target: str, heard: News, *, now: datetime) -> None:
    """Store that a target was told this."""
    for finding in heard.findings:
        _forget(connection, target, finding.topic)
        if _still_there(connection, finding.connection_id):
            connection.execute(notices.insert().values(_row(target, finding, now)))
    for one in heard.recovered:
        connection.execute(
            notices.update().where(_is(target, one.topic)).values(recovered_at=now, told_at=now)
        )
    _save(connection, Target(target, told_at=now))


def record_failure(
    connection: sa.Connection, target: str, error: str, *, not_before: datetime
) -> None:
    """Store that a target could not be told, and when it is tried again."""
    known = targets(connection).get(target, Target(target))
    _save(connection, Target(target, known.told_at, known.failures + 1, error, not_before))


def remember(connection: sa.Connection, target: str, finding: Finding, *, now: datetime) -> None:
    """Store what need not be said: how far rows have come of which none is new to somebody."""
    _forget(connection, target, finding.topic)
    if _still_there(connection, finding.connection_id):
        connection.execute(notices.insert().values(_row(target, finding, now)))


def keep_targets(connection: sa.Connection, wanted: list[str]) -> None:
    """Forget those who are not to be told any more."""
    for table in (notices, notice_targets):
        connection.execute(table.delete().where(table.c.target.not_in(wanted)))


def _save(connection: sa.Connection, target: Target) -> None:
    c = notice_targets.c
    connection.execute(notice_targets.delete().where(c.target == target.target))
    connection.execute(
        notice_targets.insert().values(
            target=target.target,
            told_at=target.told_at,
            failures=target.failures,
            error=target.error,
            not_before=target.not_before,
        )
    )


def _row(target: str, finding: Finding, now: datetime) -> dict[str, object]:
    return {
        "target": target,
        "kind": finding.topic.kind,
        "subject": finding.topic.subject,
        "connection_id": finding.connection_id,
        "detail": finding.detail,
        "title": finding.title,
        "told_at": now,
    }


def _forget(connection: sa.Connection, target: str, topic: Topic) -> None:
    connection.execute(notices.delete().where(_is(target, topic)))


def _is_watched() -> sa.ColumnElement[bool]:
    """What is still linked; a decoy's use is told of whichever connection there is."""
    return sa.or_(connections.c.disconnected_at.is_(None), notices.c.kind == NoticeKind.DECOY)


def _still_there(connection: sa.Connection, connection_id: int) -> bool:
    """It may have been deleted since it was looked at."""
    query = sa.select(connections.c.id).where(connections.c.id == connection_id)
    return connection.execute(query).one_or_none() is not None


def _is(target: str, topic: Topic) -> sa.ColumnElement[bool]:
    c = notices.c
    return sa.and_(c.target == target, c.kind == topic.kind, c.subject == topic.subject)
