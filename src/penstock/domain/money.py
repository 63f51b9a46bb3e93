"""Exact money: a decimal amount and the currency it is in. Never a float."""

from dataclasses import dataclass
from decimal import Context, Decimal, InvalidOperation

from penstock.domain.currency import minor_digits
from penstock.domain.errors import InvalidInput

MOST_DECIMALS = 18
MOST_DIGITS = 38

_EXACT = Context(prec=MOST_DIGITS, traps=[InvalidOperation])
_EXPONENTS = [Decimal(1).scaleb(-digits) for digits in range(MOST_DECIMALS + 1)]


@dataclass(frozen=True, slots=True)
class Money:
    """An amount in a currency; + is towards the holder."""

    amount: Decimal
    currency: str


def canonical(amount: Decimal, currency: str) -> Decimal:
    """Return `amount` written the one way that we store it.

    At least the currency's minor digits (12.5 EUR is 12.50), more only where they say something
    (0.00001234 BTC), never an exponent, never a negative zero. Equal amounts have equal texts.

    Raises InvalidInput for NaN, infinities, more than 18 decimals or more than 38 digits in all.
    """
    try:
        rounded = _EXACT.quantize(amount, _EXPONENTS[minor_digits(currency)])
        if rounded == amount:
            return rounded or rounded.copy_abs()
        exact = amount.normalize(_EXACT)
    except InvalidOperation:
        raise InvalidInput(f"{amount} {currency} is not an amount of money we can keep.") from None
    if exact != amount or int(exact.as_tuple().exponent) < -MOST_DECIMALS:
        raise InvalidInput(f"{amount} {currency} has more digits than we can keep exactly.")
    return exact


def from_minor(units: int, currency: str) -> Decimal:
    """Return `units` of the currency's smallest coin as an amount: 1050 EUR cents are 10.50."""
    return Decimal(units).scaleb(-minor_digits(currency))
