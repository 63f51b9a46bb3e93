"""Whether an account adds up, day by day, against what the bank says."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.tieout import (
    GRACE,
    DaySum,
    Observation,
    TieOut,
    TieOutStatus,
    days,
    footing,
    tie_out,
)

DAY = date(2026, 11, 2)
OK = TieOut(TieOutStatus.OK)


def day(number: int) -> date:
    """Return the n-th day of the story."""
    return DAY + timedelta(number)


def opening(amount: str) -> Observation:
    """Return what stood there before day 0, as the bank states it."""
    return Observation(day(0), Decimal(amount), 0, opening=True)


def seen(on: int, amount: str, run: int) -> Observation:
    """Return a balance that a run heard on a day."""
    return Observation(day(on), Decimal(amount), run)


def rows(*some: tuple[int, int, str]) -> list[DaySum]:
    """Return rows by day, the run that saw them posted first, and amount."""
    return [DaySum(day(on), run, Decimal(amount)) for on, run, amount in some]


@pytest.mark.parametrize("known", [[], [opening("5.00")], [seen(3, "5.00", 1)]])
def test_one_observation_alone_proves_nothing(known: list[Observation]) -> None:
    """sync.md 30: nothing to compare with is unproven, never ok, whatever the rows are."""
    for some in ([], rows((1, 1, "5.00"))):
        assert tie_out(known, some, day(9)) == TieOut(TieOutStatus.UNPROVEN)


STORIES: dict[str, tuple[list[Observation], list[DaySum]]] = {
    "an opening balance counts as an observation, and its own day is not yet in it": (
        [opening("100.00"), seen(2, "85.00", 1)],
        rows((0, 1, "-10.00"), (2, 1, "-5.00")),
    ),
    "between two balances lies what was booked between them": (
        [seen(1, "100.00", 1), seen(4, "70.00", 2)],
        rows((0, 1, "-999.00"), (1, 1, "-50.00"), (2, 2, "-20.00"), (4, 2, "-10.00")),
    ),
    "a row of the first balance's own day that came after it": (
        [seen(1, "100.00", 1), seen(1, "95.00", 2)],
        rows((1, 1, "-50.00"), (1, 2, "-5.00")),
    ),
    "a third sync of the same day": (
        [seen(1, "100.00", 1), seen(1, "95.00", 2), seen(1, "92.00", 3)],
        rows((1, 2, "-5.00"), (1, 3, "-3.00")),
    ),
    "a pending row that settled later on the day of the first balance": (
        [seen(1, "100.00", 1), seen(1, "90.00", 2), seen(3, "90.00", 3)],
        rows((1, 2, "-10.00")),
    ),
    "a row that was listed late, for a day before the last balance, heals with the next": (
        [opening("100.00"), seen(2, "100.00", 1), seen(3, "93.00", 2)],
        rows((1, 2, "-7.00")),
    ),
    "a balance that counted a row before it was listed heals once it is": (
        [opening("100.00"), seen(2, "93.00", 1), seen(3, "93.00", 2)],
        rows((3, 2, "-7.00")),
    ),
    "a row that was taken back heals with the next balance": (
        [opening("100.00"), seen(1, "90.00", 1), seen(2, "100.00", 2)],
        [],
    ),
    "rows of days to come are in no balance yet": (
        [opening("100.00"), seen(1, "100.00", 1)],
        rows((5, 1, "-40.00")),
    ),
    "no rows and no change": ([seen(1, "1.00", 1), seen(8, "1.00", 2)], []),
}


@pytest.mark.parametrize("story", STORIES)
def test_what_adds_up(story: str) -> None:
    """sync.md 30: each of these accounts is in order, however long ago it is looked at."""
    observations, sums = STORIES[story]
    for today in (observations[-1].day, day(30)):
        assert tie_out(observations, sums, today) == OK


def test_a_missing_row_is_named() -> None:
    """sync.md 30: a difference says how much the bank has more, and between which days."""
    observations = [opening("100.00"), seen(2, "90.00", 1), seen(6, "83.01", 2)]
    found = tie_out(observations, rows((1, 1, "-10.00")), day(30))
    assert found == TieOut(TieOutStatus.DIFFERENCE, Decimal("-6.99"), day(2), day(6))


def test_a_young_difference_is_settling_an_old_one_is_not() -> None:
    """sync.md 30: two days' grace by our days and by the bank's, then it is a difference."""
    observations = [opening("100.00"), seen(2, "90.00", 1)]
    for late in range(4):
        status = TieOutStatus.SETTLING if timedelta(late) <= GRACE else TieOutStatus.DIFFERENCE
        assert tie_out(observations, [], day(2 + late)).status is status
        again = [*observations, seen(2 + late, "90.00", 2)]
        assert tie_out(again, [], day(2)).status is status


def test_a_difference_is_counted_from_its_first_day() -> None:
    """sync.md 30: another difference on top of an old one does not begin the grace anew."""
    observations = [opening("0.00"), seen(1, "5.00", 1), seen(5, "9.00", 2)]
    found = tie_out(observations, [], day(5))
    assert found == TieOut(TieOutStatus.DIFFERENCE, Decimal("9.00"), day(0), day(1))


def test_a_difference_that_heals_and_returns_is_the_new_one() -> None:
    """sync.md 30: what was in order meanwhile bounds where the new difference lies."""
    observations = [
        opening("0.00"),
        seen(1, "5.00", 1),
        seen(3, "0.00", 2),
        seen(8, "2.00", 3),
    ]
    found = tie_out(observations, [], day(20))
    assert found == TieOut(TieOutStatus.DIFFERENCE, Decimal("2.00"), day(3), day(8))


def test_long_amounts_are_added_exactly() -> None:
    """sync.md 15: 38 digits are more than a plain Decimal sum keeps: not one of them is lost."""
    large, small = "9999999999999999999.999999999999999999", "0.000000000000000001"
    observations = [opening(small), seen(1, large, 1), seen(2, small, 2)]
    sums = rows((0, 1, large), (1, 1, f"-{small}"), (2, 2, f"-{large}"), (2, 2, small))
    assert tie_out(observations, sums, day(2)) == OK
    found = tie_out(observations, sums[:-1], day(9))
    assert (found.status, found.amount) == (TieOutStatus.DIFFERENCE, Decimal(small))


@dataclass
class Ledger:
    """A bank's account: rows are booked on the day they happen, balances heard at any time."""

    begins: Decimal
    states_opening: bool
    rows: list[DaySum] = field(default_factory=list)
    observations: list[Observation] = field(default_factory=list)

    def play(self, days: Sequence[Sequence[Decimal | None]]) -> None:
        """Live through days: an amount is booked, None is a sync that hears the balance.

        The run that sees a row posted first is the next sync after it.
        """
        if self.states_opening:
            self.observations.append(opening(str(self.begins)))
        balance, run = self.begins, 1
        for number, events in enumerate(days):
            for amount in events:
                if amount is None:
                    self.observations.append(Observation(day(number), balance, run))
                    run += 1
                else:
                    balance += amount
                    self.rows.append(DaySum(day(number), run, amount))


