"""What a position is worth: by our own quote, by what the institution states, or not known.

value = quantity x price x scale x rate, rounded once, at the end, to the currency's minor digits,
half to even. A price in per cent of par is that of a hundredth of the nominal. Nothing is ever
worth 0 because it has no price: then there is a reason.

Which price counts: ours or the person's own, whichever is newer, where it is fresh (a person's own
always is); else what the institution says it is worth; else its price of one. Not every price can
be multiplied: of an option the multiplier is not told, of a bond whether a price is in per cent,
of a thing whose type is not known neither. Of those the institution's value alone counts.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation
from enum import StrEnum
from fractions import Fraction
from typing import Final, NamedTuple

from penstock.domain.currency import minor_digits
from penstock.domain.holding import SecurityType
from penstock.domain.quote import ONE, Basis, Quote
from penstock.domain.rate import MINOR_UNITS

FRESH_FOR: Final = timedelta(days=4)
"""So old may a quote of ours be: a long weekend. After it, what the institution says counts."""

APART: Final = Decimal(5)
"""So many times the institution's value, or the like part of it, our own is not believed."""

APART_AT_ONCE: Final = Decimal("1.4")
"""The same where both are of about one time: less than what a usual split makes of it (3:2)."""

_EXACT: Final = Context(prec=400, rounding=ROUND_HALF_EVEN, traps=[InvalidOperation])
_COINS: Final = [Decimal(1).scaleb(-digits) for digits in range(19)]
_HUNDREDTH: Final = Decimal("0.01")
_EACH: Final = frozenset(
    {SecurityType.STOCK, SecurityType.ETF, SecurityType.FUND, SecurityType.CRYPTO}
)
"""Of these a price is that of one."""


class Source(StrEnum):
    """Where a value comes from."""

    QUOTE = "quote"
    OWN_PRICE = "own_price"
    INSTITUTION_VALUE = "institution_value"
    INSTITUTION_PRICE = "institution_price"
    BALANCE = "balance"
    MONEY = "money"


class Reason(StrEnum):
    """Why something stands beside a total and not in it."""

    NO_PRICE = "no_price"
    STALE_PRICE = "stale_price"
    NO_RATE = "no_rate"
    NO_BALANCE = "no_balance"
    NOT_KNOWN_YET = "not_known_yet"


class Rate(NamedTuple):
    """What one unit of a currency is in another, and the day of the (older) rate behind it."""

    value: Decimal
    day: date


Convert = Callable[[str, str], Rate | None]
"""Gives the rate from one currency into another on the day in question; None: there is none."""


@dataclass(frozen=True, slots=True)
class Price:
    """A price of one, or of a hundredth of par; `price * scale` is in `currency`.

    `split`: of one that the institution states there are so many, each at this price. `overtaken`:
    what it states is from after the split, and the price from before.
    """

    price: Decimal
    currency: str
    as_of: datetime
    source: str
    scale: Decimal = ONE
    basis: Basis = Basis.PER_SHARE
    own: bool = False
    split: Fraction = Fraction(1)
    overtaken: bool = False

    @classmethod
    def of(cls, quote: Quote) -> "Price":
        """Return what a quote says of the price."""
        return cls(quote.price, quote.currency, quote.as_of, quote.source, quote.scale, quote.basis)


@dataclass(frozen=True, slots=True)
class Position:
    """What is held of one thing, as its institution states it; amounts are in `currency`.

    That may be pence. `as_of` is when it was stated first, `heard` when it last was.
    """

    key: str
    type: SecurityType
    quantity: Decimal
    currency: str
    as_of: datetime
    heard: datetime | None = None
    price: Decimal | None = None
    value: Decimal | None = None
    cost_basis: Decimal | None = None
    symbol: str | None = None

    @property
    def stated(self) -> datetime:
        """When the institution last stated all this."""
        return max(self.as_of, self.heard) if self.heard else self.as_of


@dataclass(frozen=True, slots=True)
class Valued:
    """One opinion of what a position is worth. `exact` is not rounded."""

    source: Source
    exact: Decimal
    currency: str
    as_of: datetime
    price: Price | None = None

    @property
    def value(self) -> Decimal:
        """The amount in whole units of the currency, to its coin."""
        return rounded(self.exact, self.currency)


@dataclass(frozen=True, slots=True)
class Line:
    """A position and what it is worth: the value taken, and each opinion apart.

    `taken` None: nobody knows, and `reason` and `why` say so. `flags` say what is odd:
    `disputed`: ours is so far from the institution's that ours was not taken. `split`: there was a
    split between the day of the price and that of what the institution states.
    """

    position: Position
    taken: Valued | None
    ours: Valued | None = None
    theirs: Valued | None = None
    reason: Reason | None = None
    why: str = ""
    flags: tuple[str, ...] = field(default=())


def in_whole_units(currency: str) -> tuple[str, Decimal]:
    """Return a currency and what one of it is: GBX are hundredths of GBP, EUR is one EUR."""
    whole = MINOR_UNITS.get(currency)
    return (whole, _HUNDREDTH) if whole else (currency, ONE)


def rounded(exact: Decimal, currency: str) -> Decimal:
    """Return an amount to the currency's minor digits, half to even; never a negative zero."""
    written = exact.quantize(_COINS[minor_digits(currency)], context=_EXACT)
    return written or written.copy_abs()


