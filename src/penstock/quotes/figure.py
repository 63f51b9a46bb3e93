"""From what was found to an exact price: number, unit, currency, scale and basis."""

from decimal import Decimal
from struct import pack, unpack
from typing import Final

import msgspec

from penstock.domain.currency_codes import CODES, MINOR_UNITS, SPELLINGS
from penstock.domain.quote import (
    ONE,
    AmbiguousNumber,
    Basis,
    LayoutChanged,
    SymbolNotFound,
    WrongSymbol,
)
from penstock.quotes.declaration import Declaration
from penstock.quotes.found import Found
from penstock.quotes.number import MOST_DIGITS, MOST_POWER, PERCENT, Price, parse_price
from penstock.quotes.symbol import Pair, Symbol

IMPLIED: Final = "currency_implied"
"""A flag: the answer names no currency, its source's declaration does, for the exchange."""

NOISE: Final = "float32"
"""A flag: the digits behind the seventh or eighth are none, but what a narrow float left there."""

_WIDEST: Final = 10


class Figure(msgspec.Struct, frozen=True, gc=False):
    """A price in its unit, and where it was found."""

    price: Decimal
    unit: str
    currency: str
    scale: Decimal
    basis: Basis
    time: str | None
    extractor: str
    raw: str
    flags: tuple[str, ...] = ()


def figure_of(source: Declaration, symbol: Symbol, found: Found) -> Figure:
    """Return the price that was found. Raises the QuoteError that says why it is none."""
    price = _number(source, found)
    if price is None or price.amount == 0:
        raise SymbolNotFound(f"{source.title} has no price for {symbol}, but {found.price[:60]!r}.")
    if price.amount < 0:
        raise LayoutChanged(f"{found.price[:60]!r} is no price of {symbol}.")
    basis = _basis(source, symbol, found)
    unit, flags = _unit(source, symbol, found, price, basis)
    declared = source.units.get(unit)
    if declared is None and unit in MINOR_UNITS:
        raise LayoutChanged(f"{source.title} quotes in {unit}, which its declaration has not.")
    scale = Decimal(declared.scale) if declared else ONE
    if basis is Basis.PERCENT_OF_PAR:
        scale = scale.scaleb(-2)
    if found.exact and is_noisy(found.price):
        flags = (*flags, NOISE)
    currency = declared.currency if declared else unit
    return Figure(
        price.amount,
        unit,
        currency,
        scale,
        basis,
        found.time,
        found.extractor,
        found.price,
        flags,
    )


def _number(source: Declaration, found: Found) -> Price | None:
    if not found.exact:
        return parse_price(found.price, source.number.locale)
    if len(found.price) <= MOST_DIGITS:
        amount = Decimal(found.price)
        if abs(amount.adjusted()) <= MOST_POWER:
            plain = "E" not in found.price and "e" not in found.price
            return Price(amount if plain else Decimal(f"{amount:f}"), None)
    raise AmbiguousNumber(f"{found.price[:60]!r} is no price: it has too many digits.")


def _basis(source: Declaration, symbol: Symbol, found: Found) -> Basis:
    if isinstance(symbol, Pair):
        return Basis.RATE
    if found.percent_of_par is None:
        return source.basis
    return Basis.PERCENT_OF_PAR if found.percent_of_par else Basis.PER_SHARE


def _unit(
    source: Declaration, symbol: Symbol, found: Found, price: Price, basis: Basis
) -> tuple[str, tuple[str, ...]]:
    """Return the unit that the price is in: what stands beside it and what is in it must agree."""
    beside, within = found.currency, price.currency
    unit = SPELLINGS.get(beside, beside) if beside else None
    if within == PERCENT:
        if basis is not Basis.PERCENT_OF_PAR:
            raise AmbiguousNumber(f"{found.price!r} is a percentage, not a price.")
        within = None
    if within and unit and within != unit:
        raise AmbiguousNumber(f"The price {found.price!r} is said to be in {unit}.")
    unit = unit or within
    flags: tuple[str, ...] = ()
    if isinstance(symbol, Pair):
        if unit not in (None, symbol.quote):
            raise WrongSymbol(f"The rate of {symbol} was asked for, and one in {unit} came.")
        unit = symbol.quote
    elif unit is None and basis is source.basis:
        unit = _implied(source, symbol)
        flags = (IMPLIED,) if unit else ()
    if unit is None or (unit not in CODES and not isinstance(symbol, Pair)):
        raise LayoutChanged(f"{source.title} does not say in which currency {found.price!r} is.")
    return unit, flags


def _implied(source: Declaration, symbol: Symbol) -> str | None:
    """Return the currency that a source's prices are in where it names none, by its declaration.

    What is in percent of par where others are not is worth that part of another currency.
    """
    words = source.words(symbol)
    unit = source.implied.get(words.get("mic", "")) or source.implied.get(words.get("country", ""))
    return SPELLINGS.get(unit, unit) if unit else None


def is_noisy(written: str) -> bool:
    """Say whether a number was a float of 32 bits before somebody wrote it as one of 64."""
    if len(written) <= _WIDEST or sum(map(str.isdigit, written)) <= _WIDEST:
        return False
    value = float(written)
    try:
        return bool(unpack("f", pack("f", value))[0] == value)
    except OverflowError:
        return False
