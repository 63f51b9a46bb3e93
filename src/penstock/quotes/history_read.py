"""From an answer to the closes of days: extraction, figure, day, splits. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Context, Decimal
from itertools import islice
from typing import Final

from penstock.domain.closes import HISTORY
from penstock.domain.quote import LayoutChanged, Quote, SourceUnavailable, SymbolNotFound
from penstock.domain.request import Response
from penstock.domain.security_event import MOST_RATIO
from penstock.domain.trading_day import close_of, zone_of
from penstock.quotes.declaration import Declaration
from penstock.quotes.declared.history import Days, History
from penstock.quotes.declared.ways import Csv, Table
from penstock.quotes.document import Document
from penstock.quotes.figure import figure_of
from penstock.quotes.found import Found
from penstock.quotes.guards import check_about
from penstock.quotes.history_json import DaysAnswer
from penstock.quotes.instants import instant_of, is_timed
from penstock.quotes.read import check_symbol, named_venue, quote_of, venue_of
from penstock.quotes.rows import rows_of_csv, rows_of_table
from penstock.quotes.sanity import Split
from penstock.quotes.symbol import Symbol

MOST_SPLITS: Final = 100
_LEAST: Final = Decimal("1e-6")
_MOMENT: Final = timedelta(microseconds=1)
_EXACT: Final = Context(prec=28)


@dataclass(frozen=True, slots=True)
class Past:
    """Closes by the day, the oldest first, as they were paid; and the splits that were told."""

    quotes: Sequence[Quote]
    splits: Sequence[Split] = ()


def read_closes(
    source: Declaration,
    symbol: Symbol,
    response: Response,
    span: tuple[date, date],
    now: datetime,
) -> Past:
    """Read the closes from the first to the last day of a span; others are left out.

    The answer's page was checked before. Where it tells several prices of a day, the last counts.
    Raises the QuoteError that says why nothing of it can be used.
    """
    history = source.history
    if history is None:
        raise LayoutChanged(f"{source.title} tells nothing of past days.")
    if not (response.proven or isinstance(history.extract, Days)):
        raise SourceUnavailable(f"{source.title} did not say how long its answer is.")
    check_about(source, symbol, response.body)
    found, told = _found(source, history, symbol, response)
    splits = [_split(history, symbol, *one) for one in islice(told, MOST_SPLITS + 1)]
    if len(splits) > MOST_SPLITS:
        raise LayoutChanged(f"More than {MOST_SPLITS} splits of {symbol} cannot be true.")
    by_day: dict[date, tuple[datetime, Quote]] = {}
    for one in found:
        at, day = _moment(source, history, symbol, one.time or "")
        if span[0] <= day <= span[1] and (day not in by_day or by_day[day][0] <= at):
            quote = _quote(source, symbol, one, now)
            if quote is not None:
                close = close_of(symbol.instrument, day)
                as_of = min(at, close) if history.at_end else close
                by_day[day] = at, quote._replace(as_of=as_of)
    quotes = [
        quote._replace(price=_unadjusted(quote.price, day, splits))
        for day, (_, quote) in sorted(by_day.items())
    ]
    return Past(quotes, splits)


def _found(
    source: Declaration, history: History, symbol: Symbol, response: Response
) -> tuple[Iterable[Found], Iterable[tuple[str, str, str]]]:
    way, words = history.extract, source.words(symbol)
    match way:
        case Csv():
            return rows_of_csv(way, response.body).all(words, source.names(symbol)), ()
        case Table():
            page = Document(response).tree
            return rows_of_table(way, page).all(words, source.names(symbol)), ()
        case _:
            answer = DaysAnswer(way, response.body)
            told = answer.splits(history.splits) if history.splits else ()
            return answer.find(words), told


def _moment(
    source: Declaration, history: History, symbol: Symbol, written: str
) -> tuple[datetime, date]:
    """Return the instant that a row is told of, and the day of which it is the close."""
    try:
        at = instant_of(written, history.time)
        if not is_timed(written, history.time):
            return at, at.date()
        if history.at_end:
            at -= _MOMENT
        return at, at.astimezone(zone_of(symbol.instrument)).date()
    except (ValueError, OverflowError, OSError) as error:
        raise LayoutChanged(f"{written[:60]!r} is no day as {source.title} wrote them.") from error


def _quote(source: Declaration, symbol: Symbol, found: Found, now: datetime) -> Quote | None:
    """Return a close; None for a day that has none: it is missing, and never 0."""
    if found.symbol is not None:
        check_symbol(source, found, symbol)
    venue = named_venue(source, found, symbol) or venue_of(source, symbol)
    try:
        figure = figure_of(source, symbol, found)
    except SymbolNotFound:
        return None
    quote = quote_of(source, symbol, figure, venue, now)
    return quote._replace(flags=(HISTORY, *figure.flags))


def _split(history: History, symbol: Symbol, written: str, new: str, old: str) -> Split:
    """Return a split's day, and how many shares one became. Raises LayoutChanged."""
    try:
        at = instant_of(written, history.time)
        ratio = _EXACT.divide(Decimal(new), Decimal(old))
    except (ValueError, OverflowError, OSError, ArithmeticError) as error:
        raise LayoutChanged(f"{new} for {old} on {written[:60]!r} is no split.") from error
    if not (ratio.is_finite() and _LEAST <= ratio <= MOST_RATIO):
        raise LayoutChanged(f"{new} for {old} is no split.")
    timed = is_timed(written, history.time)
    return (at.astimezone(zone_of(symbol.instrument)) if timed else at).date(), ratio


def _unadjusted(price: Decimal, day: date, splits: Sequence[Split]) -> Decimal:
    """Return what was paid on a day, of a price that was divided by every split since."""
    for first, shares in splits:
        if day < first:
            price = _EXACT.multiply(price, shares)
    return price
