"""Exchange rates that an admin sets, and asking the central bank for new ones."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from penstock.api.auth import require
from penstock.api.quoting import NoQuote, no_quote
from penstock.api.routes.rates import Code
from penstock.api.routing import nouns
from penstock.api.running import Running
from penstock.api.schemas import (
    AmountText,
    CurrencyCode,
    Day,
    ExactNumber,
    Incoming,
    On,
    Outgoing,
    Whole,
)
from penstock.domain.quote import QuoteError
from penstock.domain.rate import Stated
from penstock.engine import own_rates
from penstock.identity.caller import Caller

router = nouns("quotes")


class OwnRate(Incoming):
    """What one euro costs, by your own word."""

    currency: CurrencyCode
    rate: Annotated[
        ExactNumber | None,
        Field(description="What one euro costs; null takes back what was set.", examples=["45.10"]),
    ]
    day: Annotated[Day | None, Field(description="From which day on; today.")] = None


class OwnRateSet(Outgoing):
    """What is set now, and what was before."""

    currency: Code
    day: On
    rate: Annotated[AmountText | None, Field(examples=["45.10"])]
    before: Annotated[AmountText | None, Field(examples=["44.90"])]


class Differing(Outgoing):
    """What a source says of a past day, and did not say before. It is not used."""

    day: On
    currency: Code
    kept: Annotated[AmountText, Field(examples=["1.0163"])]
    said: Annotated[AmountText, Field(examples=["1.0164"])]


class RatesRefreshed(Outgoing):
    """What asking for new rates brought, or why it brought nothing."""

    added: Annotated[Whole, Field(description="Rates that are new.", examples=[31])]
    through: Annotated[On | None, Field(description="Up to this day, none is missing.")]
    edition: Annotated[
        str | None,
        Field(description="Of which document; null: nothing was new.", examples=["daily"]),
    ]
    differences: list[Differing]
    error: NoQuote | None


@router.post("/rates/refresh")
async def refresh_rates(
    caller: Annotated[Caller, require("quotes")],  # noqa: ARG001 - whoever may ask for prices
    running: Running,
) -> RatesRefreshed:
    """Ask the central bank for the rates that are missing here, and keep them.

    The first time, those are all since 1999.
    """
    try:
        found = await running.rates.refresh()
    except QuoteError as error:
        why = no_quote(error, running.clock())
        return RatesRefreshed(added=0, through=None, edition=None, differences=[], error=why)
    return RatesRefreshed(
        added=found.added,
        through=found.through,
        edition=found.edition,
        differences=[
            Differing(
                day=one.day,
                currency=one.currency,
                kept=format(one.kept, "f"),
                said=format(one.said, "f"),
            )
            for one in found.differences
        ],
        error=None,
    )


@router.post("/rates")
async def set_rate(
    body: OwnRate, caller: Annotated[Caller, require("admin")], running: Running
) -> OwnRateSet:
    """Set what one euro costs from a day on, for everybody here, or take that back. For admins.

    It holds for a year, or until a later day has a published rate; of one day, it goes before.
    """
    now = running.clock()
    day = body.day or now.date()
    program = running.database.program
    before: Decimal | None
    if body.rate is None:
        before = await program.write(
            own_rates.take_back, running.audit, body.currency, day, user_id=caller.user_id, now=now
        )
    else:
        stated = Stated(day, body.currency, body.rate)
        before = await program.write(
            own_rates.put, running.audit, stated, user_id=caller.user_id, now=now
        )
    return OwnRateSet(currency=body.currency, day=day, rate=_text(body.rate), before=_text(before))


def _text(number: Decimal | None) -> str | None:
    return None if number is None else format(number, "f")
