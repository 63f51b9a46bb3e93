"""Prices as the API writes them: a quote or an error, and the way there."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import Field

from penstock.api.schemas import AmountText, Currency, Moment, Outgoing, Remedy
from penstock.domain import quote as prices
from penstock.domain import trail
from penstock.domain.trail import How


class Quote(Outgoing):
    """One price, with everything that says what it is worth."""

    instrument: Annotated[
        str, Field(description="What was meant, as we write it.", examples=["OCDO:XLON"])
    ]
    price: Annotated[
        AmountText,
        Field(description="As the source wrote it, in `quoted_unit`.", examples=["402.5"]),
    ]
    quoted_unit: Annotated[str, Field(description="GBX for pence.", examples=["GBX"])]
    amount: Annotated[AmountText, Field(description="In `currency`.", examples=["4.025"])]
    currency: Annotated[Currency, Field(examples=["GBP"])]
    basis: Annotated[prices.Basis, Field(examples=["per_share"])]
    as_of: Annotated[Moment, Field(description="When it was the price.")]
    age_seconds: Annotated[float, Field(description="How long ago that is.", examples=[72.5])]
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
    doubted: Annotated[
        Quote | None, Field(description="The price that is held back, where that is why.")
    ]
    believed: Annotated[Quote | None, Field(description="The last one that was.")]


class Step(Outgoing):
    """One way to a price that was tried, and what came of it."""

    source: Annotated[str, Field(examples=["ecb"])]
    instrument: Annotated[str, Field(examples=["EUR/USD"])]
    address: Annotated[
        str, Field(description="What was asked, without keys.", examples=["https://x.org/eur"])
    ]
    how: Annotated[How, Field(description="Where the answer came from.", examples=["fetched"])]
    quote: Annotated[Quote | None, Field(description="What was read.")]
    error: Annotated[NoQuote | None, Field(description="Why it is of no use.")]


class Answer(Outgoing):
    """What there is to say of one symbol: either a quote or an error."""

    symbol: Annotated[str, Field(description="As it was asked for.", examples=["EUR/USD"])]
    quote: Quote | None
    error: NoQuote | None
    steps: Annotated[
        list[Step] | None, Field(description="Every way that was tried; null: not asked for.")
    ]


def answer_of(one: trail.Trail, now: datetime, *, explained: bool) -> Answer:
    """Return what became of a symbol; `explained`: with the steps there."""
    found = one.outcome
    steps = [_step(step, now) for step in one.steps] if explained else None
    if isinstance(found, prices.Quote):
        return Answer(symbol=one.symbol, quote=quote_of(found, now), error=None, steps=steps)
    return Answer(symbol=one.symbol, quote=None, error=no_quote(found, now), steps=steps)


def _step(step: trail.Step, now: datetime) -> Step:
    return Step(
        source=step.source,
        instrument=step.instrument,
        address=step.address,
        how=step.how,
        quote=None if step.quote is None else quote_of(step.quote, now),
        error=None if step.error is None else no_quote(step.error, now),
    )


def quote_of(found: prices.Quote, now: datetime) -> Quote:
    """Return a quote as it is at this moment."""
    return Quote(
        instrument=found.instrument or found.symbol,
        price=format(found.price, "f"),
        quoted_unit=found.quoted_unit,
        amount=format(found.amount, "f"),
        currency=found.currency,
        basis=found.basis,
        as_of=found.as_of.astimezone(UTC),
        age_seconds=max((now - found.as_of).total_seconds(), 0.0),
        fetched_at=found.fetched_at,
        source=found.source,
        venue=found.venue,
        delay_seconds=None if found.delay is None else found.delay.total_seconds(),
        flags=list(found.flags),
        extractor=found.extractor,
        raw=found.raw,
    )


def no_quote(error: prices.QuoteError, now: datetime) -> NoQuote:
    """Return an error as it is shown."""
    advice = error.remedy
    doubted = error.quote
    believed = error.last if isinstance(error, prices.Suspicious) else None
    return NoQuote(
        code=error.code,
        message=error.message,
        source=error.source or None,
        remedy=advice and Remedy(kind=advice.kind, text=advice.text, until=advice.until),
        doubted=doubted and quote_of(doubted, now),
        believed=believed and quote_of(believed, now),
    )
