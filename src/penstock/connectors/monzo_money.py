"""Monzo's money: a whole number of the currency's smallest coins, signed, + in. Pure functions."""

from typing import Annotated

import msgspec

Minor = Annotated[int, msgspec.Meta(ge=-(2**63), le=2**63 - 1)]
"""A number of coins, of 64 bits."""
