"""Prices that were believed: what an instrument cost when."""

from datetime import datetime
from typing import Annotated, NamedTuple

from fastapi import Query

from penstock.api.auth import require
from penstock.api.paging import Page, cursor_after
from penstock.api.quoting import Quote, quote_of
from penstock.api.routing import nouns
from penstock.api.running import Running
from penstock.api.schemas import Day, NextCursor, Outgoing
from penstock.db import prices
from penstock.domain.errors import InvalidInput
from penstock.identity.caller import Caller

<<<<<<<< HEAD:src/penstock/api/routes/own_prices.py
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
========
router = nouns("quotes")


class Prices(Outgoing):
    """A page of prices, the newest first."""

    rows: list[Quote]
>>>>>>>> worth:src/penstock/api/routes/prices.py
    next_cursor: NextCursor


class _Mark(NamedTuple):
    as_of: datetime
    number: int


<<<<<<<< HEAD:src/penstock/api/routes/own_prices.py
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
    line = PriceLine(0, body.security, day, Decimal(body.price), body.currency, body.basis)
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
    day: Annotated[Day, Query()],
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
========
@router.get("/prices")
async def list_prices(
    caller: Annotated[Caller, require("quotes")],  # noqa: ARG001 - whoever may ask for prices
    running: Running,
    page: Page,
    instrument: Annotated[
        str,
        Query(
            description="As `instrument` of a quote writes it.",
            pattern="^[!-~]{1,60}$",
            examples=["SAP:XETR"],
        ),
    ],
    since: Annotated[Day | None, Query(alias="from", description="The first day.")] = None,
    until: Annotated[Day | None, Query(alias="to", description="The last day.")] = None,
) -> Prices:
    """List the prices of an instrument that were believed, every source's."""
    if since is not None and until is not None and since > until:
        raise InvalidInput(f"{since} is after {until}.")
    listing = f"prices {instrument} {since} {until}"
    after = page.position(listing, _Mark)
    found = await running.database.read(
        prices.page,
        instrument,
        first=since,
        last=until,
        after=None if after is None else prices.Mark(*after),
        limit=page.limit + 1,
    )
    shown, now = found[: page.limit], running.clock()
    return Prices(
        rows=[quote_of(one, now) for _, one in shown],
        next_cursor=cursor_after(listing, shown[-1][0]) if len(found) > page.limit else None,
>>>>>>>> worth:src/penstock/api/routes/prices.py
    )
