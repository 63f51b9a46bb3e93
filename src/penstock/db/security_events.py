"""What happened to securities: splits, new names, merges; and what is only suggested."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa

from penstock.db.metadata import Exact, Id, Instant, metadata
from penstock.domain.errors import NotFound
from penstock.domain.security_event import Event, EventKind, EventState, Ratio

security_events = sa.Table(
    "security_events",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("owner_id", Id, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column(
        "security_id",
        Id,
        sa.ForeignKey("securities.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("ratio_new", Exact),
    sa.Column("ratio_old", Exact),
    sa.Column("old_ticker", sa.Text),
    sa.Column("old_mic", sa.Text),
    sa.Column("old_isin", sa.Text),
    sa.Column("new_ticker", sa.Text),
    sa.Column("new_mic", sa.Text),
    sa.Column("new_isin", sa.Text),
    sa.Column("other_id", Id),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("run_id", Id),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("decided_at", Instant),
    sa.Index("ix_security_events_owner", "owner_id", "id"),
)

_PLAIN: Final = tuple(
    name for name in Event.__dataclass_fields__ if name not in ("kind", "state", "ratio")
)


def of_owner(connection: sa.Connection, *, owner_id: int) -> list[Event]:
    """Return what happened to the owner's securities, and what is suggested, by number."""
    return _read(connection, security_events.c.owner_id == owner_id)


def of_security(connection: sa.Connection, security_id: int, *, owner_id: int) -> list[Event]:
    """Return what happened to one of the owner's securities, and what is suggested, by day."""
    c = security_events.c
    found = _read(connection, c.owner_id == owner_id, c.security_id == security_id)
    return sorted(found, key=lambda one: (one.day, one.id))


def get(connection: sa.Connection, number: int, *, security_id: int, owner_id: int) -> Event:
    """Return an event of one of the owner's securities. Raises NotFound."""
    c = security_events.c
    same = (c.id == number, c.security_id == security_id, c.owner_id == owner_id)
    for event in _read(connection, *same):
        return event
    raise NotFound("There is no such event of this security.")


def add(connection: sa.Connection, event: Event, *, owner_id: int) -> int:
    """Add an event, whatever its number, and return the number that it got."""
    values = {name: getattr(event, name) for name in _PLAIN if name != "id"}
    values |= {"owner_id": owner_id, "kind": str(event.kind), "state": str(event.state)}
    if event.ratio is not None:
        ratio = event.ratio
        values |= {"ratio_new": Decimal(ratio.new), "ratio_old": Decimal(ratio.old)}
    made = security_events.insert().values(values).returning(security_events.c.id)
    return int(connection.execute(made).scalar_one())


def decide(connection: sa.Connection, number: int, state: EventState, *, now: datetime) -> None:
    """Note what a person decided of a suggestion."""
    c = security_events.c
    connection.execute(
        security_events.update().where(c.id == number).values(state=str(state), decided_at=now)
    )


def move(connection: sa.Connection, number: int, security_id: int) -> None:
    """Let an event be one of another security."""
    this = security_events.c.id == number
    connection.execute(security_events.update().where(this).values(security_id=security_id))


def delete(connection: sa.Connection, number: int) -> None:
    """Delete an event."""
    connection.execute(security_events.delete().where(security_events.c.id == number))


def undo(connection: sa.Connection, run_id: int, *, owner_id: int) -> bool:
    """Forget what a run told or made us suggest, and nobody decided. Says if there was any."""
    c = security_events.c
    gone = security_events.delete().where(c.owner_id == owner_id, c.run_id == run_id)
    return connection.execute(gone.where(c.decided_at.is_(None))).rowcount > 0


def _read(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> list[Event]:
    query = security_events.select().where(*where).order_by(security_events.c.id)
    return [_event(row) for row in connection.execute(query)]


def _event(row: sa.Row[Any]) -> Event:
    ratio = None if row.ratio_new is None else Ratio(int(row.ratio_new), int(row.ratio_old))
    values = {name: getattr(row, name) for name in _PLAIN}
    return Event(**values, kind=EventKind(row.kind), state=EventState(row.state), ratio=ratio)