def product(result: Decimal, *factors: Decimal) -> Decimal:
    """Multiply exactly."""
    for factor in factors:
        result = _EXACT.multiply(result, factor)
    return result


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Add up exactly."""
    result = Decimal(0)
    for amount in amounts:
        result = _EXACT.add(result, amount)
    return result


def in_currency(valued: Valued, currency: str, convert: Convert) -> tuple[Decimal, Rate] | None:
    """Return a value in another currency, rounded once, with the rate; None: there is no rate."""
    rate = convert(valued.currency, currency)
    if rate is None:
        return None
    return rounded(product(valued.exact, rate.value), currency), rate


def value(
    position: Position,
    prices: tuple[Price, ...] = (),
    *,
    now: datetime,
    convert: Convert,
    fresh_for: timedelta = FRESH_FOR,
) -> Line:
    """Say what a position is worth at an instant; of later `prices` nothing is known then."""
    theirs = _stated(position)
    known = [one for one in prices if one.as_of <= now and _multiplies(position.type, one)]
    fresh = [
        one
        for one in known
        if one.own or (now - one.as_of <= fresh_for and not (one.overtaken and theirs))
    ]
    newest = max(fresh, key=lambda one: (one.as_of, one.own), default=None)
    ours = None if newest is None else _by_price(position, newest)
    if ours is not None and newest is not None and newest.own and theirs is not None:
        if theirs.as_of > newest.as_of:  # a person's own price holds until something newer is known
            return Line(position, theirs, ours, theirs)
        return Line(position, ours, ours, theirs, flags=_odd(newest))
    if ours is not None and newest is not None:
        if theirs is not None and _far_apart(ours, theirs, convert):
            return Line(position, theirs, ours, theirs, flags=("disputed",))
        return Line(position, ours, ours, theirs, flags=_odd(newest))
    if theirs is not None:
        return Line(position, theirs, None, theirs)
    return _unknown(position, known)


def _odd(price: Price) -> tuple[str, ...]:
    return () if price.split == 1 else ("split",)


def _unknown(position: Position, known: list[Price]) -> Line:
    if known:
        last = max(known, key=lambda one: one.as_of)
        why = f"The last price known is of {last.as_of:%Y-%m-%d}."
        return Line(position, None, reason=Reason.STALE_PRICE, why=why)
    if position.type in _EACH:
        why = "The institution states no price, and there is no quote."
    elif position.price is not None:
        why = f"A price of {article(position.type)} alone does not say what it is worth."
    else:
        why = "The institution does not say what it is worth, and there is no quote."
    return Line(position, None, reason=Reason.NO_PRICE, why=why)


def article(type_: SecurityType) -> str:
    """Return a type as a sentence has it: `an option`."""
    words = "thing of another type" if type_ is SecurityType.OTHER else str(type_)
    return f"an {words}" if words[0] in "aeiou" else f"a {words}"


def _multiplies(type_: SecurityType, price: Price) -> bool:
    """Whether this price times the quantity is the value of such a thing."""
    if price.own:  # whoever gives it says what one of what is held is worth
        return True
    if price.basis is Basis.PERCENT_OF_PAR:
        return type_ in {SecurityType.BOND, SecurityType.OTHER}
    return type_ in _EACH


def _by_price(position: Position, price: Price) -> Valued:
    share = product(price.price, price.scale)
    if price.basis is Basis.PERCENT_OF_PAR:
        share = product(share, _HUNDREDTH)
    source = Source.OWN_PRICE if price.own else Source.QUOTE
    exact = product(position.quantity, share)
    if price.split != 1:
        many, few = map(Decimal, price.split.as_integer_ratio())
        exact = _EXACT.divide(product(exact, many), few)
    return Valued(source, exact, price.currency, min(price.as_of, position.stated), price)


def _stated(position: Position) -> Valued | None:
    """Return what the institution says it is worth: as a value, or by its price of one."""
    currency, scale = in_whole_units(position.currency)
    as_of = position.stated
    if position.value is not None:
        exact = product(position.value, scale)
        return Valued(Source.INSTITUTION_VALUE, exact, currency, as_of)
    each = position.price
    if position.type is SecurityType.CASH:
        if each is None and position.symbol not in (None, position.currency):
            return None
        exact = product(position.quantity, ONE if each is None else each, scale)
        return Valued(Source.MONEY, exact, currency, as_of)
    if each is None or position.type not in _EACH:
        return None
    return Valued(
        Source.INSTITUTION_PRICE, product(position.quantity, each, scale), currency, as_of
    )


def _far_apart(ours: Valued, theirs: Valued, convert: Convert) -> bool:
    """Whether two opinions cannot both be right: pence read as pounds, a split, another symbol."""
    rate = convert(ours.currency, theirs.currency)
    if rate is None or not theirs.exact or not ours.exact:
        return False
    mine = product(ours.exact, rate.value)
    if (mine < 0) != (theirs.exact < 0):
        return True
    mine, other = abs(mine), abs(theirs.exact)
    at_once = ours.price is None or abs(ours.price.as_of - theirs.as_of) <= FRESH_FOR
    bound = APART_AT_ONCE if at_once else APART
    return mine >= product(other, bound) or other >= product(mine, bound)
