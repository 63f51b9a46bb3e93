"""Asks sources for the closes of days that are over: one instrument, one request at a time.

Requests go through the same gate as those for prices, and answers through the same guards. The
first source that can tell is asked for as many of the last days as it tells in one request; the
next one only where it could not.
"""

import logging
from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Final
from urllib.parse import quote

from penstock.domain.clock import Clock
from penstock.domain.closes import Closes
from penstock.domain.pricing import Splits
from penstock.domain.quote import LayoutChanged, NoSource, Quote, QuoteError, SourceDisabled
from penstock.domain.remedy import ask_person
from penstock.domain.request import Request
from penstock.domain.trading_day import zone_of
from penstock.quotes.asking import Asker, NoAnswer
from penstock.quotes.declaration import Declaration, fill, fits
from penstock.quotes.history_read import Past, read_closes
from penstock.quotes.past import judged, together
from penstock.quotes.symbol import Symbol, candidates_of

_BEFORE: Final = timedelta(days=14)
"""Of so many days more is asked: many say of a lone holiday that they do not know the symbol."""

_log = logging.getLogger("penstock.quotes")

Way = tuple[Declaration, Symbol, date, str]
"""A source, what the instrument is there, the first day to ask for, and the address."""


class Historian:
    """`domain.closes.Historian`. `disabled` sources are only named to whoever misses them."""

    def __init__(
        self,
        sources: Sequence[Declaration],
        asker: Asker,
        splits: Splits,
        clock: Clock,
        *,
        disabled: Sequence[Declaration] = (),
    ) -> None:
        self._sources = sources
        self._asker = asker
        self._splits = splits
        self._clock = clock
        self._disabled = disabled

    async def closes(
        self, instrument: str, first: date, last: date, known: Sequence[Quote]
    ) -> Closes:
        """Return what the best source tells of the last of these days, in one request.

        They are held against the prices that are `known`, of which there is at least one. Raises
        QuoteError: SourceDisabled and NoSource where nobody is to be asked.
        """
        problem: QuoteError | None = None
        for source, symbol, begin, url in ways(self._sources, instrument, first, last, self._clock):
            try:
                past = await self._told(source, symbol, url, (begin, last))
            except QuoteError as error:
                error.symbol, error.source = instrument, source.id
                if not error.elsewhere:
                    raise
                problem = problem or error
                continue
            noted = (await self._splits.of([instrument])).get(instrument, ())
            splits = together(past.splits, noted)
            believed, doubts = judged(past.quotes, known, source.sane, splits)
            return Closes(begin, source.id, believed, doubts)
        raise problem or self._nobody(instrument, first, last)

    async def _told(
        self, source: Declaration, symbol: Symbol, url: str, span: tuple[date, date]
    ) -> Past:
        request = Request("GET", url, source.ask.headers, authorized=False)
        answer = await self._asker.ask(source, request)
        if isinstance(answer, NoAnswer):
            raise answer.error
        if answer is None:
            raise AssertionError("nobody else is asked in its place")
        try:
            return read_closes(source, symbol, answer, span, self._clock())
        except QuoteError:
            raise
        except Exception as error:  # whatever an answer breaks, others are asked in its place
            _log.exception("unreadable", extra={"source": source.id, "instrument": f"{symbol}"})
            raise LayoutChanged(f"What {source.title} answered cannot be read.") from error

    def _nobody(self, instrument: str, first: date, last: date) -> QuoteError:
        would = [one[0] for one in ways(self._disabled, instrument, first, last, self._clock)]
        until = f"No source in use tells what {instrument} cost until {last}"
        if not would:
            return NoSource(f"{until}.", symbol=instrument)
        names = " or ".join(dict.fromkeys(one.id for one in would))
        return SourceDisabled(
            f"{until}: {names} would, but is switched off.",
            symbol=instrument,
            source=would[0].id,
            remedy=ask_person(f"Read its terms, then add {would[0].id} to PENSTOCK_QUOTE_SOURCES."),
        )


def ways(
    sources: Sequence[Declaration], instrument: str, first: date, last: date, clock: Clock
) -> Iterator[Way]:
    """Yield who may be asked for the last of these days, and by which address."""
    now = clock()
    for source in sources:
        history = source.history
        begin = history.begin(first - _BEFORE, last, now.date()) if history else None
        for symbol in source.forms(candidates_of(instrument)) if begin else ():
            url = address(source, symbol, begin or first, last, now)
            if url is not None:
                yield source, symbol, max(begin or first, first), url


def address(
    source: Declaration, symbol: Symbol, first: date, last: date, now: datetime
) -> str | None:
    """Return the address to ask for these days, None where the source does not cover the symbol."""
    history = source.history
    template = history.template(symbol.kind) if history else None
    words = source.words(symbol)
    if history is None or template is None or not source.covers.include(symbol):
        return None
    name = source.ask.name(symbol.kind)
    if not fits(template, words) or (name and "symbol" not in words):
        return None
    spanned = history.spanned(template, first, last, zone_of(symbol.instrument), now)
    return fill(spanned, {word: quote(text, safe="") for word, text in words.items()})
