"""New prices of what one holds, at once; and when the next ones come by themselves."""

from typing import Annotated, Final

from pydantic import Field

from penstock.api.auth import require
from penstock.api.routing import nouns
from penstock.api.running import Running
from penstock.api.schemas import Moment, Outgoing
from penstock.db.price_turns import Turn
from penstock.identity.caller import Caller

router = nouns("quotes")

_PATIENCE: Final = 60.0


class PriceTurn(Outgoing):
    """How an instrument is kept priced."""

    instrument: Annotated[str, Field(examples=["SAP:XETR"])]
    price_as_of: Annotated[Moment | None, Field(description="Of the last price that came.")]
    last_ok_at: Annotated[Moment | None, Field(description="When that was.")]
    code: Annotated[
        str | None,
        Field(description="Why no price came the last time.", examples=["source_disabled"]),
    ]
    next_at: Annotated[
        Moment,
        Field(description="When it is asked for by itself; the past: as soon as a worker can."),
    ]


class PriceTurns(Outgoing):
    """How all that one holds is kept priced."""

    rows: list[PriceTurn]


@router.post("/quotes/refresh")
async def refresh_quotes(
    caller: Annotated[Caller, require("quotes")], running: Running
) -> PriceTurns:
    """Ask now for the price of all that you hold, before its time.

    What is more than a hundred, or is being asked for at this moment, comes soon after.
    """
    found = await running.markets.pricer.refresh(caller.user_id, patience=_PATIENCE)
    return PriceTurns(rows=[turn_of(found[name]) for name in sorted(found)])


def turn_of(turn: Turn) -> PriceTurn:
    """Return a turn as it is shown."""
    known = turn.known
    return PriceTurn(
        instrument=turn.instrument,
        price_as_of=known.price_as_of,
        last_ok_at=known.last_ok_at,
        code=known.last_code,
        next_at=turn.wanted_at or turn.due.at,
    )
