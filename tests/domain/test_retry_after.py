"""How long a server asks us to wait."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.retry_after import MOST, retry_after

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 7 ", 7),
        ("007", 7),
        ("Sat, 21 Nov 2026 12:01:30 GMT", 90),
        ("Saturday, 21-Nov-26 12:01:30 GMT", 90),
        ("Sat Nov 21 12:01:30 2026", 90),
        ("Sat, 21 Nov 2026 14:01:30 +0200", 90),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0),
    ],
)
def test_both_forms_are_read(value: str, seconds: int) -> None:
    """sync.md 22: seconds, and a date in each of the three ways that HTTP allows."""
    assert retry_after(value, NOON) == seconds


@pytest.mark.parametrize(
    "value", ["86401", "9" * 12, "9" * 13, "9" * 100, "Sat, 21 Nov 2099 12:00:00 GMT"]
)
def test_a_longer_wait_becomes_a_day(value: str) -> None:
    """sync.md 22: beyond 24 hours there is one probe a day."""
    assert retry_after(value, NOON) == MOST == 86_400


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "  ",
        "-5",
        "+5",
        "1.5",
        "1e3",
        "soon",
        "१२",
        "²",
        "Sat, 99 Nov 2026 12:00:00 GMT",
        "Sat, 21 Nov 99999 12:00:00 GMT",
        "9" * 5000,
        "Sat, 21 Nov 2026 12:00:00 +9999999999",
    ],
)
def test_what_is_neither_says_nothing(value: str | None) -> None:
    """sync.md 22: what cannot be read is as if it were not there: the usual back-off holds."""
    assert retry_after(value, NOON) is None


DATED = st.from_regex(
    r"[A-Z][a-z]{2}, [0-9]{1,3} [A-Z][a-z]{2} [0-9]{1,6} [0-9:]{1,10} ?[A-Z+\-0-9]{0,12}"
)


@given(st.text(max_size=200) | DATED | st.integers().map(str), st.datetimes(timezones=st.just(UTC)))
def test_nothing_makes_it_fail(value: str, now: datetime) -> None:
    """sync.md 22: whatever a server sends, the answer is nothing or a wait of 0 to 24 hours."""
    wait = retry_after(value, now)
    assert wait is None or 0 <= wait <= MOST
