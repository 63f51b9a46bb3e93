"""How long to wait before trying again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.backoff import FIRST, MOST, full_jitter

FRACTIONS = st.floats(0, 1, exclude_max=True)


@pytest.mark.parametrize(("failures", "ceiling"), [(1, 1), (2, 2), (3, 4), (8, 128), (10, 300)])
def test_the_ceiling_doubles_up_to_the_most(failures: int, ceiling: int) -> None:
    """sync.md 22: exponential: 1, 2, 4 … seconds, and never beyond five minutes."""
    assert full_jitter(failures, 1.0) == ceiling


@given(st.integers(), FRACTIONS)
def test_the_wait_is_within_its_bounds(failures: int, fraction: float) -> None:
    """sync.md 22: whatever number of failures, the wait is between nothing and the most."""
    assert 0 <= full_jitter(failures, fraction) <= MOST


@given(st.integers(1, 60), FRACTIONS, FRACTIONS)
def test_the_jitter_is_full(failures: int, one: float, other: float) -> None:
    """sync.md 22: the whole range down to nothing is used, evenly."""
    low, high = sorted([one, other])
    assert full_jitter(failures, 0.0) == 0
    assert full_jitter(failures, low) <= full_jitter(failures, high)
    assert full_jitter(failures, 0.5) == pytest.approx(full_jitter(failures, 1.0) / 2)


def test_the_bounds_can_be_given() -> None:
    """A provider that wants longer waits gets them."""
    assert full_jitter(1, 1.0) == FIRST
    assert full_jitter(3, 1.0, first=60, most=3600) == 240
