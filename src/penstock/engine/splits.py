"""Suggesting a split where a position looks as if there had been one: a person decides."""

from collections.abc import Iterable
from typing import Final

import sqlalchemy as sa

from penstock.db import naming_holdings, net_worth, price_history, security_events
from penstock.db.holding_versions import Moved
from penstock.domain.instrument import alike
from penstock.domain.security_event import Event, EventKind, EventState, Ratio
from penstock.domain.split_seen import split_between
from penstock.engine.securities import Book, is_known

SEEN: Final = "detected"
"""The source of what we only think."""


def suggest(connection: sa.Connection, book: Book, moved: Iterable[Moved]) -> None:
    """Suggest the splits that positions look like, once each; none that is known or refused."""
    seen = [(one, ratio) for one in moved if (ratio := split_between(one.before, one.after))]
    if not seen:
        return
    of = naming_holdings.securities_of(connection, [one.holding_id for one, _ in seen])
    known = security_events.of_owner(connection, owner_id=book.owner_id)
    for one, ratio in seen:
        security_id = of.get(one.holding_id)
        event = _suggestion(book, one, ratio, security_id or 0)
        if security_id is not None and not is_known(event, known):
            security_events.add(connection, event, owner_id=book.owner_id)
            known.append(event)


def heed(connection: sa.Connection, book: Book, instrument: str | None) -> None:
    """Let worths be worked out anew by a split, and closes be asked for that it explains."""
    net_worth.forget(connection, owner_id=book.owner_id)
    if instrument is not None:
        price_history.ask_again(connection, alike(instrument), now=book.now)


def _suggestion(book: Book, one: Moved, ratio: Ratio, security_id: int) -> Event:
    before, after = one.before, one.after
    return Event(
        id=0,
        security_id=security_id,
        kind=EventKind.SPLIT,
        state=EventState.OPEN,
        day=one.day,
        source=SEEN,
        reason=f"{before.quantity:f} at {before.price:f} {before.currency} became "
        f"{after.quantity:f} at {after.price:f} {after.currency}: this looks like {ratio}.",
        created_at=book.now,
        ratio=ratio,
        run_id=book.run_id,
    )
