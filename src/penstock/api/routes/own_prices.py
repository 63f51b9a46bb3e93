"""Prices that people set themselves, of what they hold and nobody quotes."""

from datetime import date
from decimal import Decimal
from typing import Annotated, Any, Final, Literal

import sqlalchemy as sa
from fastapi import Query, Request
from pydantic import BeforeValidator, Field, WithJsonSchema
from starlette.responses import Response

from penstock.api.auth import require
from penstock.api.errors import MalformedRequest
from penstock.api.paging import Page, cursor_after
from penstock.api.routing import nouns
from penstock.api.running import Running
from penstock.api.schemas import (
    AmountText,
    Currency,
    CurrencyCode,
    Day,
    Incoming,
    Line,
    NextCursor,
    On,
    Outgoing,
    Yes,
)
from penstock.db import own_prices
from penstock.db.own_prices import OwnPrice
from penstock.domain import price_file
from penstock.domain.ids import public_id
from penstock.domain.price_file import PriceLine
from penstock.domain.quote import Basis
from penstock.engine import own_prices as deeds
from penstock.identity.caller import Caller

router = nouns("prices")

_BODY: Final = {
    "requestBody": {
        "required": True,
        "content": {"text/csv": {"schema": {"type": "string", "format": "binary"}}},
    }
}
Security = Annotated[
    str,
    Field(
        description="A security's id, ISIN, FIGI, CUSIP, ticker (with its exchange) or name.",
        min_length=1,
        max_length=200,
        examples=["XX0000000017"],
    ),
]


def _price(value: Any) -> Any:  # noqa: ANN401 - whatever was sent
    if isinstance(value, str) and price_file.PRICE.fullmatch(value):
        return Decimal(value)
    raise ValueError('write a price as a decimal number in quotes, such as "12.50"')


_Price = Annotated[
    Decimal,
    BeforeValidator(_price),
    WithJsonSchema(
        {"type": "string", "pattern": f"^{price_file.PRICE.pattern}$", "examples": ["12.50"]}
    ),
]


class OwnPriceShown(Outgoing):
    """A price of one's own: what one cost on a day, or a hundredth of the par."""

    security_id: Annotated[str, Field(description="A public id.", examples=["sec_0000000000011"])]
    day: On
    price: Annotated[AmountText, Field(examples=["12.50"])]
    currency: Annotated[Currency, Field(description="ISO 4217; GBX for pence.")]
    basis: Annotated[Basis, Field(examples=["per_share"])]


class OwnPrices(Outgoing):
    """A page of prices."""

    rows: list[OwnPriceShown]
    next_cursor: NextCursor


class NewPrice(Incoming):
    """A price to set; that of the same day is replaced."""

    security: Line
    day: Annotated[Day | None, Field(description="Else today.")] = None
    price: _Price
    currency: Annotated[CurrencyCode, Field(description="ISO 4217; GBX for pence.")]
    basis: Annotated[
        Literal["per_share", "percent_of_par"] | None,
        Field(description="Else per cent of par for a bond, and per share for all else."),
    ] = None


class ImportedPrices(Outgoing):
    """What a file of prices brought, or would bring."""

    lines: Annotated[int, Field(examples=[250])]
    changed: Annotated[int, Field(description="New, or other than before.", examples=[250])]
    securities: Annotated[int, Field(examples=[2])]
    dry_run: bool


@router.get("/own-prices")
async def list_own_prices(
    caller: Annotated[Caller, require("read")],
    running: Running,
    page: Page,
    security: Annotated[Security | None, Query(description="Of this one only.")] = None,
) -> OwnPrices:
    """List the prices that you set, by security and day."""
    listing = f"own prices {security}"
    rows = await running.database.read(
        _read,
        security,
        owner_id=caller.user_id,
        after=page.position(listing, tuple[int, date]),
        limit=page.limit + 1,
    )
    shown = rows[: page.limit]
    more = len(rows) > page.limit
    last = (shown[-1].security_id, shown[-1].day) if more else None
    return OwnPrices(
        rows=[_shape(one) for one in shown],
        next_cursor=cursor_after(listing, last) if last else None,
    )


@router.post("/own-prices", status_code=201)
async def set_own_price(
    body: NewPrice, caller: Annotated[Caller, require("write")], running: Running
) -> OwnPriceShown:
    """Set what one of a security cost on a day. It holds until something newer is known."""
    calendar = running.valuer.calendar()
    day = body.day or calendar.today
    basis = Basis(body.basis) if body.basis else None
    line = PriceLine(0, body.security, day, body.price, body.currency, basis)
    done = await running.database.write(
        deeds.set_price, line, owner_id=caller.user_id, today=calendar.today, now=calendar.now
    )
    return _shape(done)


@router.post("/own-prices/import", openapi_extra=_BODY)
async def import_own_prices(
    request: Request,
    caller: Annotated[Caller, require("write")],
    running: Running,
    dry_run: Annotated[Yes, Query(description="Only say what it would do.")] = False,
) -> ImportedPrices:
    """Set all prices of a CSV file (security, day, price, currency), or none of them."""
    content = await request.body()
    if not content:
        raise MalformedRequest("Send the file as the body.")
    lines = price_file.parse(content)
    calendar = running.valuer.calendar()
    run: Any = running.database.read if dry_run else running.database.write
    done: deeds.Imported = await run(
        deeds.import_prices,
        lines,
        owner_id=caller.user_id,
        today=calendar.today,
        now=calendar.now,
        dry=dry_run,
    )
    return ImportedPrices(
        lines=done.lines, changed=done.changed, securities=done.securities, dry_run=dry_run
    )


@router.delete("/own-prices", status_code=204, response_class=Response)
async def delete_own_price(
    caller: Annotated[Caller, require("write")],
    running: Running,
    security: Annotated[Security, Query()],
    day: Annotated[Day, Query(description="The day of the price.")],
) -> Response:
    """Forget the price of a day that you set."""
    await running.database.write(deeds.remove_price, security, day, owner_id=caller.user_id)
    return Response(status_code=204)


def _read(
    connection: sa.Connection,
    security: str | None,
    *,
    owner_id: int,
    after: tuple[int, date] | None,
    limit: int,
) -> list[OwnPrice]:
    number = security and deeds.find(connection, security, owner_id=owner_id).id
    return own_prices.page(
        connection, owner_id=owner_id, security_id=number or None, after=after, limit=limit
    )


def _shape(one: OwnPrice) -> OwnPriceShown:
    return OwnPriceShown(
        security_id=public_id("sec", one.security_id),
        day=one.day,
        price=format(one.price, "f"),
        currency=one.currency,
        basis=one.basis,
    )
