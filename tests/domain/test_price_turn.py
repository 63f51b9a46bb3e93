"""When an instrument is asked for next, by what became of it."""

from datetime import UTC, datetime, timedelta

import pytest

from penstock.domain.price_turn import Known, Pace, after_failure, after_price
from penstock.domain.quote import (
    ConsentWall,
    LayoutChanged,
    QuotaSpent,
    QuoteError,
    RateLimited,
    SourceDisabled,
    SourceUnavailable,
    Suspicious100x,
    SymbolNotFound,
    Unconfirmed,
)

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
PACE = Pace(timedelta(minutes=15), timedelta(0), 0)
HOUR = timedelta(hours=1)


def waited(error: QuoteError, failures: int = 0) -> timedelta:
    """Return how long an error makes us wait, after so many."""
    _, due = after_failure(Known(failures=failures), error, now=NOON, chance=0)
    return due.at - NOON


@pytest.mark.parametrize(
    ("error", "first", "later"),
    [
        (SourceUnavailable(), timedelta(minutes=1), HOUR),
        (SymbolNotFound(), 24 * HOUR, 24 * HOUR),
        (SourceDisabled(), 24 * HOUR, 24 * HOUR),
        (LayoutChanged(), 2 * HOUR, 24 * HOUR),
        (ConsentWall(), 2 * HOUR, 24 * HOUR),
        (Suspicious100x(), 3 * HOUR, 3 * HOUR),
        (RateLimited(retry_at=NOON + 5 * HOUR), 5 * HOUR, 5 * HOUR),
        (QuotaSpent(retry_at=NOON + timedelta(days=900)), 48 * HOUR, 48 * HOUR),
        (RateLimited(), timedelta(minutes=15), 6 * HOUR),
        (RateLimited(retry_at=NOON - HOUR), timedelta(minutes=15), 6 * HOUR),
    ],
)
def test_a_failure_waits_by_what_it_was(
    error: QuoteError, first: timedelta, later: timedelta
) -> None:
    """An outage is tried again soon, a redesign after hours, what nobody knows after a day."""
    assert (waited(error), waited(error, 20)) == (first, later)


def test_a_first_price_waits_for_whoever_could_confirm_it() -> None:
    """It is tried again when the first of them may be asked again; as an outage if none was."""
    busy, walled = RateLimited(retry_at=NOON + 5 * HOUR), ConsentWall()
    assert waited(Unconfirmed(reasons=[busy])) == 5 * HOUR
    assert waited(Unconfirmed(reasons=[busy, walled])) == 2 * HOUR
    assert waited(Unconfirmed(reasons=[walled, SourceUnavailable()])) == timedelta(minutes=1)
    assert waited(Unconfirmed(reasons=[walled]), 20) == 24 * HOUR
    assert waited(Unconfirmed()) == timedelta(minutes=1)


def test_a_failure_is_remembered_until_a_price_comes() -> None:
    """The reason stands, and the last price with it; with a price it is gone."""
    known, _ = after_price("SAP:XETR", Known(), NOON, now=NOON, pace=PACE, kept=False)
    failed, _ = after_failure(known, LayoutChanged(), now=NOON + HOUR, chance=0)
    assert (failed.failures, failed.last_code) == (1, "layout_changed")
    assert (failed.price_as_of, failed.last_ok_at) == (NOON, NOON)
    later = NOON + 2 * HOUR
    well, _ = after_price("SAP:XETR", failed, later, now=later, pace=PACE, kept=False)
    assert (well.failures, well.last_code, well.price_as_of) == (0, None, later)


def test_on_a_holiday_few_requests_are_made() -> None:
    """A price that does not move in an open session is asked for ever more seldom, day by day."""
    now, known = NOON.replace(hour=8), Known(price_as_of=NOON - timedelta(days=1))
    turns = 0
    while now.weekday() == NOON.weekday():
        known, due = after_price(
            "SAP:XETR", known, NOON - timedelta(days=1), now=now, pace=PACE, kept=False
        )
        now, turns = due.at, turns + 1
    assert 4 <= turns <= 8
    assert now == datetime(2026, 11, 23, 8, tzinfo=UTC)
    _, due = after_price("SAP:XETR", known, NOON, now=now, pace=PACE, kept=False)
    assert due.at == now + PACE.every


def test_an_answer_that_was_fresh_says_nothing_of_the_market() -> None:
    """Where nobody was asked, that the price is the same makes it no holiday."""
    known = Known(asked_at=NOON, price_as_of=NOON, unmoved=1)
    after, _ = after_price("SAP:XETR", known, NOON, now=NOON + HOUR, pace=PACE, kept=True)
    assert after.unmoved == 1
    after, _ = after_price("SAP:XETR", known, NOON, now=NOON + HOUR, pace=PACE, kept=False)
    assert after.unmoved == 2


def test_an_older_price_is_no_news() -> None:
    """A source that falls back to yesterday's price takes nothing back of what is known."""
    known = Known(asked_at=NOON, price_as_of=NOON)
    old = NOON - timedelta(days=1)
    after, _ = after_price("SAP:XETR", known, old, now=NOON + HOUR, pace=PACE, kept=False)
    assert (after.price_as_of, after.unmoved) == (NOON, 1)
