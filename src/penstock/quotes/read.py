"""From an answer to a quote: guards, extraction, number, unit, instant. Pure, whatever comes in."""

import logging
from collections.abc import Mapping
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final

from penstock.domain.instrument import AMERICAN
from penstock.domain.quote import (
    ONE,
    AmbiguousNumber,
    Basis,
    LayoutChanged,
    Quote,
    QuoteError,
    Stale,
    SymbolNotFound,
    WrongSymbol,
)
from penstock.domain.rate import STATED
from penstock.domain.request import Response
from penstock.quotes.currency_codes import CODES, MINOR_UNITS, SPELLINGS
from penstock.quotes.declaration import Declaration, Rates
from penstock.quotes.document import Document
from penstock.quotes.extract import Found, found_in
from penstock.quotes.guards import check_about, check_page
from penstock.quotes.instants import instant_of
from penstock.quotes.number import PERCENT, Price, parse_price
from penstock.quotes.rates import days_in, rate_of
from penstock.quotes.symbol import Listing, Pair, Symbol

_log = logging.getLogger("penstock.quotes")

UNDATED: Final = "undated"
"""A flag: the source does not say when the price was made, `as_of` is when we fetched it."""

_AHEAD: Final = timedelta(hours=1)


def read_quote(
    source: Declaration, symbol: Symbol, response: Response, now: datetime, asked: str = ""
) -> Quote:
    """Read the quote of a symbol, which the person wrote as `asked`, from a source's answer.

    Raises a QuoteError that names symbol and source; never returns a price that is not certain.
    """
    try:
        check_page(source, response, now)
        return _quote(source, symbol, Document(response), now, asked or str(symbol))
    except QuoteError as error:
        error.symbol, error.source = asked or str(symbol), source.id
        raise


def read_quotes(
    source: Declaration, wanted: Mapping[Symbol, str], response: Response, now: datetime
) -> dict[Symbol, Quote | QuoteError]:
    """Read the quotes of many symbols from one answer, whose page was checked before.

    `wanted` says how somebody wrote each. What is wrong with one is told in its place.
    """
    document = Document(response)
    read: dict[Symbol, Quote | QuoteError] = {}
    for symbol, asked in wanted.items():
        try:
            read[symbol] = _quote(source, symbol, document, now, asked)
        except QuoteError as error:
            own = copy(error)
            own.symbol, own.source = asked, source.id
            read[symbol] = own
        except Exception:  # noqa: BLE001 - whatever an answer breaks, the others are not lost
            _log.exception(
                "unreadable", extra={"source": source.id, "instrument": symbol.instrument}
            )
            read[symbol] = LayoutChanged(
                f"What {source.title} answered cannot be read.", symbol=asked, source=source.id
            )
    return read


def check_age(source: Declaration, quote: Quote) -> None:
    """Return if a price is as young as the source's prices are. Raises Stale."""
    days = source.sane.max_age_days
    if days is not None and quote.fetched_at - quote.as_of > timedelta(days=days):
        raise Stale(
            f"{source.title} last had a price of {quote.symbol} on {quote.as_of:%Y-%m-%d}.",
            as_of=quote.as_of,
            symbol=quote.symbol,
            source=source.id,
        )


def _quote(
    source: Declaration, symbol: Symbol, document: Document, now: datetime, asked: str
) -> Quote:
    check_about(source, symbol, document.body)
    found = _rate(source, symbol, document) or _figure(source, symbol, document)
    quote = Quote(
        symbol=asked,
        price=found.price,
        currency=found.currency,
        quoted_unit=found.unit,
        scale=found.scale,
        as_of=_instant(source, found.time, now),
        fetched_at=now,
        source=source.id,
        extractor=found.extractor,
        raw=found.raw,
        basis=Basis.RATE if isinstance(symbol, Pair) else source.basis,
        venue=source.venue or _venue(source, symbol),
        delay=_delay(source),
        flags=found.flags if source.time else (*found.flags, UNDATED),
        instrument=symbol.instrument,
    )
    check_age(source, quote)
    return quote


