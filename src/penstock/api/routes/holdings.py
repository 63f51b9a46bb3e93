"""What accounts hold besides money: each position as its institution stated it last."""

from collections.abc import Sequence
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
    ConnectionId,
    Currency,
    HoldingId,
    Moment,
    NextCursor,
    Outgoing,
    SecurityId,
    Yes,
)
from penstock.db import holdings
from penstock.db.holdings import Wanted
from penstock.domain.holding import SecurityType
from penstock.domain.ids import public_id, row_number
from penstock.identity.caller import Caller

router = nouns("holdings")

_LONGEST_SYMBOL: Final = 100


class Holding(Outgoing):
    """A position: shares, coins, bonds. Price, value and cost are the institution's own words.

    Nothing is written while it states the same: `as_of` is when this was stated first, and how long
    ago somebody looked is the account's freshness.
    """

    id: HoldingId
    account_id: AccountId
    symbol: Annotated[str | None, Field(examples=["WEIR"])]
    isin: Annotated[str | None, Field(examples=["XX0000000010"])]
    name: Annotated[str, Field(examples=["Mill & Weir"])]
    type: Annotated[SecurityType, Field(examples=["stock"])]
    quantity: Annotated[
        AmountText, Field(description="Exact, to the 30th decimal; negative: a short.")
    ]
    price: Annotated[AmountText | None, Field(description="Of one.", examples=["41.20"])]
    value: Annotated[AmountText | None, Field(description="Of all.", examples=["103.00"])]
    cost_basis: Annotated[
        AmountText | None, Field(description="What all of it cost.", examples=["90.00"])
    ]
    currency: Annotated[Currency, Field(description="Of price, value and cost.")]
    as_of: Annotated[Moment, Field(description="When it was so.")]
    observed_at: Annotated[Moment, Field(description="When we heard it.")]
    ended_at: Annotated[Moment | None, Field(description="Since then it is held no more.")]
    security_id: Annotated[SecurityId | None, Field(description="What it is of.")]


class Holdings(Outgoing):
    """A page of positions."""

    rows: list[Holding]
    next_cursor: NextCursor


_REST: Final = len(Holding.model_fields) - 3
_row: Final = row_of(Holding)


@router.get("/holdings", response_model=Holdings)
async def list_holdings(
    *,
    caller: Annotated[Caller, require("read")],
    running: Running,
    page: Page,
    account: Annotated[
        AccountId | None, Query(description="Of this account, hidden or not.")
    ] = None,
    connection: Annotated[ConnectionId | None, Query(description="Of this connection.")] = None,
    symbol: Annotated[
        str | None,
        Query(
            description="With this very symbol.",
            max_length=_LONGEST_SYMBOL,
            examples=["WEIR"],
        ),
    ] = None,
    include_ended: Annotated[Yes, Query(description="What is held no more too.")] = False,
    include_hidden: Annotated[Yes, Query(description="Of hidden accounts too.")] = False,
) -> Response:
    """List what accounts hold now, in the order we met it."""
    wanted = Wanted(
        row_number("acc", account) if account is not None else None,
        row_number("con", connection) if connection is not None else None,
        symbol,
        include_ended,
        include_hidden,
    )
    listing = f"holdings {wanted}"
    rows = await running.database.read(
        holdings.page,
        wanted,
        owner_id=caller.user_id,
        after=page.position(listing, int) or 0,
        limit=page.limit + 1,
    )
    shown = rows[: page.limit]
    more = len(rows) > page.limit
    return answer(list(map(as_row, shown)), cursor_after(listing, shown[-1].id) if more else None)


def as_row(row: sa.Row[Any]) -> Any:  # noqa: ANN401 - a struct that is only written
    """Return a position as it is written."""
    return _row(*values(row))


def values(row: Sequence[Any]) -> tuple[Any, ...]:
    """Return a position's values in the order of `Holding`."""
    number, account_id, *rest = row
    security = None if rest[_REST] is None else public_id("sec", rest[_REST])
    return (public_id("hol", number), public_id("acc", account_id), *rest[:_REST], security)
