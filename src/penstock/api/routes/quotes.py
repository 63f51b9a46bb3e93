"""Prices now: one quote or one reason for each symbol, in the order they were asked for."""

import re
from typing import Annotated, Final

from fastapi import Query
from pydantic import Field

from penstock.api.auth import require
from penstock.api.routing import nouns
from penstock.api.running import Running
from penstock.api.schemas import AmountText, Currency, Moment, Outgoing, Remedy
from penstock.domain import quote as prices
from penstock.domain.errors import InvalidInput
from penstock.identity.caller import Caller

router = nouns("quotes")

MOST_SYMBOLS: Final = 100
_SYMBOL: Final = re.compile(r"[!-+\--~]{1,60}")  # visible ASCII, no comma


class Quote(Outgoing):
    """One price, with everything that says what it is worth."""

    price: Annotated[
        AmountText,
        Field(description="As the source wrote it, in `quoted_unit`.", examples=["402.5"]),
    ]
    quoted_unit: Annotated[str, Field(description="GBX for pence.", examples=["GBX"])]
    amount: Annotated[AmountText, Field(description="In `currency`.", examples=["4.025"])]
    currency: Annotated[Currency, Field(examples=["GBP"])]
    basis: Annotated[prices.Basis, Field(examples=["per_share"])]
    as_of: Annotated[Moment, Field(description="When it was the price.")]
    fetched_at: Moment
    source: Annotated[str, Field(examples=["ecb"])]
    venue: Annotated[str | None, Field(examples=["XLON"])]
    delay_seconds: Annotated[
        float | None, Field(description="How far the source says it is behind.", examples=[900.0])
    ]
    flags: Annotated[list[str], Field(description="What is odd about it.", examples=[[]])]
    extractor: Annotated[
        str, Field(description="Which way of reading the source found it.", examples=["json"])
    ]
    raw: Annotated[str, Field(description="The text as it stood there.", examples=["402.50p"])]


class NoQuote(Outgoing):
    """Why there is no quote. Decide by `code`."""

    code: Annotated[str, Field(examples=["symbol_not_found"])]
    message: Annotated[str, Field(examples=["The source does not know this symbol."])]
    source: Annotated[str | None, Field(examples=["ecb"])]
    remedy: Remedy | None


class Answer(Outgoing):
    """What there is to say of one symbol: either a quote or an error."""

    symbol: Annotated[str, Field(description="As it was asked for.", examples=["EUR/USD"])]
    quote: Quote | None
    error: NoQuote | None


class Answers(Outgoing):
    """One answer a symbol, in the order of the symbols."""

    rows: list[Answer]


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
            examples=["EUR/USD,AAPL:NASDAQ"],
        ),
    ],
    source: Annotated[
        str | None,
        Query(description="Ask this source alone.", min_length=1, max_length=60, examples=["ecb"]),
    ] = None,
) -> Answers:
    """Ask the sources in use for prices. One that fails never hides the others."""
    asked = _read(symbols)
    if source is not None:
        running.sources.check(source)
    outcomes = await running.quotes.fetch(asked, source=source)
    return Answers(rows=list(map(_answer, asked, outcomes)))


def _read(symbols: str) -> list[str]:
    asked = [symbol.strip(" ") for symbol in symbols.split(",")]
    if len(asked) > MOST_SYMBOLS:
        raise InvalidInput(f"Ask for {MOST_SYMBOLS} symbols at most, not {len(asked)}.")
    for place, symbol in enumerate(asked, 1):
        if not _SYMBOL.fullmatch(symbol):
            raise InvalidInput(
                f"Symbol {place} of {len(asked)} is none: write 1 to 60 visible ASCII characters, "
                "such as AAPL:NASDAQ or EUR/USD."
            )
    return asked


def _answer(symbol: str, outcome: prices.Quote | prices.QuoteError) -> Answer:
    if isinstance(outcome, prices.Quote):
        return Answer(symbol=symbol, quote=_quote(outcome), error=None)
    return Answer(symbol=symbol, quote=None, error=_no_quote(outcome))


def _quote(found: prices.Quote) -> Quote:
    return Quote(
        price=format(found.price, "f"),
        quoted_unit=found.quoted_unit,
        amount=format(found.amount, "f"),
        currency=found.currency,
        basis=found.basis,
        as_of=found.as_of,
        fetched_at=found.fetched_at,
        source=found.source,
        venue=found.venue,
        delay_seconds=None if found.delay is None else found.delay.total_seconds(),
        flags=list(found.flags),
        extractor=found.extractor,
        raw=found.raw,
    )


def _no_quote(error: prices.QuoteError) -> NoQuote:
    advice = error.remedy
    return NoQuote(
        code=error.code,
        message=error.message,
        source=error.source or None,
        remedy=advice and Remedy(kind=advice.kind, text=advice.text, until=advice.until),
    )
