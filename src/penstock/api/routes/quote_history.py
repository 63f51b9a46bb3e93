"""Prices that were believed: what an instrument cost when."""

import re
from datetime import datetime
from typing import Annotated, Any, Final, NamedTuple

from fastapi import Query
from pydantic import BeforeValidator, WithJsonSchema

from penstock.api.auth import require
from penstock.api.paging import Page, cursor_after
from penstock.api.quoting import Quote, quote_of
from penstock.api.routing import nouns
from penstock.api.running import Running
from penstock.api.schemas import Day, NextCursor, Outgoing
from penstock.db import prices
from penstock.domain.errors import InvalidInput
from penstock.identity.caller import Caller

router = nouns("quotes")


_WRITTEN: Final = re.compile("[!-~]{1,60}")


def _instrument(value: Any) -> Any:  # noqa: ANN401 - whatever was sent
    if isinstance(value, str) and _WRITTEN.fullmatch(value):
        return value
    raise ValueError("write an instrument as a quote names it, such as SAP:XETR or EUR/USD")


_Instrument = Annotated[
    str,
    BeforeValidator(_instrument),
    WithJsonSchema(
        {"type": "string", "pattern": f"^{_WRITTEN.pattern}$", "examples": ["SAP:XETR"]}
    ),
]


class Prices(Outgoing):
    """A page of prices, the newest first."""

    rows: list[Quote]
    next_cursor: NextCursor


class _Mark(NamedTuple):
    as_of: datetime
    number: int


@router.get("/quotes/history")
async def list_quote_history(
    caller: Annotated[Caller, require("quotes")],  # noqa: ARG001 - whoever may ask for prices
    running: Running,
    page: Page,
    instrument: Annotated[_Instrument, Query(description="As `instrument` of a quote writes it.")],
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
    )
