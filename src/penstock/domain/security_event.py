"""What happened to a security: splits, changes of its names; and what follows for its numbers.

Prices and quantities are kept as they were stated. Whoever needs a series that can be compared
works it out from them with the functions here, from the events that are known then.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Final

from penstock.domain.errors import InvalidInput
from penstock.domain.renaming import Renaming

MOST_RATIO: Final = 1_000_000
_RATIO: Final = re.compile(r"[0-9]{1,7}")
_WIDE: Final = Context(prec=60, rounding=ROUND_HALF_EVEN)


class EventKind(StrEnum):
    """What happened."""

    SPLIT = "split"
    RENAME = "rename"
    MERGE = "merge"


class EventState(StrEnum):
    """Whether it counts. OPEN: it is only suggested."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Ratio:
    """So many `new` ones for so many `old` ones: 4:1, or 1:10 where they were joined."""

    new: int
    old: int

    def __post_init__(self) -> None:
        if not (0 < self.new <= MOST_RATIO and 0 < self.old <= MOST_RATIO):
            raise InvalidInput(f"{self} is not the ratio of a split.")
        if self.new == self.old:
            raise InvalidInput(f"{self} splits nothing.")

    @property
    def factor(self) -> Fraction:
        """How many there are of one."""
        return Fraction(self.new, self.old)

    def __str__(self) -> str:
        return f"{self.new}:{self.old}"


def read_ratio(text: str) -> Ratio:
    """Read `4:1`: four new ones for an old one. Raises InvalidInput."""
    new, colon, old = text.strip().partition(":")
    if colon and _RATIO.fullmatch(new) and _RATIO.fullmatch(old):
        return Ratio(int(new), int(old))
    raise InvalidInput(f"{text[:40]!r} is no ratio: write 4:1 for four new shares for an old one.")


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a security on a day: before the market opened, where it did.

    `source` is `person`, a connector, or `detected`. A merge tells which security (`other_id`) went
    into this one. What did not change of the names is None on both sides.
    """

    id: int
    security_id: int
    kind: EventKind
    state: EventState
    day: date
    source: str
    reason: str
    created_at: datetime
    decided_at: datetime | None = None
    ratio: Ratio | None = None
    old_ticker: str | None = None
    old_mic: str | None = None
    old_isin: str | None = None
    new_ticker: str | None = None
    new_mic: str | None = None
    new_isin: str | None = None
    other_id: int | None = None
    run_id: int | None = None

    @property
    def renaming(self) -> Renaming | None:
        """The change of names, where it is one that counts."""
        if self.kind is not EventKind.RENAME or self.state is not EventState.ACCEPTED:
            return None
        old = f"{self.old_ticker}:{self.old_mic}" if self.old_ticker and self.old_mic else None
        new = f"{self.new_ticker}:{self.new_mic}" if self.new_ticker and self.new_mic else None
        return Renaming(self.day, old, new, self.old_isin, self.new_isin)


def factor(events: Iterable[Event], since: date, until: date) -> Fraction:
    """Return how many there are on `until` of what was one on `since`, exactly.

    A split counts from its day on. Where `until` is earlier, it is the inverse.
    """
    if until < since:
        return 1 / factor(events, until, since)
    product = Fraction(1)
    for event in events:
        if event.ratio and event.state is EventState.ACCEPTED and since < event.day <= until:
            product *= event.ratio.factor
    return product


def adjusted_quantity(
    quantity: Decimal, events: Iterable[Event], day: date, *, to: date
) -> Decimal:
    """Return how many of today's (`to`) a quantity of a day is; to 60 digits where it is not round.

    For comparing and drawing only: what was held is what was stated.
    """
    return _times(quantity, factor(events, day, to))


def adjusted_price(price: Decimal, events: Iterable[Event], day: date, *, to: date) -> Decimal:
    """Return what a price of a day is of one of today's (`to`); as `adjusted_quantity` does."""
    return _times(price, 1 / factor(events, day, to))


def _times(number: Decimal, by: Fraction) -> Decimal:
    if by == 1:
        return number
    product = _WIDE.multiply(number, Decimal(by.numerator))
    return _WIDE.divide(product, Decimal(by.denominator))


@dataclass(frozen=True, slots=True)
class Called:
    """What a security was called from `since` on, before `until`; None: ever before, or still."""

    ticker: str | None
    mic: str | None
    isin: str | None
    since: date | None
    until: date | None


def names_over_time(
    ticker: str | None, mic: str | None, isin: str | None, events: Iterable[Event]
) -> Sequence[Called]:
    """Return what a security was called when, the oldest first, given what it is called today."""
    renames = [one for one in events if one.renaming]
    found: list[Called] = []
    until: date | None = None
    for event in sorted(renames, key=lambda one: (one.day, one.id), reverse=True):
        found.append(Called(ticker, mic, isin, event.day, until))
        if event.old_ticker or event.old_mic:
            ticker, mic = event.old_ticker, event.old_mic
        isin, until = event.old_isin or isin, event.day
    found.append(Called(ticker, mic, isin, None, until))
    return [one for one in reversed(found) if one.since is None or one.since != one.until]


def called_on(names: Sequence[Called], day: date) -> Called:
    """Return what a security was called on a day: a price of that day was asked for by this."""
    return next(
        one
        for one in names
        if (one.since is None or one.since <= day) and (one.until is None or day < one.until)
    )
