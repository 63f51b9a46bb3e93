"""Monzo's money: a whole number of the currency's smallest coins, signed, + in. Pure functions."""

from decimal import Decimal
from typing import Annotated

import msgspec

from penstock.connectors.wire import usable_currency
from penstock.domain.errors import InvalidInput
from penstock.domain.money import canonical, from_minor

Minor = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""A number of coins, of 64 bits."""


def exact(minor: int, currency: str) -> Decimal:
    """Return an amount. Raises InvalidInput for a currency that can be none."""
    if not usable_currency(currency):
        raise InvalidInput(f"{currency[:40]!r} is no currency.")
    return canonical(from_minor(minor, currency), currency)
