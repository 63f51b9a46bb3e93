"""Prices as people and pages write them, read exactly or not at all.

`parse_price("1.234,56 \u20ac", "de-DE")` is 1234.56 EUR. What can be read in two ways is refused,
never guessed. A text is cleaned (written.py), freed of dates and times (moments.py), cut into
tokens (tokens.py) that must have the shape of one price (shape.py). Then its digits
(separators.py), scale (scales.py) and currency (currency_signs.py) are read by the habits of its
locale (cldr.py).
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from penstock.domain.quote import AmbiguousNumber
from penstock.quotes.cldr import Habits, habits_of
from penstock.quotes.currency_signs import ONLY_BEHIND, agreed_currency
from penstock.quotes.moments import without_moments
from penstock.quotes.scales import power_of
from penstock.quotes.separators import Digits, Notation, Unreadable, read_digits
from penstock.quotes.shape import Shape, shape_of
from penstock.quotes.tokens import Kind, Token, tokens_of
from penstock.quotes.written import has_digit, plain, spells_number

PERCENT: Final = "PCT"
MOST_DIGITS: Final = 64
MOST_POWER: Final = 40

_SHOWN: Final = 60
_POINT: Final = Notation(frozenset("."), frozenset())


@dataclass(frozen=True, slots=True)
class Price:
    """An amount in a currency: an ISO 4217 code, a minor unit (GBX, ILA, ZAC), PCT, or unknown."""

    amount: Decimal
    currency: str | None


def parse_price(text: str, locale: str | None = None) -> Price | None:
    """Read the price in a text, written the way `locale` (`de-CH`, `zh_TW`) writes numbers.

    The locale is that of the source, which need not be the exchange's. Returns None where the
    text holds no price. Digits are kept as written: 96.10 stays 96.10; pence stay pence (GBX).
    Raises AmbiguousNumber where the price cannot be told, or is written as the locale does not.
    """
    try:
        return _read(text, habits_of(locale) if locale else None)
    except Unreadable as problem:
        shown = text if len(text) <= _SHOWN else f"{text[:_SHOWN]}\u2026"
        raise AmbiguousNumber(f"{shown!r} is no price that can be told: {problem}.") from None


def _read(text: str, habits: Habits | None) -> Price | None:
    if not has_digit(text):
        if spells_number(text):
            raise Unreadable("its number is spelt out")
        return None
    written, dated = without_moments(plain(text))
    tokens = tokens_of(written, habits)
    if dated and not any(token.kind is not Kind.LABEL for token in tokens):
        return None
    shape = shape_of(written, tokens)
    currency = PERCENT if shape.percent else _currency(shape, habits)
    amount = _amount(shape.number, _scales(shape), habits)
    if shape.label:
        _check_label(shape, currency, habits)
    if shape.by and _amount(shape.by, [], habits) >= amount:
        raise Unreadable("it looks like a range")
    return Price(amount.copy_negate() if amount and shape.negative else amount, currency)


def _currency(shape: Shape, habits: Habits | None) -> str | None:
    signs = [
        (token.text, token.sign)
        for token in shape.before + shape.behind
        if token.kind is Kind.CURRENCY and token.sign
    ]
    if any(token.text in ONLY_BEHIND for token in shape.before):
        raise Unreadable("what follows numbers stands in front of one")
    if any(token.sign and token.powers for token in shape.behind):
        raise Unreadable("its last word is a currency's sign and a scale")
    return agreed_currency(signs, habits)


def _scales(shape: Shape) -> list[frozenset[int]]:
    return [token.powers for token in shape.behind if token.kind is Kind.SCALE]


def _check_label(shape: Shape, currency: str | None, habits: Habits | None) -> None:
    """Behind a name, only what is surely a price is one: CAC 40 is an index, not forty."""
    fraction = _digits(shape.number, habits.notation if habits else None).fraction
    spaced = any(mark.isspace() for mark in shape.number.run)
    if (currency is None and not fraction) or spaced:
        raise Unreadable("its number may belong to the name in front")
    if currency is None and _scales(shape):
        raise Unreadable("it may be a volume")


def _amount(numeral: Token, scales: list[frozenset[int]], habits: Habits | None) -> Decimal:
    digits = _digits(numeral, habits.notation if habits else None)
    power = power_of(scales) + (numeral.exponent or 0)
    if scales and (numeral.exponent is not None or numeral.no_cents):
        raise Unreadable("it has an exponent and a scale")
    if len(digits.whole + digits.fraction) > MOST_DIGITS or abs(power) > MOST_POWER:
        raise Unreadable("no price has so many digits")
    exact = Decimal(f"{digits.whole}.{digits.fraction}E{power}")
    return Decimal(f"{exact:f}")


def _digits(numeral: Token, notation: Notation | None) -> Digits:
    if numeral.exponent is None:
        return read_digits(numeral.run, notation, decimal=numeral.no_cents)
    digits = read_digits(numeral.run, notation or _POINT)
    if not digits.fraction and len(digits.whole) < len(numeral.run):
        raise Unreadable("it has groups and an exponent")
    return digits
