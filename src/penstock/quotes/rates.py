"""A table of exchange rates, and what follows from it for any two of its currencies.

A rate that the table states is taken as it is written. Every other is one division of two stated
ones (domain/rate.py), far below what the table's own five or six digits can tell. No rate is ever
assumed: what the table does not state has none.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from xml.parsers import expat

from penstock.domain.quote import LayoutChanged, SymbolNotFound
from penstock.domain.rate import CROSSED, INVERTED, STATED, divided
from penstock.quotes.declaration import Rates
from penstock.quotes.number import parse_price
from penstock.quotes.symbol import Pair

Days = Mapping[str, Mapping[str, str]]
"""The rates of each day, by currency, in the document's own texts."""


@dataclass(frozen=True, slots=True)
class Rate:
    """A rate, the day it is of (as written), the figures it comes from, and how it was made."""

    value: Decimal
    date: str
    raw: str
    made: str


@dataclass(slots=True)
class _Tables:
    """The rates of each day in a document, in its own texts."""

    rates: Rates
    days: dict[str, dict[str, str]] = field(default_factory=dict)
    day: str = ""

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if name.rpartition(":")[2] != self.rates.element:
            return
        if self.rates.date in attributes:
            self.day = attributes[self.rates.date]
        if self.day and self.rates.currency in attributes and self.rates.rate in attributes:
            table = self.days.setdefault(self.day, {})
            known = table.setdefault(attributes[self.rates.currency], attributes[self.rates.rate])
            if known != attributes[self.rates.rate]:
                raise LayoutChanged("The table states two rates for one currency.")


def rate_in(body: bytes, rates: Rates, pair: Pair) -> Rate:
    """Return a pair's rate of the document's last day.

    Raises LayoutChanged for what is no such table, SymbolNotFound for a currency not in it.
    """
    return rate_of(days_in(body, rates), rates, pair)


def rate_of(days: Days, rates: Rates, pair: Pair) -> Rate:
    """Return a pair's rate of the last day. Raises as `rate_in` does."""
    if not days:
        raise LayoutChanged("The document has no rates.")
    date = max(days)
    base, quote = (
        _stated(days[date], currency, rates, date) for currency in (pair.base, pair.quote)
    )
    raw = "; ".join(
        f"{currency} {days[date][currency]}"
        for currency in (pair.base, pair.quote)
        if currency != rates.base
    )
    if base is None and quote is not None:
        return Rate(quote, date, raw, STATED)
    if base is None:
        raise SymbolNotFound("A currency has no rate to itself.")
    made = INVERTED if quote is None else CROSSED
    return Rate(divided(quote or Decimal(1), base), date, raw, made)


def _stated(table: Mapping[str, str], currency: str, rates: Rates, date: str) -> Decimal | None:
    """Return what one unit of the table's base costs in a currency, None for the base itself."""
    if currency == rates.base:
        return None
    if currency not in table:
        raise SymbolNotFound(f"There is no rate for {currency} of {date}.")
    price = parse_price(table[currency], "en")
    if price is None or price.currency or price.amount <= 0:
        raise LayoutChanged(f"{table[currency]!r} is no rate for {currency}.")
    return price.amount


def days_in(body: bytes, rates: Rates) -> Days:
    """Return the rates of each day in a document, as they are written. Raises LayoutChanged."""
    tables = _Tables(rates)
    parser = expat.ParserCreate()
    parser.StartElementHandler = tables.start
    parser.StartDoctypeDeclHandler = _refuse_document_type
    try:
        parser.Parse(body, True)  # noqa: FBT003 - expat's own, the end of the document
    except expat.ExpatError as error:
        raise LayoutChanged(f"The document is no XML that can be read: {error}.") from error
    return tables.days


def _refuse_document_type(*_: object) -> None:
    """A document type can define entities that grow without end, and rates need none."""
    raise LayoutChanged("The document declares a type of its own, which rates do not need.")
