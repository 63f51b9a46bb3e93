"""How a consent stands as its end comes near (sync.md 26)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.consent import ConsentState, standing, warned

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ACTIVE, EXPIRING, EXPIRED = ConsentState.ACTIVE, ConsentState.EXPIRING, ConsentState.EXPIRED


@pytest.mark.parametrize(
    ("days", "step", "state"),
    [
        (15, None, ACTIVE),
        (14, 14, EXPIRING),
        (7.5, 14, EXPIRING),
        (7, 7, EXPIRING),
        (1, 1, EXPIRING),
        (0.1, 1, EXPIRING),
        (0, 0, EXPIRED),
        (-3, 0, EXPIRED),
    ],
)
def test_it_is_warned_of_14_7_and_1_days_ahead(
    days: float, step: int | None, state: ConsentState
) -> None:
    """Each of the days is a warning of its own; what ended is said to have ended, sync or none."""
    ends = NOW + timedelta(days=days)
    assert warned(ends, NOW) == step
    assert standing(ACTIVE, ends, NOW) is state


@given(st.sampled_from(ConsentState), st.integers(-30, 30) | st.none())
def test_what_the_bank_ended_time_does_not_mend(stored: ConsentState, days: int | None) -> None:
    """Revoked or waiting for its person, a consent stays so; without an end it is as stored."""
    ends = None if days is None else NOW + timedelta(days=days)
    found = standing(stored, ends, NOW)
    if ends is None or stored not in {ACTIVE, EXPIRING}:
        assert found is stored
    else:
        assert found is not ACTIVE or days is None or days > 14
