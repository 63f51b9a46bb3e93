"""Transactions: listing them, which is what is asked most, and what the person says of them.

The listing is written straight to bytes (rows.py): the database gives each value as it is to be
written, so that a page of a hundred rows costs little more than reading them.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Annotated, Any, Final, cast

import msgspec
from fastapi import Depends
from pydantic import Field
from starlette.responses import Response

from penstock.api.auth import require
from penstock.api.paging import cursor_after
from penstock.api.query import Paged, QueryOf, described
from penstock.api.routing import nouns
from penstock.api.rows import MEDIA_TYPE, answer, encode, row_of
from penstock.api.running import Installation, Running
from penstock.api.schemas import (
    AccountId,
    AmountText,
    ConnectionId,
    Currency,
    Day,
    ExactNumber,
    Incoming,
    Line,
    Lines,
    Moment,
    NextCursor,
    On,
    Outgoing,
    TransactionId,
    Yes,
)
from penstock.db import listing, transactions
from penstock.db.listing import Listing
from penstock.domain.ids import public_id, row_number
from penstock.domain.transaction import Status
from penstock.engine import edit
from penstock.identity.caller import Caller

router = nouns("transactions")


class Transaction(Outgoing):
    """One movement on an account, with what its provider and what its person say of it."""

    id: TransactionId
    account_id: AccountId
    status: Annotated[Status, Field(examples=["posted"])]
    amount: AmountText
    currency: Annotated[Currency, Field(description="The account's.")]
    dated_on: Annotated[
        On, Field(description="By this day it is listed: booked, else authorized, else value.")
    ]
    booked_on: On | None
    value_on: On | None
    authorized_on: On | None
    description: Annotated[str, Field(examples=["Bakery"])]
    counterparty: Annotated[str | None, Field(examples=["Brot & Co"])]
    category: Annotated[
        str | None, Field(description="The person's, else the provider's.", examples=["food"])
    ]
    person_category: Annotated[str | None, Field(examples=["treats"])]
    provider_category: Annotated[str | None, Field(examples=["food"])]
    note: Annotated[str | None, Field(description="The person's.", examples=["for Ada"])]
    reference: Annotated[str | None, Field(examples=["RF18 5390 0754"])]
    original_amount: Annotated[AmountText | None, Field(description="What was paid abroad.")]
    original_currency: Annotated[Currency | None, Field(description="And in what.")]
    hidden: Annotated[bool, Field(description="The person does not want to see it.")]
    overdue: Annotated[bool, Field(description="Pending for more than 14 days.")]
    removed_at: Annotated[Moment | None, Field(description="The provider took it back.")]
    deleted_at: Annotated[Moment | None, Field(description="The person deleted it.")]
    created_at: Moment
    updated_at: Moment


class Transactions(Outgoing):
    """A page of transactions, newest first."""

    rows: list[Transaction]
    next_cursor: NextCursor


class TransactionEdit(Incoming):
    """What to change of a transaction; what is left out stays, null takes it away."""

    category: Annotated[Line | None, Field(examples=["gifts"])] = None
    note: Annotated[Lines | None, Field(examples=["for Ada"])] = None
    hidden: Annotated[bool, Field(examples=[False])] = False


class Filters(Paged):
    """Which transactions to list. Rows dated before their account's `start_on` are left out."""

    account: Annotated[AccountId | None, Field(description="Of this account, hidden or not.")] = (
        None
    )
    connection: Annotated[ConnectionId | None, Field(description="Of this connection.")] = None
    since: Annotated[Day | None, Field(alias="from", description="Dated this day or later.")] = None
    until: Annotated[Day | None, Field(alias="to", description="Dated this day or earlier.")] = None
    min_amount: Annotated[ExactNumber | None, Field(description="This much or more.")] = None
    max_amount: Annotated[ExactNumber | None, Field(description="This much or less.")] = None
    text: Annotated[
        str | None,
        Field(
            description="Somewhere in description, counterparty, note or reference; the case does "
            "not matter, and nothing is a wildcard.",
            min_length=1,
            max_length=200,
            examples=["bakery"],
        ),
    ] = None
    status: Annotated[
        Status | None, Field(description="On the books or not yet.", examples=["posted"])
    ] = None
    category: Annotated[
        str | None,
        Field(
            description="The person's, else the provider's, exactly.",
            min_length=1,
            max_length=200,
            examples=["food"],
        ),
    ] = None
    include_removed: Annotated[Yes, Field(description="What the provider took back too.")] = False
    include_hidden: Annotated[Yes, Field(description="Hidden rows, and hidden accounts' too.")] = (
        False
    )
    include_deleted: Annotated[Yes, Field(description="What the person deleted too.")] = False


