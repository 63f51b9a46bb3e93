"""Whether a price goes with the last one that was believed, and whether two sources agree. Pure."""

from collections.abc import Sequence
from datetime import date, timedelta
from decimal import Context, Decimal
from typing import Final

from penstock.domain.quote import ONE, Quote, Suspicious, Suspicious100x, SuspiciousJump
from penstock.quotes.manners import Sane

Split = tuple[date, Decimal]
"""A day, and how many new shares there are from it on for one old one."""

TOLERANCE: Final = Decimal("0.02")
"""Two sources agree on a price that differs by no more than this part of it."""

AFTER_SPLIT: Final = "after_split"
"""A flag: a split that we know of explains how far the price is from the last one."""

_EXACT: Final = Context(prec=50)
_DAY: Final = timedelta(days=1)
# Prices in pence, agorot or fils, in thousands, and those wrong twice: pence of pence.
_UNITS: Final = (Decimal(100), Decimal(1000), Decimal(10_000))
_NEAR: Final = Decimal(2)
# A price goes further in a month than in a day: so many jumps by the age of the last one.
_REACH: Final = ((timedelta(days=5), 1), (timedelta(days=31), 2))
_LONGEST_REACH: Final = 3


def doubt_about(
    quote: Quote, last: Quote | None, sane: Sane, splits: Sequence[Split] = ()
) -> Suspicious | None:
    """Return why a price is not believed, None if it is. Without a last one there is no doubt."""
    if last is None:
        return None
    if (quote.currency, quote.basis) != (last.currency, last.basis):
        if not sane.ratio_100_guard and quote.basis is last.basis:
            return _doubt(SuspiciousJump, quote, last, "which is another currency")
        return _doubt(Suspicious100x, quote, last, "which is another unit")
    ratio = _EXACT.divide(quote.amount, last.amount)
    expected, possible = _after_splits(quote, last, splits)
    apart = [_EXACT.divide(ratio, factor) for factor in possible]
    units = [sane.ratio_100_guard and _is_unit(one) for one in apart]
    most = _EXACT.power(1 + sane.max_jump, _reach(quote, last))
    if any(1 / most <= one <= most and not unit for one, unit in zip(apart, units, strict=True)):
        return None
    if any(units):
        return _doubt(Suspicious100x, quote, last, "about a power of ten apart")
    why = "too far apart" if expected == ONE else "too far apart for the splits that we know"
    return _doubt(SuspiciousJump, quote, last, why)


def split_between(quote: Quote, last: Quote | None, splits: Sequence[Split]) -> bool:
    """Say whether a known split lies between the last price and this one."""
    return last is not None and _after_splits(quote, last, splits)[0] != ONE


def agree(one: Quote, other: Quote) -> bool:
    """Say whether two sources tell the same price of one instrument, in one currency."""
    if (one.instrument, one.currency, one.basis) != (
        other.instrument,
        other.currency,
        other.basis,
    ):
        return False
    low, high = sorted([one.amount, other.amount])
    return high - low <= _EXACT.multiply(low, TOLERANCE)


def _reach(quote: Quote, last: Quote) -> int:
    """Return how many jumps a price may have made since the last one."""
    age = abs(quote.as_of - last.as_of)
    return next((steps for span, steps in _REACH if age <= span), _LONGEST_REACH)


def _is_unit(ratio: Decimal) -> bool:
    ratio = max(ratio, _EXACT.divide(ONE, ratio))
    return any(unit / _NEAR <= ratio <= unit * _NEAR for unit in _UNITS)


def _after_splits(
    quote: Quote, last: Quote, splits: Sequence[Split]
) -> tuple[Decimal, tuple[Decimal, ...]]:
    """Return what the splits between two prices make of the ratio, and what it may be as well.

    Days are the exchange's, instants are UTC: a split at the edge may lie on either side of it.
    """
    older, newer = sorted([last.as_of.date(), quote.as_of.date()])
    sure = edge = ONE
    for day, shares in splits:
        if shares <= 0:
            continue
        if older < day <= newer:
            sure = _EXACT.divide(sure, shares)
        elif day in (older, newer + _DAY):
            edge = _EXACT.divide(edge, shares)
    if quote.as_of < last.as_of:
        sure, edge = _EXACT.divide(ONE, sure), _EXACT.divide(ONE, edge)
    return sure, (sure,) if edge == ONE else (sure, _EXACT.multiply(sure, edge))


def _doubt(kind: type[Suspicious], quote: Quote, last: Quote, why: str) -> Suspicious:
    return kind(
        f"{quote.source} says {shown(quote)}, the last price was {shown(last)} of "
        f"{last.as_of:%Y-%m-%d} ({last.source}): {why}. {how_to_accept(quote)}",
        quote=quote,
        last=last,
        symbol=quote.symbol,
        source=quote.source,
    )


def how_to_accept(quote: Quote) -> str:
    """Return what an admin types to believe a price that is held back."""
    command = f"penstock price accept {quote.instrument} {quote.price:f} {quote.quoted_unit}"
    return f"If that is right, an admin says so: `{command} --source {quote.source}`."


def shown(quote: Quote) -> str:
    """Return a price as the source wrote it, with its unit."""
    return f"{quote.price} {quote.quoted_unit}"
