"""A recorded answer and what must come out of it: the proof that a declaration reads its source."""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final

import msgspec

from penstock.domain.quote import Quote, QuoteError, SymbolNotFound
from penstock.domain.request import Response
from penstock.quotes.declaration import Declaration, Sane, Tier
from penstock.quotes.history_read import read_closes
from penstock.quotes.read import read_quote
from penstock.quotes.symbol import Isin, Listing, Symbol, candidates_of

Wrong = tuple[str, str]
"""A field of a golden part, and why it does not hold."""

_SOON: Final = timedelta(minutes=1)
_EVER: Final = date.min, date.max
_LONG_AFTER: Final = datetime(2200, 1, 1, tzinfo=UTC)
_REMOTE: Final = ("BTN", "TOP", "STN")
"""Currencies that few pages mention: of Bhutan, Tonga, and Sao Tome and Principe."""


class Golden(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A recorded answer to the question for `symbol`, and what must be read from it.

    `price` is as the source wrote it and `unit` what it is in, where that is not the `currency`
    (GBX); `as_of` is the instant of the price, left out only where the source has no `time`. In
    their place `error` may name why there is no price: `consent_wall`, `symbol_not_found`. Of an
    answer about past days, `closes` has in their place every price that must be read from it, by
    day: {2026-08-06 = "1176.42"}; as it was paid, with the splits taken out.
    `fetched_at` is when the answer was recorded; left out, a minute after `as_of`.
    """

    file: str
    symbol: str
    price: str | None = None
    currency: str | None = None
    unit: str | None = None
    as_of: datetime | None = None
    closes: dict[str, str] = msgspec.field(default_factory=dict)
    error: str | None = None
    fetched_at: datetime | None = None
    status: int = 200
    type: str | None = None

    def __post_init__(self) -> None:
        said = (self.price, self.currency, self.unit, self.as_of)
        if self.error is not None and any(one is not None for one in said):
            raise ValueError("say either what comes out, or the error, not both")
        if self.closes and (self.currency is None or (self.price, self.as_of) != (None, None)):
            raise ValueError("with closes, say the currency, and no price nor as_of")
        if any(not re.fullmatch(r"\d{4}-\d\d-\d\d", day) for day in self.closes):
            raise ValueError('closes are by day: {2026-08-06 = "1176.42"}')
        told = self.closes or self.price is not None
        if self.error is None and not (told and self.currency):
            raise ValueError("say the price and the currency that must come out, or the error")
        for moment in (self.as_of, self.fetched_at):
            if moment is not None and moment.tzinfo is None:
                raise ValueError("an instant has an offset: 2026-08-07T19:56:23Z")


def wrong_in(source: Declaration, golden: Golden, body: bytes) -> Iterator[Wrong]:
    """Yield what of a golden part does not hold. Whatever was recorded, nothing is raised."""
    symbol = _asked(source, golden)
    if symbol is None:
        yield "symbol", f"the source does not cover {golden.symbol!r}"
        return
    if golden.closes:
        yield from _wrong_closes(source, symbol, golden, body)
        return
    came = _outcome(source, symbol, golden, body)
    if isinstance(came, Quote):
        yield from _compared(source, golden, came)
        yield from _told_from_others(source, symbol, golden, body)
    elif golden.error is None:
        yield "price", f"{golden.price} should come out, but: {came.code}: {came.message}"
    elif came.code != golden.error:
        yield "error", f"{golden.error} should come out, but: {came.code}: {came.message}"


def _wrong_closes(
    source: Declaration, symbol: Symbol, golden: Golden, body: bytes
) -> Iterator[Wrong]:
    """Yield what is wrong with the closes that an answer about past days has."""
    if source.history is None:
        yield "closes", "the declaration has no [history]"
        return
    try:
        now = golden.fetched_at or _LONG_AFTER
        past = read_closes(source, symbol, _response(source, symbol, golden, body), _EVER, now)
    except QuoteError as error:
        yield "closes", f"they should come out, but: {error.code}: {error.message}"
        return
    came = {f"{one.as_of.date()}": one.price for one in past.quotes}
    for day in sorted(came.keys() | golden.closes.keys()):
        said = _number(golden.closes.get(day, ""))
        if said is None or said != came.get(day):
            there = "nothing" if said is None else f"{said}"
            yield "closes", f"of {day} {there} should come out, but {came.get(day)} did"
    unit = golden.unit or golden.currency
    for currency, quoted in {(one.currency, one.quoted_unit) for one in past.quotes}:
        if (currency, quoted) != (golden.currency, unit):
            yield "currency", f"{quoted} of {currency} did come out"


def _asked(source: Declaration, golden: Golden) -> Symbol | None:
    """Return what the symbol is at this source, None where it has no address for it."""
    try:
        symbols = candidates_of(golden.symbol)
    except SymbolNotFound:
        return None
    return next((one for one in symbols if source.address(one)), None)


def _outcome(
    source: Declaration, symbol: Symbol, golden: Golden, body: bytes
) -> Quote | QuoteError:
    response = _response(source, symbol, golden, body)
    recorded = _recorded(golden)
    if recorded is None:  # nobody says when, so that nothing can be too old
        source = msgspec.structs.replace(source, sane=Sane())
    try:
        return read_quote(source, symbol, response, recorded or _LONG_AFTER, golden.symbol)
    except QuoteError as error:
        return error


def _response(source: Declaration, symbol: Symbol, golden: Golden, body: bytes) -> Response:
    kind = golden.type or source.guards.type or ""
    return Response(golden.status, {"content-type": kind}, body, source.address(symbol) or "")


def _recorded(golden: Golden) -> datetime | None:
    if golden.fetched_at:
        return golden.fetched_at.astimezone(UTC)
    return golden.as_of.astimezone(UTC) + _SOON if golden.as_of else None


def _compared(source: Declaration, golden: Golden, came: Quote) -> Iterator[Wrong]:
    if golden.error is not None:
        yield "error", f"{golden.error} should come out, but a price did: {came.price}"
        return
    if _number(golden.price or "") != came.price:
        yield "price", f"{golden.price} should come out, but {came.price} did"
    if golden.currency != came.currency:
        yield "currency", f"{golden.currency} should come out, but {came.currency} did"
    if (golden.unit or came.currency) != came.quoted_unit:
        yield "unit", f"the price is in {came.quoted_unit}: say so, if that is right"
    if source.time is None and golden.as_of is not None:
        yield "as_of", "the declaration has no [time], so its prices have no instant of their own"
    elif source.time is not None and golden.as_of is None:
        yield "as_of", f"say of which instant the price is; {came.as_of.isoformat()} came out"
    elif golden.as_of is not None and golden.as_of != came.as_of:
        said = f"{golden.as_of.isoformat()} should come out"
        yield "as_of", f"{said}, but {came.as_of.isoformat()} did"


def _number(written: str) -> Decimal | None:
    """Return a price that the declaration's author wrote, None where it is no plain number."""
    try:
        return Decimal(written)
    except InvalidOperation:
        return None


def _told_from_others(
    source: Declaration, symbol: Symbol, golden: Golden, body: bytes
) -> Iterator[Wrong]:
    """See that a page gives no price where another symbol is asked for.

    Some interfaces never say whose price they answer with. A page does: a page that is read
    without looking for the symbol in it will give the price of something else one day.
    """
    other = _other_than(symbol)
    if source.tier is not Tier.SCRAPE or source.address(other) is None:
        return
    if isinstance(_outcome(source, other, golden, body), Quote):
        yield (
            "symbol",
            (
                f"the same page gives a price for {other} as well: tie it to the symbol, "
                "by guards.must_contain or within extract"
            ),
        )


def _other_than(symbol: Symbol) -> Symbol:
    """Return a symbol of the same kind, at the same place, that a page is hardly about."""
    if isinstance(symbol, Listing):
        return replace(symbol, ticker="QZXQ")
    if isinstance(symbol, Isin):
        return replace(symbol, isin=f"{symbol.isin[:2]}00QZXQ0008")
    return replace(symbol, base=next(one for one in _REMOTE if one not in symbol.words.values()))
