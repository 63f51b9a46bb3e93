"""Whether two states of a position look as if the security had been split in between.

Only what cannot well be anything else: the quantity is exactly a usual ratio of what it was, the
price went the other way by as much, and what all of it cost has not changed. A price alone tells
nothing: it falls by dividends, and by pence that were read as pounds. What is seen here is
suggested to a person, and never applied.
"""

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

from penstock.domain.security_event import Ratio

_USUAL: Final = (
    *(Ratio(new, 1) for new in (*range(2, 31), 40, 50, 100)),
    *(Ratio(1, old) for old in (*range(2, 31), 35, 40, 50, 60, 75, 80, 100, 150, 200, 250, 500)),
    *(Ratio(1, old) for old in (1000, 2000)),
    *(Ratio(new, old) for new, old in ((3, 2), (4, 3), (5, 2), (5, 3), (5, 4), (7, 2), (6, 5))),
    *(Ratio(new, old) for new, old in ((2, 3), (3, 4), (2, 5), (3, 5), (4, 5))),
)
_SAME_PRICE: Final = Fraction(1, 10)
_SAME_COST: Final = Fraction(1, 200)


@dataclass(frozen=True, slots=True)
class Stated:
    """How many were held, the price of one in `currency`, and what all of them cost, if told."""

    quantity: Decimal
    price: Decimal | None
    cost_basis: Decimal | None
    currency: str


def split_between(before: Stated, after: Stated) -> Ratio | None:
    """Return the split that the two look like, None where it may be something else."""
    old, new = Fraction(before.quantity), Fraction(after.quantity)
    if not old or not new or (old > 0) != (new > 0) or before.currency != after.currency:
        return None
    if not before.price or not after.price or before.price < 0 or after.price < 0:
        return None
    known_cost = before.cost_basis is not None and after.cost_basis is not None
    if known_cost and not _near(before.cost_basis, after.cost_basis, _SAME_COST):
        return None
    # Without its cost a trade can look like a small split: then half as many more is the least.
    least = Fraction(6, 5) if known_cost else Fraction(3, 2)
    found = [
        ratio
        for ratio in _USUAL
        if max(ratio.factor, 1 / ratio.factor) >= least
        and _is_rounded(after.quantity, old * ratio.factor)
        and _near(before.price, Fraction(after.price) * ratio.factor, _SAME_PRICE)
    ]
    return found[0] if len(found) == 1 else None


def _near(one: Decimal | None, other: Decimal | Fraction | None, within: Fraction) -> bool:
    if one is None or other is None:
        return False
    first, second = Fraction(one), Fraction(other)
    return abs(first - second) <= within * max(abs(first), abs(second))


def _is_rounded(stated: Decimal, exact: Fraction) -> bool:
    """Say whether a quantity is this one, as far as its decimals go; a rest is paid out in cash."""
    if Fraction(stated) == exact:
        return True
    exponent = stated.as_tuple().exponent
    decimals = -exponent if isinstance(exponent, int) and exponent < 0 else 0
    if decimals < 2:  # noqa: PLR2004  whole shares: the part of one that is left was paid out
        return abs(exact) >= 10 and Fraction(stated) == int(exact)  # noqa: PLR2004  few say little
    return abs(Fraction(stated) - exact) <= Fraction(1, 10**decimals)
