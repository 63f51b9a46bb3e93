"""From an answer to quotes: guards, extraction, figure, instant. Pure, whatever comes in."""

import logging
from collections.abc import Mapping
from copy import copy
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

from penstock.domain.instrument import AMERICAN
from penstock.domain.quote import (
    ONE,
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
from penstock.quotes.batch import quick_quotes
from penstock.quotes.declaration import Declaration, Json
from penstock.quotes.document import Document
from penstock.quotes.exchanges import mic_of
from penstock.quotes.extract import found_in
from penstock.quotes.figure import Figure, figure_of
from penstock.quotes.found import Found
from penstock.quotes.guards import check_about, check_page
from penstock.quotes.instants import UNDATED, instant_of, is_timed
from penstock.quotes.rates import days_in, rate_of
from penstock.quotes.symbol import Listing, Pair, Symbol

_log = logging.getLogger("penstock.quotes")

DAY_ONLY: Final = "day_only"
"""A flag: the source says the day alone, which is today: `as_of` is when we fetched it."""

_MOST_DELAY: Final = timedelta(days=2)
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
    read: dict[Symbol, Quote | QuoteError] = {**quick_quotes(source, wanted, response.body, now)}
    if len(read) == len(wanted):
        return read
    for symbol, asked in wanted.items():
        if symbol in read:
            continue
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
    venue, delay = venue_of(source, symbol), _declared_delay(source)
    figure = _rate(source, symbol, document)
    if figure is None:
        found = found_in(source, symbol, document)
        if found is None:
            raise LayoutChanged(f"{source.title} has {symbol}, but not its price where it was.")
        if found.unknown:
            raise SymbolNotFound(f"{source.title} does not know {symbol}.")
        if found.symbol is not None:
            check_symbol(source, found, symbol)
        venue = named_venue(source, found, symbol) or venue
        delay = _delay(source, found) if found.delay is not None else delay
        figure = figure_of(source, symbol, found)
    as_of, flags = _instant(source, figure, now)
    quote = quote_of(source, symbol, figure, venue, now)
    quote = quote._replace(symbol=asked, as_of=as_of, delay=delay, flags=flags)
    check_age(source, quote)
    return quote


def quote_of(
    source: Declaration, symbol: Symbol, figure: Figure, venue: str | None, now: datetime
) -> Quote:
    """Return what a source tells, as yet as of now. A declared venue goes before any other."""
    return Quote(
        symbol=symbol.instrument,
        price=figure.price,
        currency=figure.currency,
        quoted_unit=figure.unit,
        scale=figure.scale,
        as_of=now,
        fetched_at=now,
        source=source.id,
        extractor=figure.extractor,
        raw=figure.raw,
        basis=figure.basis,
        venue=source.venue or venue,
        flags=figure.flags,
        instrument=symbol.instrument,
    )


def _rate(source: Declaration, symbol: Symbol, document: Document) -> Figure | None:
    """Read a pair from a table of rates, where the source has one."""
    rates = source.rates
    if rates is None or not isinstance(symbol, Pair):
        return None
    days = document.once(rates.name, lambda body: days_in(body, rates))
    rate = rate_of(days, rates, symbol)
    flags = () if rate.made == STATED else (rate.made,)
    code = symbol.quote
    return Figure(rate.value, code, code, ONE, Basis.RATE, rate.date, rates.name, rate.raw, flags)


def check_symbol(source: Declaration, found: Found, symbol: Symbol) -> None:
    """Refuse the price of something else: many pages show an index first."""
    other = found.symbol or ""
    if other.upper() not in source.names(symbol):
        raise WrongSymbol(f"The price of {symbol} was asked for, and that of {other[:60]!r} came.")


def venue_of(source: Declaration, symbol: Symbol) -> str | None:
    """Return the MIC of the exchange that was asked about, None for any."""
    if isinstance(symbol, Listing):
        return symbol.mic if symbol.mic != AMERICAN else None
    return source.words(symbol).get("mic")


def named_venue(source: Declaration, found: Found, symbol: Symbol) -> str | None:
    """Return the MIC of the exchange that the answer names. Raises WrongSymbol for another one."""
    mic = mic_of(found.venue.strip().upper()) if found.venue else None
    if mic is None:
        return None
    asked = source.words(symbol).get("mic")
    if asked and mic != asked:
        raise WrongSymbol(f"{symbol} was asked for, and a price of {mic} came.")
    return mic


def _instant(
    source: Declaration, figure: Figure, now: datetime
) -> tuple[datetime, tuple[str, ...]]:
    """Return the instant of a price, and the flags. It is never ours where there is one."""
    if source.time is None:
        return now, (*figure.flags, UNDATED)
    written = figure.time
    if written is None:
        raise LayoutChanged(f"{source.title} does not say when its price was made.")
    try:
        as_of = instant_of(written, source.time)
    except (ValueError, OverflowError, OSError) as error:
        raise LayoutChanged(
            f"{written[:60]!r} is no instant as {source.title} wrote them."
        ) from error
    if as_of <= now:
        return as_of, figure.flags
    zone = ZoneInfo(source.time.zone)
    if as_of.astimezone(zone).date() == now.astimezone(zone).date() and not is_timed(
        written, source.time
    ):
        return now, (*figure.flags, DAY_ONLY)
    if as_of > now + _AHEAD:
        raise LayoutChanged(f"{source.title} dates a price at {written!r}, which is still to come.")
    return as_of, figure.flags


def _declared_delay(source: Declaration) -> timedelta | None:
    return None if source.delay_seconds is None else timedelta(seconds=source.delay_seconds)


def _delay(source: Declaration, found: Found) -> timedelta | None:
    """Return how far behind the market a price is, by the answer. Raises LayoutChanged."""
    way = source.ways[found.extractor]
    written = found.delay or ""
    delay = _delay_of(written, isinstance(way, Json) and way.delay_in == "minutes")
    if delay is None:
        raise LayoutChanged(f"{source.title} says that its price is delayed by {written[:60]!r}.")
    return delay


@lru_cache(maxsize=256)
def _delay_of(written: str, minutes: bool) -> timedelta | None:  # noqa: FBT001 - a cache has no names
    if not (written.isascii() and written.isdigit() and len(written) <= 6):  # noqa: PLR2004 - days of seconds
        return None
    delay = timedelta(minutes=int(written)) if minutes else timedelta(seconds=int(written))
    return delay if delay <= _MOST_DELAY else None
