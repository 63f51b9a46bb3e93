"""Starling's money: minor units, and a currency. Unsigned in the feed, signed in balances."""

from decimal import Decimal
from typing import Final

import msgspec

from penstock.connectors.wire import amount_of_minor
from penstock.domain.errors import InvalidInput

MOST_UNITS: Final = 10**18


class Money(msgspec.Struct, rename="camel", gc=False):
    """An amount in the currency's smallest coin."""

    currency: str
    minor_units: int


def signed(money: Money) -> Decimal:
    """Return an amount that carries its own sign. Raises InvalidInput where it is absurd."""
    if abs(money.minor_units) > MOST_UNITS:
        raise InvalidInput("`minorUnits` is absurdly large.")
    return amount_of_minor(money.minor_units, money.currency)


def unsigned(money: Money) -> Decimal:
    """Return an amount whose sign stands elsewhere. Raises InvalidInput where it is negative."""
    if 0 <= money.minor_units <= MOST_UNITS:
        return amount_of_minor(money.minor_units, money.currency)
    raise InvalidInput("`minorUnits` is absurdly large, or negative: `direction` gives the sign.")
