"""When there are new reference rates, and when to ask for them."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.target import easter, is_open, newest, next_due, next_open, published

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
FRIDAY = NOON.date()


@pytest.mark.parametrize(
    "sunday",
    [
        *("1999-04-04", "2000-04-23", "2008-03-23", "2011-04-24", "2022-04-17", "2024-03-31"),
        *("2025-04-20", "2026-04-05", "2027-03-28", "2038-04-25", "2076-04-19", "2285-03-22"),
    ],
)
def test_easter_is_when_it_is(sunday: str) -> None:
    """The Sunday of Easter is the known one, the earliest and the latest possible among them."""
    day = date.fromisoformat(sunday)
    assert easter(day.year) == day
    assert day.weekday() == 6


@pytest.mark.parametrize(
    ("day", "open_"),
    [
        ("2026-01-01", False),
        ("2026-01-02", True),
        ("2026-04-03", False),
        ("2026-04-06", False),
        ("2026-04-07", True),
        ("2026-05-01", False),
        ("2026-05-14", True),
        ("2026-12-24", True),
        ("2026-12-25", False),
        ("2026-12-26", False),
        ("2026-12-31", True),
        ("2026-11-21", False),
        ("2022-12-26", False),
    ],
)
def test_the_days_on_which_target_is_open(day: str, open_: bool) -> None:
    """Closed at weekends and on six holidays; open on all other days, Ascension among them."""
    assert is_open(date.fromisoformat(day)) is open_


def test_easter_is_the_longest_silence() -> None:
    """From Thursday before Easter the next rates are of Tuesday."""
    assert next_open(date(2026, 4, 2)) == date(2026, 4, 7)


@pytest.mark.parametrize(
    ("now", "day"),
    [
        ("2026-11-20T14:59:59Z", "2026-11-19"),
        ("2026-11-20T15:00:00Z", "2026-11-20"),
        ("2026-07-10T13:59:59Z", "2026-07-09"),
        ("2026-07-10T14:00:00Z", "2026-07-10"),
        ("2026-11-22T23:30:00Z", "2026-11-20"),
        ("2026-04-07T13:00:00Z", "2026-04-02"),
    ],
)
def test_rates_come_at_four_in_frankfurt(now: str, day: str) -> None:
    """In winter that is 15:00 UTC, in summer 14:00; over a weekend Friday's are the newest."""
    assert newest(datetime.fromisoformat(now)) == date.fromisoformat(day)


def test_where_there_are_none_they_are_due_at_once() -> None:
    """The first start fetches at once; after a try that failed it waits a little."""
    assert next_due(NOON, None) == NOON
    assert next_due(NOON, None, asked_at=NOON) == NOON + timedelta(minutes=15)


def test_due_when_the_next_ones_come() -> None:
    """After Thursday's they are due on Friday at four, after Friday's on Monday."""
    at_four = datetime(2026, 11, 20, 15, tzinfo=UTC)
    assert next_due(NOON, FRIDAY - timedelta(1), asked_at=NOON) == at_four
    assert next_due(at_four, FRIDAY, asked_at=at_four) == at_four + timedelta(days=3)


def test_what_is_late_is_asked_for_ever_less_often() -> None:
    """A quarter of an hour at first, then half of how late it is, never more than six hours."""
    due = published(FRIDAY)
    for late, wait in [(0, 15), (15, 15), (60, 30), (240, 120), (60 * 24, 360), (60 * 99, 360)]:
        asked = due + timedelta(minutes=late)
        wanted = asked + timedelta(minutes=wait)
        assert next_due(asked, FRIDAY - timedelta(1), asked_at=asked) == wanted


@given(now=st.datetimes(datetime(2000, 1, 1), datetime(2090, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - hypothesis wants them so
def test_whoever_has_the_newest_waits_and_whoever_has_not_does_not(now: datetime) -> None:
    """With the newest day stored the next is due later than now; with the one before, by now."""
    last = newest(now)
    assert is_open(last)
    assert published(last) <= now < next_due(now, last)
    before = last - timedelta(1)
    while not is_open(before):
        before -= timedelta(1)
    assert next_open(before) == last
    assert next_due(now, before) <= now
    assert (next_open(last) - last).days <= 5