_row: Final = row_of(Transaction)
_END: Final = len(Transaction.model_fields)


@router.get("/transactions", response_model=Transactions, openapi_extra=described(Filters))
async def list_transactions(
    caller: Annotated[Caller, require("read")],
    running: Running,
    filters: Annotated[Filters, Depends(QueryOf(Filters))],
) -> Response:
    """List transactions, newest first."""
    page, wanted = filters.page, _listing(filters)
    name = f"transactions {wanted}"
    rows = await running.database.read(
        listing.page,
        wanted,
        owner_id=caller.user_id,
        today=running.clock().date(),
        after=page.position(name, tuple[date, int]),
        limit=page.limit + 1,
    )
    shown = rows[: page.limit]
    last = shown[-1] if len(rows) > page.limit else None
    return answer(as_rows(shown), cursor_after(name, listing.position(last)) if last else None)


@router.get("/transactions/{transaction_id}", response_model=Transaction)
async def get_transaction(
    transaction_id: TransactionId, caller: Annotated[Caller, require("read")], running: Running
) -> Response:
    """Show one transaction, whatever its state."""
    return await _one(running, row_number("txn", transaction_id), caller.user_id)


@router.patch("/transactions/{transaction_id}", response_model=Transaction)
async def edit_transaction(
    transaction_id: TransactionId,
    body: TransactionEdit,
    caller: Annotated[Caller, require("write")],
    running: Running,
) -> Response:
    """Write a category or a note of your own, or hide the row. No sync overwrites it."""
    number = row_number("txn", transaction_id)
    given = cast("edit.TransactionEdit", body.model_dump(include=body.model_fields_set))
    await running.database.write(
        edit.edit_transaction, number, given, owner_id=caller.user_id, now=running.clock()
    )
    return await _one(running, number, caller.user_id)


@router.delete("/transactions/{transaction_id}", status_code=204)
async def delete_transaction(
    transaction_id: TransactionId, caller: Annotated[Caller, require("write")], running: Running
) -> Response:
    """Delete a transaction. It stays deleted, whatever the bank says, until you restore it."""
    await running.database.write(
        edit.delete_transaction,
        row_number("txn", transaction_id),
        owner_id=caller.user_id,
        now=running.clock(),
    )
    return Response(status_code=204)


@router.post("/transactions/{transaction_id}/restore", response_model=Transaction)
async def restore_transaction(
    transaction_id: TransactionId, caller: Annotated[Caller, require("write")], running: Running
) -> Response:
    """Take a deletion back."""
    number = row_number("txn", transaction_id)
    await running.database.write(
        edit.restore_transaction, number, owner_id=caller.user_id, now=running.clock()
    )
    return await _one(running, number, caller.user_id)


def as_rows(rows: Iterable[Sequence[Any]]) -> list[msgspec.Struct]:
    """Return transactions as they are written."""
    return [_row(*values) for values in in_order(rows)]


def in_order(rows: Iterable[Sequence[Any]]) -> Iterable[tuple[Any, ...]]:
    """Yield each transaction's values in the order of `Transaction`."""
    accounts: dict[int, str] = {}
    for row in rows:
        account = accounts.get(row[1])
        if account is None:
            account = accounts[row[1]] = public_id("acc", row[1])
        yield (public_id("txn", row[0]), account, *row[2:_END])


async def _one(running: Installation, number: int, owner_id: int) -> Response:
    row = await running.database.read(
        transactions.get, number, owner_id=owner_id, today=running.clock().date()
    )
    (shown,) = as_rows([row])
    return Response(encode(shown), media_type=MEDIA_TYPE)


def _listing(filters: Filters) -> Listing:
    account, connection = filters.account, filters.connection
    return Listing(
        account_id=row_number("acc", account) if account is not None else None,
        connection_id=row_number("con", connection) if connection is not None else None,
        since=filters.since,
        until=filters.until,
        at_least=filters.min_amount,
        at_most=filters.max_amount,
        text=filters.text,
        status=filters.status,
        category=filters.category,
        removed=filters.include_removed,
        hidden=filters.include_hidden,
        deleted=filters.include_deleted,
    )
