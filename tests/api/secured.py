"""How to make securities, and what happened to them, for the tests of who may see them."""

import sqlalchemy as sa

from penstock.db import security_events
from penstock.db.holdings import holdings
from penstock.domain.security_event import Event, EventKind, EventState, Ratio
from penstock.engine import securities as linking
from tests.api.serving import Api


def add_security(connection: sa.Connection, api: Api, owner_id: int, account_id: int) -> int:
    """Let the holding's security be known, by what the holding says of it."""
    book = linking.Book(owner_id, api.clock())
    linking.link(connection, book, change_number=0)
    query = sa.select(holdings.c.security_id).where(holdings.c.account_id == account_id)
    return int(connection.execute(query).scalar_one())


def add_security_event(connection: sa.Connection, api: Api, owner_id: int, account_id: int) -> int:
    """Suggest that it was split."""
    event = Event(
        id=0,
        security_id=add_security(connection, api, owner_id, account_id),
        kind=EventKind.SPLIT,
        state=EventState.OPEN,
        day=api.clock().date(),
        source="detected",
        reason="It looks like one.",
        created_at=api.clock(),
        ratio=Ratio(4, 1),
    )
    return security_events.add(connection, event, owner_id=owner_id)
