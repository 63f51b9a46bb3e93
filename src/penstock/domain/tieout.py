"""Whether an account adds up: balances against the posted rows between them (sync.md 30).

Between two observed balances the difference must equal the sum of the posted rows between them, in
the account's currency, by days of the bank's zone. An opening balance that the bank states counts
as an observation; one observation alone proves nothing. A difference younger than two days is
still settling: banks list rows later than they count them, or earlier.

Rows may also move beneath a balance: one that is dated before the first balance is listed after
it, or is taken back. Whether the bank had counted it then, only the next balance tells: a
difference that is to the cent what such rows make is none.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Context, Decimal, Inexact
from enum import StrEnum
from typing import Final, NamedTuple

GRACE: Final = timedelta(days=2)
FOOTING: Final = timedelta(days=14)
"""How far back rows are still written day by day: pending ones are posted, late ones listed."""
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


class Moved(NamedTuple):
    """Rows of one day that one run saw posted first, and that another, `gone_run`, took back.

    `gone_run` is None for rows that stand, and only came late.
    """

    day: date
    posted_run: int
    gone_run: int | None
    amount: Decimal


class Day(NamedTuple):
    """A balance that was checked: what the bank stated, and what it has more than the rows say."""

    day: date
    stated: Decimal
    difference: Decimal


@dataclass(frozen=True, slots=True)
class TieOut:
    """The result. `amount` is what the bank's balance has more than the rows explain.

    `first_on` is the first day that may hold the difference, `until` the last.
    """

    status: TieOutStatus
    amount: Decimal = Decimal(0)
    first_on: date | None = None
    until: date | None = None


def tie_out(
    observations: Sequence[Observation],
    sums: Sequence[DaySum],
    today: date,
    moved: Sequence[Moved] = (),
) -> TieOut:
    """Check every observation against the first; return the newest difference that still stands."""
    if len(observations) <= 1:
        return TieOut(TieOutStatus.UNPROVEN)
    last_good = observations[0].day
    since: Day | None = None
    amount = Decimal(0)
    checked = days(observations, sums, moved)
    for one in checked:
        amount = one.difference
        if not amount:
            last_good, since = one.day, None
        elif since is None:
            since = one
    if since is None:
        return TieOut(TieOutStatus.OK)
    settling = today - since.day <= GRACE and checked[-1].day - since.day <= GRACE
    status = TieOutStatus.SETTLING if settling else TieOutStatus.DIFFERENCE
    return TieOut(status, amount, last_good, since.day)


def days(
    observations: Sequence[Observation], sums: Sequence[DaySum], moved: Sequence[Moved] = ()
) -> list[Day]:
    """Check every observation against the first, each by itself."""
    anchor, *later = observations
    checked = []
    for seen in later:
        rose = _EXACT.subtract(seen.amount, anchor.amount)
        difference = _EXACT.subtract(rose, _between(anchor, seen, sums))
        if difference and difference in _made_by(anchor, seen, moved):
            difference = Decimal(0)
        checked.append(Day(seen.day, seen.amount, difference))
    return checked


def footing(
    observations: Sequence[Observation], sums: Sequence[DaySum], back: timedelta = FOOTING
) -> Observation:
    """Return the balance of so long before the newest one, as the rows between explain it.

    For observations that add up, it stands for all that came before: to count from it gives the
    same, as long as no row that is dated before it, or on its day, is written again.
    """
    newest = observations[-1]
    below = Observation(newest.day - back, Decimal(0), newest.run)
    amount = _EXACT.subtract(newest.amount, _between(below, newest, sums))
    return below._replace(amount=amount)


def _made_by(anchor: Observation, seen: Observation, moved: Sequence[Moved]) -> set[Decimal]:
    """Return the differences that rows which moved between the two may make.

    Late rows: the bank may have counted them only after the first balance. Rows taken back: those
    that the first balance held are missing from this one; those that came and went since may have
    stood in this one.
    """
    late, reversed_, passing = Decimal(0), Decimal(0), Decimal(0)
    for one in moved:
        stood = one.posted_run <= seen.run and (one.gone_run is None or one.gone_run > seen.run)
        before = not _is_after(DaySum(one.day, one.posted_run, one.amount), anchor)
        if one.gone_run is None:
            late = _EXACT.add(late, one.amount if before and stood else Decimal(0))
        elif before and one.posted_run <= anchor.run < one.gone_run <= seen.run:
            reversed_ = _EXACT.subtract(reversed_, one.amount)
        elif stood:
            passing = _EXACT.add(passing, one.amount)
    some = {Decimal(0)}
    for part in (late, reversed_, passing):
        some |= {_EXACT.add(one, part) for one in some}
    return some


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
