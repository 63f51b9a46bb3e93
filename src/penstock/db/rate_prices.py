"""Prices of pairs that stand in for the rates of a currency that nobody publishes: coins, mostly.

They are among those that were believed (prices.py): BTC/USD, BTC/EUR, EUR/VND. Which of several is
used, and that none replaces an official rate, is said in domain/fx.py.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

import sqlalchemy as sa

from penstock.db.prices import at, between, prices
from penstock.domain.errors import InvalidInput
from penstock.domain.pegs import FIXED
from penstock.domain.quote import Quote
from penstock.domain.rate import checked

_ANCHORS: Final = ("EUR", "USD")


def of_pairs(
    connection: sa.Connection, currencies: Iterable[str], *, first: date, last: date
) -> dict[tuple[str, str], list[tuple[date, Decimal, str]]]:
    """Return the prices of currencies in euros and dollars, or of those in them, by pair.

    The last one before `first` is with them. A figure that can be no rate is left out.
    """
    pairs = _pairs(currencies)
    quotes = between(connection, [*pairs], first, last)
    if first > date.min:
        quotes += at(connection, [*pairs], first - timedelta(days=1)).values()
    found: dict[tuple[str, str], dict[date, tuple[date, Decimal, str]]] = {}
    for quote in sorted(quotes, key=lambda one: one.as_of):
        pair = pairs[quote.instrument]
        if quote.currency == pair[1] and _is_rate(quote):
            day = quote.as_of.date()
            found.setdefault(pair, {})[day] = (day, quote.amount, quote.source)
    return {pair: [*points.values()] for pair, points in found.items()}


def days(
    connection: sa.Connection, currencies: Iterable[str], *, first: date, last: date, limit: int
) -> set[date]:
    """Return the first so many days of a time on which one of these has a new price."""
    query = (
        sa.select(prices.c.day)
        .where(prices.c.instrument.in_([*_pairs(currencies)]), prices.c.day.between(first, last))
        .distinct()
        .order_by(prices.c.day)
        .limit(limit)
    )
    return {*connection.execute(query).scalars()}


def instruments(currencies: Iterable[str]) -> list[str]:
    """Return the pairs whose prices can be the rates of these currencies."""
    return sorted(_pairs(set(currencies) - FIXED.keys()))


def _is_rate(quote: Quote) -> bool:
    try:
        return checked(quote.amount) > 0
    except InvalidInput:
        return False


def _pairs(currencies: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return the pairs by their instrument."""
    both = [(code, anchor) for code in currencies for anchor in _ANCHORS if code != anchor]
    return {f"{base}/{quote}": (base, quote) for one in both for base, quote in (one, one[::-1])}
