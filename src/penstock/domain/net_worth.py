"""What somebody is worth in one currency: the sum of rounded parts, and what is not in it.

Parts may come in any order: the same ones give the same answer. What is missing never changes the
total; it stands beside it, each with its reason.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Final

from penstock.domain.counting import Part
from penstock.domain.valuation import (
    Convert,
    Rate,
    Reason,
    Valued,
    in_currency,
    rounded,
    total,
)

RULES: Final = 1
"""Which rules days are worked out by: one more whenever the same facts may give another figure
(valuation.py, counting.py, fx.py, pegs.py, this file). Days stored under others are worked out
again."""

_WHOLE: Final = 10_000
"""A hundred per cent, in hundredths of one."""


@dataclass(frozen=True, slots=True)
class Counted:
    """A part that is in the total: what it is worth in its own currency and in the asked one."""

    part: Part
    valued: Valued
    amount: Decimal
    rate: Rate

    @property
    def as_of(self) -> datetime:
        """When it was worth that."""
        return self.valued.as_of


@dataclass(frozen=True, slots=True)
class Missing:
    """A part that is not in the total, and why."""

    part: Part
    reason: Reason
    why: str


@dataclass(frozen=True, slots=True)
class Worth:
    """What all parts are worth together. `liabilities` are negative; `total` is the sum of both.

    `oldest` is the part whose value is the oldest, None where nothing counts; `rates_as_of` is the
    day of the oldest rate that was needed. `within` are parts that others contain.
    """

    currency: str
    total: Decimal
    assets: Decimal
    liabilities: Decimal
    counted: Sequence[Counted]
    missing: Sequence[Missing]
    within: Sequence[Part]
    oldest: Counted | None
    rates_as_of: date | None

    @property
    def by_currency(self) -> Mapping[str, Decimal]:
        """What there is in each currency of its own, before any rate."""
        found: dict[str, list[Decimal]] = defaultdict(list)
        for one in self.counted:
            found[one.valued.currency].append(one.valued.value)
        return {currency: total(found[currency]) for currency in sorted(found)}


@dataclass(frozen=True, slots=True)
class Share:
    """What a group of parts is worth, and how much of all assets its assets are, in per cent.

    `percent` is None where there are no assets at all; all of them together are 100 exactly.
    """

    group: str
    amount: Decimal
    assets: Decimal
    percent: Decimal | None


def add_up(parts: Iterable[Part], currency: str, convert: Convert) -> Worth:
    """Add up what parts are worth, each converted and rounded once."""
    counted: list[Counted] = []
    missing: list[Missing] = []
    within: list[Part] = []
    for part in sorted(parts, key=lambda one: (one.account, one.key, one.kind, one.currency)):
        if part.within:
            within.append(part)
        else:
            one = _counted(part, currency, convert)
            if isinstance(one, Counted):
                counted.append(one)
            else:
                missing.append(one)
    amounts = [one.amount for one in counted]
    return Worth(
        currency=currency,
        total=total([_nothing(currency), *amounts]),
        assets=total([_nothing(currency), *(one for one in amounts if one > 0)]),
        liabilities=total([_nothing(currency), *(one for one in amounts if one < 0)]),
        counted=counted,
        missing=missing,
        within=within,
        oldest=min(counted, key=lambda one: one.as_of, default=None),
        rates_as_of=min(
            (one.rate.day for one in counted if one.valued.currency != currency), default=None
        ),
    )


def allocation(worth: Worth, by: Callable[[Counted], str]) -> list[Share]:
    """Return the groups of what counts, the largest first."""
    groups: dict[str, list[Decimal]] = defaultdict(list)
    for one in worth.counted:
        groups[by(one)].append(one.amount)
    assets = {name: total(each for each in of if each > 0) for name, of in groups.items()}
    percents = percentages(assets)
    found = [
        Share(name, total(of), assets[name], percents.get(name)) for name, of in groups.items()
    ]
    return sorted(found, key=lambda one: (-one.assets, one.amount, one.group))


def percentages(amounts: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Part a hundred per cent by amounts that are not negative, to the hundredth of one.

    They add up to 100.00 exactly: what rounding down leaves goes to those with the largest rest.
    Empty where there is nothing to part.
    """
    whole = total(amounts.values())
    if not whole:
        return {}
    exact = {name: Fraction(each) / Fraction(whole) * _WHOLE for name, each in amounts.items()}
    units = {name: floor(each) for name, each in exact.items()}
    left = _WHOLE - sum(units.values())
    for name in sorted(exact, key=lambda one: (units[one] - exact[one], one))[:left]:
        units[name] += 1
    return {name: Decimal(each).scaleb(-2) for name, each in units.items()}


def _counted(part: Part, currency: str, convert: Convert) -> Counted | Missing:
    """Convert a part; where our quote's currency has no rate, what the institution says counts."""
    if part.valued is None:
        return Missing(part, part.reason or Reason.NO_PRICE, part.why)
    theirs = part.line.theirs if part.line else None
    found = first_in_currency((part.valued, theirs), currency, convert)
    if found is not None:
        return Counted(part, *found)
    why = f"There is no rate from {part.valued.currency} to {currency} on that day."
    return Missing(part, Reason.NO_RATE, why)


def first_in_currency(
    ways: Iterable[Valued | None], currency: str, convert: Convert
) -> tuple[Valued, Decimal, Rate] | None:
    """Return the first of several values that has a rate to a currency, and what it is there."""
    for valued in ways:
        found = None if valued is None else in_currency(valued, currency, convert)
        if valued is not None and found is not None:
            return (valued, *found)
    return None


def _nothing(currency: str) -> Decimal:
    return rounded(Decimal(0), currency)
