"""What a person decided of a suggestion (sync.md 10, 11, 14). One transaction each."""

from datetime import datetime
from typing import Final

import sqlalchemy as sa

from penstock.db import accounts, deciding, feeds, leases, suggestions
from penstock.db.suggestions import Kind, State, Suggested
from penstock.domain.errors import Conflict
from penstock.engine.tieout import check_connection


def accept(connection: sa.Connection, number: int, *, owner_id: int, now: datetime) -> Suggested:
    """Do what was suggested; return the suggestion as it then is: GONE where it is no longer so.

    Raises NotFound, and Conflict where it was decided already.
    """
    account_id = suggestions.get(connection, number, owner_id=owner_id).account_id
    account = accounts.get(connection, account_id, owner_id=owner_id)
    leases.hold(connection, account.connection_id)
    change = feeds.next_change(connection, owner_id)
    found = _open(connection, number, owner_id)
    write = deciding.Write(owner_id, change, now)
    done = _ACTS[found.kind](connection, found, write)
    if not done:
        suggestions.decide(connection, [number], State.GONE, now=now)
        return suggestions.get(connection, number, owner_id=owner_id)
    suggestions.decide(connection, [number], State.ACCEPTED, now=now)
    check_connection(connection, account.connection_id, now=now)
    return suggestions.get(connection, number, owner_id=owner_id)


def refuse(connection: sa.Connection, number: int, *, owner_id: int, now: datetime) -> Suggested:
    """Leave everything as it is; the same is not suggested again. Raises as `accept` does."""
    feeds.next_change(connection, owner_id)  # whoever decides at the same moment waits here
    _open(connection, number, owner_id)
    suggestions.decide(connection, [number], State.REFUSED, now=now)
    return suggestions.get(connection, number, owner_id=owner_id)


def _open(connection: sa.Connection, number: int, owner_id: int) -> Suggested:
    found = suggestions.get(connection, number, owner_id=owner_id)
    if found.state is not State.OPEN:
        raise Conflict(f"This suggestion is {found.state} already.")
    return found


_ACTS: Final = {
    Kind.PAIR: deciding.join_pair,
    Kind.REISSUED: deciding.join_reissued,
    Kind.TWICE: deciding.join_twice,
    Kind.SWEEP: deciding.take_away,
}
