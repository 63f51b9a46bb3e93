"""What people write themselves, each edit one transaction, numbered in the change feed.

A person's word stands above the provider's, and a sync never touches it (sync.md 12, 19). Lock
order as everywhere: the feed, then rows. An edit that changes nothing writes nothing.
"""

from collections.abc import Mapping
from datetime import date, datetime
from typing import TypedDict

import sqlalchemy as sa

from penstock.db import accounts, connections, feeds, transactions
from penstock.domain.errors import NotFound


class TransactionEdit(TypedDict, total=False):
    """What to change of a transaction; what is left out stays. None clears."""

    category: str | None
    note: str | None
    hidden: bool


class AccountEdit(TypedDict, total=False):
    """What to change of an account; what is left out stays. None clears.

    Rows dated before `start_on` are not listed; they stay stored.
    """

    label: str | None
    hidden: bool
    start_on: date | None


def edit_transaction(
    connection: sa.Connection,
    transaction_id: int,
    edit: TransactionEdit,
    *,
    owner_id: int,
    now: datetime,
) -> None:
    """Store a person's category, note or hiding of a transaction. Raises NotFound."""
    columns = {"category": "person_category"}
    values = {columns.get(name, name): value for name, value in edit.items()}
    _write(connection, transaction_id, values, owner_id=owner_id, now=now)


def delete_transaction(
    connection: sa.Connection, transaction_id: int, *, owner_id: int, now: datetime
) -> None:
    """Delete a transaction in the person's eyes. No sync brings it back. Raises NotFound."""
    number = feeds.next_change(connection, owner_id)
    if _stored(connection, transaction_id, owner_id)["deleted_at"] is None:
        values = {"deleted_at": now, "updated_at": now, "change_number": number}
        transactions.edit(connection, transaction_id, owner_id=owner_id, values=values)


def restore_transaction(
    connection: sa.Connection, transaction_id: int, *, owner_id: int, now: datetime
) -> None:
    """Take back the person's deletion of a transaction. Raises NotFound."""
    _write(connection, transaction_id, {"deleted_at": None}, owner_id=owner_id, now=now)


def edit_account(
    connection: sa.Connection, account_id: int, edit: AccountEdit, *, owner_id: int
) -> None:
    """Store a person's name for an account, its hiding, or its first day. Raises NotFound."""
    number = feeds.next_change(connection, owner_id)
    stored = accounts.get(connection, account_id, owner_id=owner_id)
    values: dict[str, object] = dict(edit)
    if any(getattr(stored, name) != value for name, value in values.items()):
        accounts.change(connection, account_id, {**values, "change_number": number})


def rename_connection(
    connection: sa.Connection, connection_id: int, label: str | None, *, owner_id: int
) -> None:
    """Store a person's name for a connection. Raises NotFound.

    Connections have no place in the change feed: their state is read where it is needed.
    """
    connections.get(connection, connection_id, owner_id=owner_id)
    connections.rename(connection, connection_id, label)


def _write(
    connection: sa.Connection,
    transaction_id: int,
    values: Mapping[str, object],
    *,
    owner_id: int,
    now: datetime,
) -> None:
    """Take the next number, and with it the feed, before looking: nobody writes in between."""
    number = feeds.next_change(connection, owner_id)
    stored = _stored(connection, transaction_id, owner_id)
    if any(stored[name] != value for name, value in values.items()):
        stamped = {**values, "updated_at": now, "change_number": number}
        transactions.edit(connection, transaction_id, owner_id=owner_id, values=stamped)


def _stored(connection: sa.Connection, transaction_id: int, owner_id: int) -> Mapping[str, object]:
    stored = transactions.find_edits(connection, transaction_id, owner_id=owner_id)
    if stored is None:
        raise NotFound("There is no such transaction.")
    return stored
