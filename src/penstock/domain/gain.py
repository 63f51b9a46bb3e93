"""What a position has gained since it was bought, where that can be known."""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

from penstock.domain.valuation import (
    Convert,
    Line,
    in_currency,
    in_whole_units,
    product,
    rounded,
    total,
)

_PERCENT: Final = Decimal("0.01")
_WIDE: Final = Context(prec=200, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True)
class Gain:
    """Value less cost, in the currency of the cost; `percent` of the cost, None where it is 0.

    What a short brought in is a negative cost, whichever sign it is stated with.
    """

    amount: Decimal
    currency: str
    cost: Decimal
    percent: Decimal | None


def gain(line: Line, convert: Convert) -> Gain | None:
    """Return what was gained; None where cost or value, or the rate between them, is not known."""
    position = line.position
    if position.cost_basis is None or line.taken is None:
        return None
    currency, scale = in_whole_units(position.currency)
    found = in_currency(line.taken, currency, convert)
    if found is None:
        return None
    cost = product(position.cost_basis, scale)
    if position.quantity < 0:
        cost = -abs(cost)
    paid = rounded(cost, currency)
    amount = total((found[0], -paid))
    percent = None
    if paid:
        share = _WIDE.divide(_WIDE.multiply(amount, Decimal(100)), abs(paid))
        percent = share.quantize(_PERCENT, context=_WIDE)
    return Gain(amount, currency, paid, percent)
