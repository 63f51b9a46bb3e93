"""Exchange rates that an admin sets, and asking the central bank for new ones."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from penstock.api.auth import require
from penstock.api.routing import nouns
from penstock.api.running import Running
from penstock.api.routes.rates import Code
from penstock.api.schemas import AmountText, Day, ExactNumber, Incoming, On, Outgoing
from penstock.domain.rate import Stated
from penstock.engine import own_rates
from penstock.identity.caller import Caller

router = nouns("quotes")


class OwnRate(Incoming):
    """What one euro costs, by your own word."""

    currency: Code
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
