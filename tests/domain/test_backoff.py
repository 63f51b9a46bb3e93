"""How long to wait before trying again."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.backoff import FIRST, MOST, backoff

FRACTIONS = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize(("attempt", "ceiling"), [(1, 1), (2, 2), (3, 4), (8, 128), (10, 300)])
def test_the_ceiling_doubles_up_to_the_most(attempt: int, ceiling: int) -> None:
    """sync.md 22: exponential: 1, 2, 4 … seconds, and never beyond five minutes."""
    assert backoff(attempt, 1.0) == timedelta(seconds=ceiling)


@given(st.integers(), FRACTIONS)
def test_the_wait_is_within_its_bounds(attempt: int, fraction: float) -> None:
    """sync.md 22: whatever number of attempts, the wait is between nothing and the most."""
    assert timedelta(0) <= backoff(attempt, fraction) <= MOST


@given(st.integers(1, 60), FRACTIONS, FRACTIONS)
def test_the_jitter_is_full(attempt: int, one: float, other: float) -> None:
    """sync.md 22: the whole range down to nothing is used, evenly."""
    low, high = sorted([one, other])
    assert backoff(attempt, 0.0) == timedelta(0)
    assert backoff(attempt, low) <= backoff(attempt, high)
    half = backoff(attempt, 1.0) / 2
    assert abs(backoff(attempt, 0.5) - half) <= timedelta(microseconds=1)


def test_the_bounds_can_be_given() -> None:
    """A provider that wants longer waits gets them."""
    assert backoff(1, 1.0) == FIRST
    minute = timedelta(minutes=1)
    assert backoff(3, 1.0, first=minute, most=timedelta(hours=1)) == timedelta(minutes=4)
