"""Prices now: one quote or one reason for each symbol, in the order they were asked for."""

import asyncio
import re
from decimal import Decimal
from typing import Annotated, Final

import sqlalchemy as sa
from fastapi import Query
from pydantic import Field

from penstock.api.auth import require
from penstock.api.quoting import Answer, Quote, answer_of, quote_of
from penstock.api.routing import nouns
from penstock.api.running import Installation, Running
from penstock.api.schemas import AmountText, Incoming, Outgoing
from penstock.db import price_turns
from penstock.db import prices as stored
from penstock.domain import quote as prices
from penstock.domain.audit import AuditEvent, AuditKind
from penstock.domain.errors import Conflict, InvalidInput
from penstock.domain.remedy import ask_person
from penstock.identity.caller import Caller

router = nouns("quotes")

MOST_SYMBOLS: Final = 100
_SYMBOL: Final = re.compile(r"[^\s\x00-\x1f\x7f,]+")
"""One word. Whether it means anything is for the engine to say, of each for itself."""

Source = Annotated[
    str | None,
    Query(description="Ask this source alone.", min_length=1, max_length=60, examples=["ecb"]),
]


class Answers(Outgoing):
    """One answer a symbol, in the order of the symbols."""

    rows: list[Answer]
    in_time: Annotated[
        bool,
        Field(description="False: time was over. Ask again for what has no price: it goes on."),
    ]


class Doubted(Incoming):
    """A price that was not believed, and is right all the same."""

    symbol: Annotated[str, Field(min_length=1, max_length=60, examples=["OCDO:XLON"])]
    source: Annotated[str, Field(min_length=1, max_length=60, examples=["ecb"])]
    price: Annotated[AmountText, Field(description="As the source writes it.", examples=["40250"])]
    quoted_unit: Annotated[
        str, Field(description="What that is in.", min_length=1, max_length=10, examples=["GBX"])
    ]


@router.get("/quotes")
async def list_quotes(
    caller: Annotated[Caller, require("quotes")],  # noqa: ARG001 - whoever may ask for prices
    running: Running,
    symbols: Annotated[
        str,
        Query(
            description=f"With commas between them, {MOST_SYMBOLS} at most.",
            min_length=1,
            max_length=MOST_SYMBOLS * 61,
            examples=["EUR/USD,AAPL:XNAS"],
        ),
    ],
    source: Source = None,
    explain: Annotated[bool, Query(description="Say how each came about.")] = False,
    seconds: Annotated[
        float, Query(description="How long it may take.", ge=1, le=100, examples=[60])
    ] = 60,
) -> Answers:
    """Ask the sources in use for prices. One that fails never hides the others."""
    asked = _read(symbols)
    if source is not None:
        running.sources.check(source)
    loop = asyncio.get_running_loop()
    began = loop.time()
    trails = await running.quotes.explain(asked, source=source, deadline=seconds)
    now = running.clock()
    return Answers(
        rows=[answer_of(one, now, explained=explain) for one in trails],
        in_time=loop.time() - began < seconds,
    )


@router.post("/quotes/accept")
async def accept_quote(
    caller: Annotated[Caller, require("admin", "quotes")], running: Running, given: Doubted
) -> Quote:
    """Believe a price that was doubted, or a first one that nobody confirmed.

    The source is asked again, and has to say the same.
    For admins: it is the price of everybody's holdings from then on.
    """
    _check([given.symbol])
    (trail,) = await running.quotes.explain([given.symbol], source=given.source, deadline=60)
    found = _as_told(trail.outcome, Decimal(given.price), given.quoted_unit)
    await running.database.write(_accept, running, caller, found)
    return quote_of(found, running.clock())


def _as_told(outcome: prices.Quote | prices.QuoteError, price: Decimal, unit: str) -> prices.Quote:
    """Return the doubted price as a trusted one, if it was looked at. Raises Conflict."""
    if isinstance(outcome, prices.Quote):
        raise Conflict(f"{outcome.symbol} is {outcome.price} now, which nobody doubts.")
    found = outcome.quote
    if found is None:
        raise Conflict(f"There is no price to accept. {outcome.message}", remedy=outcome.remedy)
    last = outcome.last if isinstance(outcome, prices.Suspicious) else None
    if (found.price, found.quoted_unit) != (price, unit):
        raise Conflict(
            f"The source says {found.price} {found.quoted_unit} now, not {price} {unit}.",
            remedy=ask_person("Look at it again, and accept what it says now."),
        )
    if last is not None and found.as_of.date() < last.as_of.date():
        raise Conflict(
            f"It is of {found.as_of:%Y-%m-%d}, and there is one of {last.as_of:%Y-%m-%d}.",
            remedy=ask_person("Accept a price of that day or of a later one."),
        )
    return found._replace(flags=(*found.flags, prices.TRUSTED))


def _accept(
    connection: sa.Connection, running: Installation, caller: Caller, found: prices.Quote
) -> None:
    now = running.clock()
    stored.accept(connection, [found], now=now)
    price_turns.look_again(connection, found.instrument, now=now)
    facts = {
        "source": found.source,
        "price": format(found.price, "f"),
        "unit": found.quoted_unit,
        "as_of": found.as_of.isoformat(),
    }
    event = AuditEvent(AuditKind.PRICE_ACCEPTED, caller.user_id, found.instrument, facts)
    running.audit.record(connection, event, now=now)


def _read(symbols: str) -> list[str]:
    asked = [symbol.strip(" ") for symbol in symbols.split(",")]
    if len(asked) > MOST_SYMBOLS:
        raise InvalidInput(f"Ask for {MOST_SYMBOLS} symbols at most, not {len(asked)}.")
    _check(asked)
    return asked


def _check(asked: list[str]) -> None:
    for place, symbol in enumerate(asked, 1):
        if not _SYMBOL.fullmatch(symbol):
            raise InvalidInput(
                f"Symbol {place} of {len(asked)} is none: write one word, such as AAPL:XNAS or "
                "EUR/USD."
            )