cents = st.decimals(Decimal(-999), Decimal(999), places=2)
ledgers = st.tuples(
    cents,
    st.booleans(),
    st.lists(st.lists(st.none() | cents, max_size=5), max_size=12),
)


@given(ledgers)
def test_a_true_ledger_always_ties_out(
    told: tuple[Decimal, bool, list[list[Decimal | None]]],
) -> None:
    """sync.md 30: whatever is booked and whenever one looks, even thrice a day: no false alarm."""
    begins, states_opening, days = told
    ledger = Ledger(begins, states_opening)
    ledger.play(days)
    found = tie_out(ledger.observations, ledger.rows, day(40))
    assert found == (OK if len(ledger.observations) > 1 else TieOut(TieOutStatus.UNPROVEN))


@given(ledgers, st.data())
def test_a_missing_row_is_named_to_the_cent(
    told: tuple[Decimal, bool, list[list[Decimal | None]]], data: st.DataObject
) -> None:
    """sync.md 30: one row lost between two balances is the difference, within the days named."""
    begins, states_opening, days = told
    ledger = Ledger(begins, states_opening)
    ledger.play(days)
    if not ledger.rows or len(ledger.observations) < 2:
        return
    lost = data.draw(st.sampled_from(ledger.rows))
    kept = list(ledger.rows)
    kept.remove(lost)
    found = tie_out(ledger.observations, kept, day(40))
    anchor, last = ledger.observations[0], ledger.observations[-1]
    watched = anchor.opening or lost.posted_run > anchor.run
    if not (lost.amount and watched and lost.posted_run <= last.run):
        assert found == OK
        return
    assert (found.status, found.amount) == (TieOutStatus.DIFFERENCE, lost.amount)
    assert found.first_on is not None
    assert found.until is not None
    assert found.first_on <= lost.day <= found.until


@given(ledgers, cents.filter(bool))
def test_a_row_too_many_is_the_opposite_difference(
    told: tuple[Decimal, bool, list[list[Decimal | None]]], amount: Decimal
) -> None:
    """sync.md 30: a row that the bank does not count shows with the opposite sign."""
    begins, states_opening, days = told
    ledger = Ledger(begins, states_opening)
    ledger.play(days)
    if len(ledger.observations) < 2 or ledger.observations[-1].run < 2:
        return
    last = ledger.observations[-1]
    doubled = [*ledger.rows, DaySum(last.day, last.run, amount)]
    assert tie_out(ledger.observations, doubled, day(40)).amount == -amount


@given(ledgers)
def test_each_day_of_a_true_ledger_adds_up(
    told: tuple[Decimal, bool, list[list[Decimal | None]]],
) -> None:
    """sync.md 30: day by day there is nothing that the rows do not explain."""
    ledger = Ledger(*told[:2])
    ledger.play(told[2])
    if len(ledger.observations) > 1:
        assert not any(one.difference for one in days(ledger.observations, ledger.rows))


@given(ledgers, st.data())
def test_a_footing_stands_for_what_came_before(
    told: tuple[Decimal, bool, list[list[Decimal | None]]], data: st.DataObject
) -> None:
    """sync.md 30: counted from what was proven, the same is found as from the beginning."""
    ledger = Ledger(*told[:2])
    ledger.play(told[2])
    if len(ledger.observations) < 3:
        return
    upto = data.draw(st.integers(1, len(ledger.observations) - 2))
    proven = ledger.observations[: upto + 1]
    known = [one for one in ledger.rows if one.posted_run <= proven[-1].run]
    back = data.draw(st.integers(1, 12))
    base = footing(proven, known, timedelta(back))
    later = [one for one in ledger.observations[upto:] if one.day > base.day]
    lost = data.draw(st.sampled_from(ledger.rows)) if ledger.rows else None
    kept = list(ledger.rows)
    if lost and lost.posted_run > proven[-1].run and lost.day >= base.day:
        kept.remove(lost)
    if not later:
        return
    whole, short = (
        tie_out(ledger.observations, kept, day(40)),
        tie_out([base, *later], kept, day(40)),
    )
    assert (short.status, short.amount, short.until) == (whole.status, whole.amount, whole.until)