@dataclass(frozen=True, slots=True)
class _Figure:
    """A price in its unit, and where it was found."""

    price: Decimal
    unit: str
    currency: str
    scale: Decimal
    time: str | None
    extractor: str
    raw: str
    flags: tuple[str, ...] = ()


def _rate(source: Declaration, symbol: Symbol, document: Document) -> _Figure | None:
    """Read a pair from a table of rates, where the source has one."""
    rates = next((way for way in source.extract if isinstance(way, Rates)), None)
    if rates is None or not isinstance(symbol, Pair):
        return None
    days = document.once(rates.name, lambda body: days_in(body, rates))
    rate = rate_of(days, rates, symbol)
    flags = () if rate.made == STATED else (rate.made,)
    code = symbol.quote
    return _Figure(rate.value, code, code, ONE, rate.date, rates.name, rate.raw, flags)


def _figure(source: Declaration, symbol: Symbol, document: Document) -> _Figure:
    found = found_in(source, symbol, document)
    if found is None:
        raise LayoutChanged(f"{source.title} has {symbol}, but not its price where it was.")
    _check_symbol(found, symbol)
    price = parse_price(found.price, source.number.locale)
    if price is None or price.amount == 0:
        raise SymbolNotFound(f"{source.title} has no price for {symbol}, but {found.price!r}.")
    if price.amount < 0:
        raise LayoutChanged(f"{found.price!r} is no price of {symbol}.")
    unit = _unit(source, found, price)
    currency, scale = _whole(source, unit)
    return _Figure(price.amount, unit, currency, scale, found.time, found.extractor, found.price)


def _check_symbol(found: Found, symbol: Symbol) -> None:
    """Refuse the price of something else: many pages show an index first."""
    if found.symbol is not None and found.symbol.upper() not in symbol.names:
        raise WrongSymbol(
            f"The price of {symbol} was asked for, and that of {found.symbol!r} came."
        )


def _unit(source: Declaration, found: Found, price: Price) -> str:
    """Return the unit that the price is in: what stands beside it and what is in it must agree."""
    beside, within = found.currency, price.currency
    unit = SPELLINGS.get(beside, beside) if beside else None
    if within == PERCENT:
        if source.basis is not Basis.PERCENT_OF_PAR:
            raise AmbiguousNumber(f"{found.price!r} is a percentage, not a price.")
        within = None
    if within and unit and within != unit:
        raise AmbiguousNumber(f"The price {found.price!r} is said to be in {unit}.")
    unit = unit or within
    if unit is None or unit not in CODES:
        raise LayoutChanged(f"{source.title} does not say in which currency {found.price!r} is.")
    return unit


def _whole(source: Declaration, unit: str) -> tuple[str, Decimal]:
    """Return the currency of a unit, and how much of it a price of one is."""
    declared = source.units.get(unit)
    if declared is None and unit in MINOR_UNITS:
        raise LayoutChanged(f"{source.title} quotes in {unit}, which its declaration has not.")
    scale = Decimal(declared.scale) if declared else ONE
    if source.basis is Basis.PERCENT_OF_PAR:
        scale = scale.scaleb(-2)
    return (declared.currency if declared else unit), scale


def _instant(source: Declaration, written: str | None, now: datetime) -> datetime:
    """Return the instant of a price, in UTC. It is never ours where the source has one."""
    if source.time is None:
        return now
    if written is None:
        raise LayoutChanged(f"{source.title} does not say when its price was made.")
    try:
        as_of = instant_of(written, source.time)
    except (ValueError, OverflowError, OSError) as error:
        raise LayoutChanged(f"{written!r} is no instant as {source.title} wrote them.") from error
    if as_of > now + _AHEAD:
        raise LayoutChanged(f"{source.title} dates a price at {written!r}, which is still to come.")
    return as_of


def _venue(source: Declaration, symbol: Symbol) -> str | None:
    """Return the MIC of the exchange that was asked about, None for any."""
    mic = source.words(symbol).get("mic")
    return mic or (symbol.mic if isinstance(symbol, Listing) and symbol.mic != AMERICAN else None)


def _delay(source: Declaration) -> timedelta | None:
    return None if source.delay_seconds is None else timedelta(seconds=source.delay_seconds)
