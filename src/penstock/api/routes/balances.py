"""What institutions said stands on accounts: the newest of each kind, and how it was before."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Final

import sqlalchemy as sa
from fastapi import Query
from pydantic import Field
from starlette.responses import Response

from penstock.api.auth import require
from penstock.api.paging import Page, cursor_after
from penstock.api.routing import nouns
from penstock.api.rows import answer, row_of
from penstock.api.running import Running
from penstock.api.schemas import (
    AccountId,
    AmountText,
    BalanceId,
    Currency,
    Day,
    Moment,
    NextCursor,
    On,
    Outgoing,
    Yes,
)
from penstock.db import accounts, balances
from penstock.db.balances import History
from penstock.domain.balance import BalanceKind
from penstock.domain.ids import public_id, row_number
from penstock.identity.caller import Caller

router = nouns("balances")


class Balance(Outgoing):
    """What an institution said stands on an account. What is owed is negative.

    `current` counts posted rows only, `available` is what can be spent, `limit` the credit line,
    `opening` what stood there before the first row that the institution lists.
    """

    id: BalanceId
    account_id: AccountId
    type: Annotated[BalanceKind, Field(examples=["current"])]
    amount: AmountText
    currency: Currency
    as_of: Annotated[Moment, Field(description="When it was true.")]
    as_of_on: Annotated[On, Field(description="That day, in the bank's own zone.")]
    observed_at: Annotated[Moment, Field(description="When we heard it.")]


class Balances(Outgoing):
    """A page of balances."""

    rows: list[Balance]
    next_cursor: NextCursor


_REST: Final = len(Balance.model_fields) - 2
_row: Final = row_of(Balance)


@router.get("/balances", response_model=Balances)
async def list_newest(
    caller: Annotated[Caller, require("read")],
    running: Running,
    page: Page,
    account: Annotated[AccountId | None, Query(description="Of this account only.")] = None,
    include_hidden: Annotated[Yes, Query(description="Of hidden accounts too.")] = False,
) -> Response:
    """List the newest balance of each account, kind and currency."""
    account_id = row_number("acc", account) if account is not None else None
    listing = f"balances {account_id} {include_hidden}"
    rows = await running.database.read(
        _read_newest,
        owner_id=caller.user_id,
        account_id=account_id,
        hidden=include_hidden,
        after=page.position(listing, tuple[int, str, str]),
        limit=page.limit + 1,
    )
    shown = rows[: page.limit]
    more = len(rows) > page.limit
    last = shown[-1] if more else None
    return answer(
        list(map(as_row, shown)),
        cursor_after(listing, (last.account_id, last.kind, last.currency)) if last else None,
    )


@router.get("/accounts/{account_id}/balances", response_model=Balances)
async def list_history(
    *,
    account_id: AccountId,
    caller: Annotated[Caller, require("read")],
    running: Running,
    page: Page,
    type_: Annotated[
        BalanceKind | None,
        Query(alias="type", description="Of this kind only.", examples=["current"]),
    ] = None,
    since: Annotated[Day | None, Query(alias="from", description="Of this day or later.")] = None,
    until: Annotated[Day | None, Query(alias="to", description="Of this day or earlier.")] = None,
) -> Response:
    """List every balance that was ever heard of an account, the newest first."""
    history = History(row_number("acc", account_id), type_, since, until)
    listing = f"history {history}"
    rows = await running.database.read(
        balances.page,
        history,
        owner_id=caller.user_id,
        after=page.position(listing, tuple[datetime, int]),
        limit=page.limit + 1,
    )
    shown = rows[: page.limit]
    more = len(rows) > page.limit
    return answer(
        list(map(as_row, shown)),
        cursor_after(listing, (shown[-1].stated_at, shown[-1].id)) if more else None,
    )


def as_row(row: sa.Row[Any]) -> Any:  # noqa: ANN401 - a struct that is only written
    """Return a balance as it is written."""
    return _row(*values(row))


def values(row: Sequence[Any]) -> tuple[Any, ...]:
    """Return a balance's values in the order of `Balance`."""
    number, account_id, *rest = row
    return (public_id("bal", number), public_id("acc", account_id), *rest[:_REST])


def _read_newest(
    connection: sa.Connection,
    *,
    owner_id: int,
    account_id: int | None,
    hidden: bool,
    after: tuple[int, str, str] | None,
    limit: int,
) -> Sequence[sa.Row[Any]]:
    among = accounts.listed_under(
        connection, owner_id=owner_id, account_id=account_id, connection_id=None
    )
    seen = [one.id for one in among if hidden or account_id is not None or not one.hidden]
    return balances.newest(connection, seen, owner_id=owner_id, after=after, limit=limit)
