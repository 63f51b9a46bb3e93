"""A limit says how many calls, of whom, in which window; an operator writes one as a word."""

from datetime import UTC, datetime, time, timedelta

import pytest

from penstock.domain.errors import InvalidInput
from penstock.domain.limit import DAY, DailyReset, Limit, Scope, quota, rate, read_rates

SECOND = timedelta(seconds=1)


def test_an_operator_writes_rates_as_words() -> None:
    """sync.md 23: calls per second, minute, hour or day, of everything asked of a provider."""
    read = read_rates(["sandbox=200/s", "starling=100/min", "a-b_1=1/h", "c=4/day"])
    assert read == {
        "sandbox": rate(200, SECOND),
        "starling": rate(100, timedelta(minutes=1)),
        "a-b_1": rate(1, timedelta(hours=1)),
        "c": rate(4, DAY),
    }
    assert {limit.scope for limit in read.values()} == {Scope.APP}


@pytest.mark.parametrize(
    "word", ["", "sandbox", "sandbox=0/s", "sandbox=-1/s", "sandbox=1.5/s", "a=1/week", "a=1/s,b"]
)
def test_a_rate_that_cannot_be_read_is_refused(word: str) -> None:
    """The error names the word, and says how one is written."""
    with pytest.raises(InvalidInput) as caught:
        read_rates([word])
    assert repr(word) in caught.value.message
    assert caught.value.remedy is not None


def test_a_limit_that_nobody_could_keep_is_refused() -> None:
    """No call at all, or a window of no time, is a mistake of whoever declares it."""
    for calls, window in ((0, SECOND), (1, timedelta(0))):
        with pytest.raises(ValueError, match="at least one"):
            Limit(Scope.APP, calls, window, spaced=True)


def test_the_calls_of_a_rate_leave_room_for_one_that_is_late() -> None:
    """sync.md 23: the window and its slack together hold the calls; a slow rate has more of it.

    So even where the first of the next window's calls is early by all of it, none is too full.
    """
    for limit in (rate(200, SECOND), rate(100, timedelta(minutes=1)), rate(1, DAY)):
        assert limit.interval * limit.calls >= limit.window + limit.slack - timedelta(
            milliseconds=1
        )
    assert rate(1, SECOND).slack == timedelta(milliseconds=100)
    assert rate(100, timedelta(minutes=1)).slack == SECOND
    assert rate(1, timedelta(hours=1)).slack == timedelta(seconds=36)
    assert quota(4, DAY).slack == SECOND


@pytest.mark.parametrize(
    ("now", "last", "following"),
    [
        ("2026-11-20T12:00:00", "2026-11-20T05:00:00", "2026-11-21T05:00:00"),
        ("2026-11-20T04:59:59", "2026-11-19T05:00:00", "2026-11-20T05:00:00"),
        ("2026-11-20T05:00:00", "2026-11-20T05:00:00", "2026-11-21T05:00:00"),
        ("2026-11-01T12:00:00", "2026-11-01T04:00:00", "2026-11-02T05:00:00"),  # the clocks change
    ],
)
def test_a_bank_that_documents_a_reset_counts_in_its_own_zone(
    now: str, last: str, following: str
) -> None:
    """sync.md 23: the reset is at a time of the bank's day, in summer and in winter."""
    midnight = DailyReset(time(0), "America/New_York")
    at = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert midnight.last(at) == datetime.fromisoformat(last).replace(tzinfo=UTC)
    assert midnight.next(at) == datetime.fromisoformat(following).replace(tzinfo=UTC)
    assert quota(4, reset=midnight).reset is midnight
