"""Transactions in short: as much of each as somebody needs who decides something about it."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Annotated

import sqlalchemy as sa
from pydantic import Field

from penstock.api.schemas import (
    AccountId,
    AmountText,
    Currency,
    Moment,
    On,
    Outgoing,
    TransactionId,
)
from penstock.db import transactions
from penstock.domain.ids import public_id
from penstock.domain.transaction import Status


class Brief(Outgoing):
    """A transaction in short; `GET /v1/transactions/{id}` has the whole of it."""

    id: TransactionId
    account_id: AccountId
    status: Annotated[Status, Field(examples=["posted"])]
    amount: AmountText
    currency: Currency
    dated_on: On
    description: Annotated[str, Field(examples=["Bakery"])]
    counterparty: Annotated[str | None, Field(examples=["Brot & Co"])]
    category: Annotated[str | None, Field(examples=["food"])]
    note: Annotated[str | None, Field(description="The person's.", examples=["for Ada"])]
    removed_at: Annotated[Moment | None, Field(description="The provider took it back.")]
    deleted_at: Annotated[Moment | None, Field(description="The person deleted it.")]


_PLAIN = tuple(name for name in Brief.model_fields if name not in {"id", "account_id"})


def briefs(
    connection: sa.Connection, numbers: Iterable[int], *, owner_id: int, today: date
) -> Mapping[int, Brief]:
    """Return those of these transactions that are the owner's, by number, in its order."""
    rows = transactions.some(connection, numbers, owner_id=owner_id, today=today)
    return {
        row.id: Brief(
            id=public_id("txn", row.id),
            account_id=public_id("acc", row.account_id),
            **{name: row._mapping[name] for name in _PLAIN},
        )
        for row in rows
    }
