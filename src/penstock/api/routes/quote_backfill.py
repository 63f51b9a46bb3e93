"""What something that one holds cost on past days, asked for now."""

from datetime import date
from typing import Annotated

from pydantic import Field

from penstock.api.auth import require
from penstock.api.routing import nouns
from penstock.api.running import Running
from penstock.api.schemas import Day, Incoming, On, Outgoing
from penstock.db import securities
from penstock.domain.errors import InvalidInput, NotFound
from penstock.domain.remedy import ask_person
from penstock.engine.own_prices import EARLIEST
from penstock.identity.caller import Caller

router = nouns("quotes")


class BackfillAsked(Incoming):
    """Of what the missing days are asked for, and since when."""

    instrument: Annotated[
        str,
        Field(
            description="As `instrument` of a security.",
            pattern="^[!-~]{1,60}$",
            examples=["SAP:XETR"],
        ),
    ]
    since: Annotated[
        Day | None,
        Field(alias="from", description="The first day; else the one on which it is first held."),
    ] = None


class Backfilled(Outgoing):
    """What came of it. What is stored is told by `GET /v1/quotes/history`."""

    instrument: Annotated[str, Field(examples=["SAP:XETR"])]
    first: Annotated[On, Field(description="The first day that was looked at.")]
    last: Annotated[On, Field(description="The last one.")]
    missing: Annotated[int, Field(description="Days without a price, holidays among them.")]
    stored: Annotated[int, Field(description="Closes that were stored.")]
    doubted: Annotated[
        int, Field(description="Closes that do not go with the prices that are known.")
    ]
    sources: Annotated[list[str], Field(description="Who told them.", examples=[["twelvedata"]])]
    code: Annotated[
        str | None,
        Field(description="Why there is no more of it; null: all was asked for."),
    ]
    message: Annotated[str | None, Field(description="The same, for people.")]
    remedy: Annotated[str | None, Field(description="What to do about it.")]


@router.post("/quotes/history")
async def fetch_quote_history(
    caller: Annotated[Caller, require("quotes")], running: Running, body: BackfillAsked
) -> Backfilled:
    """Ask now for the closes that past days of an instrument lack, if you hold it or did.

    A day that has a price keeps it. What came before an error is stored.
    """
    first = _checked(body.since, running.clock().date())
    known = await running.database.read(securities.of_owner, owner_id=caller.user_id)
    if body.instrument not in {one.instrument for one in known}:
        raise NotFound(
            f"You hold nothing that is quoted as {body.instrument}.",
            remedy=ask_person("See what you hold, with every name: penstock securities."),
        )
    filled = await running.markets.backfiller.fetch(body.instrument, first, owner_id=caller.user_id)
    error = filled.error
    return Backfilled(
        instrument=body.instrument,
        first=filled.first,
        last=filled.last,
        missing=filled.missing,
        stored=filled.stored,
        doubted=filled.doubted,
        sources=list(filled.sources),
        code=error.code if error else None,
        message=error.message if error else None,
        remedy=error.remedy.text if error and error.remedy else None,
    )


def _checked(first: date | None, today: date) -> date | None:
    if first is not None and not EARLIEST <= first < today:
        raise InvalidInput(f"Past days are those from {EARLIEST} on, before today.")
    return first
