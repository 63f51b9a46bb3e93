"""Rows that move beneath a balance: listed late, or taken back (sync.md 30)."""

from datetime import date
from decimal import Decimal

import pytest

from penstock.domain.tieout import Moved, Observation, TieOut, TieOutStatus, days, tie_out

OK = TieOut(TieOutStatus.OK)


def day(number: int) -> date:
    """Return a day of November, or of December."""
    return date.fromordinal(date(2026, 11, 1).toordinal() + number)


@pytest.mark.parametrize("counted", [True, False], ids=["counted before", "counted after"])
def test_a_row_that_is_listed_late_is_no_difference(*, counted: bool) -> None:
    """sync.md 30: dated before the first balance and listed after it: either way it adds up."""
    first = Observation(day(5), Decimal(100), 1)
    then = Observation(day(6), Decimal(100 if counted else 93), 2)
    late = [Moved(day(3), 2, None, Decimal(-7))]
    assert tie_out([first, then], [], day(40), late) == OK


@pytest.mark.parametrize("returned", [True, False], ids=["money came back", "a slip of the list"])
def test_a_row_that_is_taken_back_is_no_difference(*, returned: bool) -> None:
    """sync.md 30: a row that the first balance held is reversed, with the money or without."""
    first = Observation(day(5), Decimal(100), 1)
    then = Observation(day(8), Decimal(107 if returned else 100), 3)
    gone = [Moved(day(3), 1, 3, Decimal(-7))]
    assert tie_out([first, then], [], day(40), gone) == OK


def test_a_row_that_came_and_went_stood_in_between() -> None:
    """sync.md 30: a balance that counted a row which was taken back later was right."""
    first = Observation(day(5), Decimal(100), 1)
    between = Observation(day(6), Decimal(93), 2)
    gone = [Moved(day(6), 2, 3, Decimal(-7))]
    assert tie_out([first, between], [], day(40), gone) == OK
    last = Observation(day(8), Decimal(100), 3)
    assert [one.difference for one in days([first, between, last], [], gone)] == [0, 0]


def test_what_moved_explains_nothing_else() -> None:
    """sync.md 30: a difference of any other amount is named as it is."""
    first = Observation(day(5), Decimal(100), 1)
    then = Observation(day(8), Decimal(101), 3)
    moved = [Moved(day(3), 1, 3, Decimal(-7)), Moved(day(3), 2, None, Decimal(2))]
    found = tie_out([first, then], [], day(40), moved)
    assert (found.status, found.amount) == (TieOutStatus.DIFFERENCE, Decimal(1))
