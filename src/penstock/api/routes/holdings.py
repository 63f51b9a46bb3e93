"""What accounts hold besides money: each position as its institution stated it last."""

from collections.abc import Sequence
from decimal import Decimal
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
    CurrencyCode,
    HoldingId,
    Moment,
    NextCursor,
    On,
    Outgoing,
    SecurityId,
    Yes,
)
from penstock.db import holdings
from penstock.db.holdings import Wanted
from penstock.domain.gain import Gain
from penstock.domain.holding import SecurityType
from penstock.domain.ids import public_id, row_number
from penstock.domain.quote import Basis
from penstock.domain.valuation import Reason, Source, Valued
from penstock.engine.worth import Valuation
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


class HoldingPrice(Outgoing):
    """The price that a value of ours was worked out with; `price` is in `currency`, or its par."""

    price: Annotated[AmountText, Field(examples=["402.5"])]
    scale: Annotated[AmountText, Field(description="0.01 for pence.", examples=["0.01"])]
    currency: Annotated[Currency, Field(examples=["GBP"])]
    basis: Annotated[Basis, Field(examples=["per_share"])]
    source: Annotated[str, Field(description="`manual`: your own.", examples=["yahoo"])]
    as_of: Moment


class Opinion(Outgoing):
    """What somebody says that a position is worth, and as of when."""

    value: Annotated[AmountText, Field(examples=["103.00"])]
    currency: Currency
    source: Annotated[Source, Field(examples=["institution_value"])]
    as_of: Moment
    price: HoldingPrice | None


class HoldingGain(Outgoing):
    """What was gained since it was bought, in the currency of the cost."""

    amount: Annotated[AmountText, Field(examples=["13.00"])]
    currency: Currency
    percent: Annotated[AmountText | None, Field(description="Of the cost.", examples=["14.44"])]


class Worth(Outgoing):
    """What a position is worth now: ours and the institution's word apart, and which one counts."""

    amount: Annotated[AmountText | None, Field(description="In the asked currency.")]
    currency: Annotated[Currency, Field(description="The asked one.")]
    rate: Annotated[AmountText | None, Field(examples=["0.9217"])]
    rate_on: On | None
    taken: Annotated[Opinion | None, Field(description="What `amount` is worked out from.")]
    ours: Annotated[Opinion | None, Field(description="By our quote, or your own price.")]
    institution: Annotated[Opinion | None, Field(description="By what it states.")]
    gain: HoldingGain | None
    missing: Annotated[Reason | None, Field(description="Why there is no amount.")]
    text: Annotated[str, Field(description="That in words.", examples=[""])]
    flags: Annotated[list[str], Field(examples=[[]])]


class ValuedHolding(Holding):
    """A position, and what it is worth now; null where it is held no more."""

    worth: Worth | None


class ValuedHoldings(Outgoing):
    """A page of positions with what they are worth."""

    rows: list[ValuedHolding]
    next_cursor: NextCursor


_REST: Final = len(Holding.model_fields) - 3
_valued_row: Final = row_of(ValuedHolding)
_row: Final = row_of(Holding)


@router.get("/holdings", response_model=Holdings | ValuedHoldings)
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
    worth: Annotated[
        Yes, Query(description="With what each is worth now, in the currency of most accounts.")
    ] = False,
    currency: Annotated[
        CurrencyCode | None,
        Query(description="With what each is worth now, in this currency."),
    ] = None,
) -> Response:
    """List what accounts hold now, in the order we met it; if you like, with what it is worth."""
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
    cursor = cursor_after(listing, shown[-1].id) if more else None
    if not (worth or currency):
        return answer(list(map(as_row, shown)), cursor)
    asked = currency or await running.valuer.usual_currency(caller.user_id)
    found = await running.valuer.positions(caller.user_id, asked)
    return answer([_valued_row(*values(row), _worth(found.get(row.id))) for row in shown], cursor)


def as_row(row: sa.Row[Any]) -> Any:  # noqa: ANN401 - a struct that is only written
    """Return a position as it is written."""
    return _row(*values(row))


def values(row: Sequence[Any]) -> tuple[Any, ...]:
    """Return a position's values in the order of `Holding`."""
    number, account_id, *rest = row
    security = None if rest[_REST] is None else public_id("sec", rest[_REST])
    return (public_id("hol", number), public_id("acc", account_id), *rest[:_REST], security)


def _worth(found: Valuation | None) -> dict[str, Any] | None:
    if found is None:
        return None
    line, asked = found.line, found.currency
    same = line.taken is None or line.taken.currency == asked
    reason, text = line.reason, line.why
    if line.taken is not None and found.amount is None:
        reason, text = Reason.NO_RATE, f"There is no rate from {line.taken.currency} to {asked}."
    shown = Worth(
        amount=_text(found.amount),
        currency=asked,
        rate=None if same or found.rate is None else _text(found.rate.value),
        rate_on=None if same or found.rate is None else found.rate.day,
        taken=_opinion(line.taken),
        ours=_opinion(line.ours),
        institution=_opinion(line.theirs),
        gain=_gain(found.gain),
        missing=reason,
        text=text,
        flags=list(line.flags),
    )
    return shown.model_dump(mode="json")


def _opinion(valued: Valued | None) -> Opinion | None:
    if valued is None:
        return None
    one = valued.price
    return Opinion(
        value=format(valued.value, "f"),
        currency=valued.currency,
        source=valued.source,
        as_of=valued.as_of,
        price=one
        and HoldingPrice(
            price=format(one.price, "f"),
            scale=format(one.scale, "f"),
            currency=one.currency,
            basis=one.basis,
            source=one.source,
            as_of=one.as_of,
        ),
    )


def _gain(found: Gain | None) -> HoldingGain | None:
    if found is None:
        return None
    return HoldingGain(
        amount=format(found.amount, "f"), currency=found.currency, percent=_text(found.percent)
    )


def _text(amount: Decimal | None) -> str | None:
    return None if amount is None else format(amount, "f")
