"""The splits by which prices are judged for everybody: those that admins noted or accepted."""

from collections.abc import Collection
from datetime import date
from typing import NamedTuple

import sqlalchemy as sa

from penstock.db.asked import texts
from penstock.db.securities import securities
from penstock.db.security_events import security_events
from penstock.db.users import users
from penstock.domain.security_event import EventKind, EventState, Ratio


class Split(NamedTuple):
    """A split of what our quotes call `instrument`."""

    instrument: str
    day: date
    ratio: Ratio


def of_admins(connection: sa.Connection, instruments: Collection[str]) -> list[Split]:
    """Return the splits of these that an admin who can sign in holds for true, by day."""
    s, e = securities.c, security_events.c
    asked = texts(connection, instruments)
    query = (
        sa.select(s.instrument, e.day, e.ratio_new, e.ratio_old)
        .join(security_events, e.security_id == s.id)
        .join(users, users.c.id == s.owner_id)
        .where(
            s.instrument.in_(sa.select(asked.c.text)),
            e.kind == str(EventKind.SPLIT),
            e.state == str(EventState.ACCEPTED),
            users.c.role == "admin",
            users.c.disabled_at.is_(None),
        )
        .order_by(s.instrument, e.day, e.id)
    )
    return [
        Split(row.instrument, row.day, Ratio(int(row.ratio_new), int(row.ratio_old)))
        for row in connection.execute(query)
    ]
