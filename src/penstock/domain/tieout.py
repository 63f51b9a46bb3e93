"""Whether an account adds up: balances against the posted rows between them (sync.md 30).

Between two observed balances the difference must equal the sum of the posted rows between them, in
the account's currency, by days of the bank's zone. An opening balance that the bank states counts
as an observation; one observation alone proves nothing. A difference younger than two days is
still settling: banks list rows later than they count them, or earlier.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Context, Decimal, Inexact
from enum import StrEnum
from typing import Final, NamedTuple

GRACE: Final = timedelta(days=2)
_EXACT: Final = Context(prec=100, traps=[Inexact])
"""Sums of amounts of 38 digits; a plain Decimal sum keeps 28."""


class TieOutStatus(StrEnum):
    """What the check says."""

    OK = "ok"
    SETTLING = "settling"
    DIFFERENCE = "difference"
    UNPROVEN = "unproven"


class Observation(NamedTuple):
    """A balance of posted rows as the bank stated it at the end of what it knew on `day`.

    For an opening balance `day` is the first one whose rows are not in it, and `opening` is set.
    `run` is the run that heard it: what a later run saw posted first was not yet known.
    """

    day: date
    amount: Decimal
    run: int
    opening: bool = False


class DaySum(NamedTuple):
    """The rows of one day that one run saw posted first: their sum."""

    day: date
    posted_run: int
    amount: Decimal


@dataclass(frozen=True, slots=True)
class TieOut:
    """The result. `amount` is what the bank's balance has more than the rows explain.

    `first_on` is the first day that may hold the difference, `until` the last.
    """

    status: TieOutStatus
    amount: Decimal = Decimal(0)
    first_on: date | None = None
    until: date | None = None


def tie_out(observations: Sequence[Observation], sums: Sequence[DaySum], today: date) -> TieOut:
    """Check every observation against the first; return the newest difference that still stands."""
    if len(observations) <= 1:
        return TieOut(TieOutStatus.UNPROVEN)
    anchor, *later = observations
    last_good = anchor
    since: Observation | None = None
    amount = Decimal(0)
    for seen in later:
        moved = _EXACT.subtract(seen.amount, anchor.amount)
        amount = _EXACT.subtract(moved, _between(anchor, seen, sums))
        if not amount:
            last_good, since = seen, None
        elif since is None:
            since = seen
    if since is None:
        return TieOut(TieOutStatus.OK)
    settling = today - since.day <= GRACE and later[-1].day - since.day <= GRACE
    first_on = last_good.day
    status = TieOutStatus.SETTLING if settling else TieOutStatus.DIFFERENCE
    return TieOut(status, amount, first_on, since.day)


def _between(anchor: Observation, seen: Observation, sums: Sequence[DaySum]) -> Decimal:
    """Add up the rows that came onto the books after `anchor` and not after `seen`.

    On the very day of an observation, what its run knew was in the balance, and the rest was not.
    """
    total = Decimal(0)
    for one in sums:
        if _is_after(one, anchor) and _is_within(one, seen):
            total = _EXACT.add(total, one.amount)
    return total


def _is_after(one: DaySum, anchor: Observation) -> bool:
    if anchor.opening:
        return one.day >= anchor.day
    return one.day > anchor.day or (one.day == anchor.day and one.posted_run > anchor.run)


def _is_within(one: DaySum, seen: Observation) -> bool:
    return one.day < seen.day or (one.day == seen.day and one.posted_run <= seen.run)
