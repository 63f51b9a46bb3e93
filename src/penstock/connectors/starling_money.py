"""Starling's money: minor units, and a currency. Unsigned in the feed, signed in balances."""

from decimal import Decimal
from typing import Final

import msgspec

from penstock.domain.errors import InvalidInput
from penstock.domain.money import canonical, from_minor

MOST_UNITS: Final = 10**18


class Money(msgspec.Struct, rename="camel"):
    """An amount in the currency's smallest coin."""

    currency: str
    minor_units: int


def signed(money: Money) -> Decimal:
    """Return an amount that carries its own sign. Raises InvalidInput where it is absurd."""
    if abs(money.minor_units) > MOST_UNITS:
        raise InvalidInput("`minorUnits` is absurdly large.")
    return canonical(from_minor(money.minor_units, money.currency), money.currency)


def unsigned(money: Money) -> Decimal:
    """Return an amount whose sign stands elsewhere. Raises InvalidInput where it is negative."""
    if money.minor_units < 0:
        raise InvalidInput("`minorUnits` is negative, where `direction` gives the sign.")
    return signed(money)
