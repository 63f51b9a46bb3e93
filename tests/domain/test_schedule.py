"""When a connection is synced next."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain import outcome
from penstock.domain.consent import ConsentState
from penstock.domain.limit import DAY, Limit, Scope, quota, rate
from penstock.domain.outcome import DONE, Ending, Outcome
from penstock.domain.schedule import SOON, Due, next_pace, syncs_a_day, when_next

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
EVERY = timedelta(hours=6)
MINUTE = timedelta(minutes=1)
LATER = NOW + timedelta(hours=3)


def after(ending: Ending, failures: int = 1, chance: float = 0.0) -> Due:
    """Say when it is due after this ending."""
    return when_next(ending, now=NOW, every=EVERY, failures=failures, chance=chance)


@pytest.mark.parametrize(
    ("ending", "failures", "chance", "due"),
    [
        (DONE, 0, 0.0, Due(NOW + EVERY)),
        (DONE, 0, 1.0, Due(NOW + 0.9 * EVERY)),
        (outcome.contract_broken("x"), 1, 0.0, Due(NOW + EVERY)),
        (outcome.contract_broken("x"), 2, 1.0, Due(NOW + 2 * EVERY * 0.9)),
        (outcome.contract_broken("x"), 10_000, 0.0, Due(NOW + DAY)),
        (Ending(Outcome.CURSOR_LOST), 1, 0.0, Due(NOW + EVERY)),
        (Ending(Outcome.CURSOR_LOST), 3, 0.0, Due(NOW + DAY)),
        (outcome.consent_needed("x", ConsentState.REVOKED), 1, 0.5, Due(None)),
        (outcome.not_ready(NOW + SOON), 1, 0.0, Due(NOW + SOON)),
        (Ending(Outcome.NOT_READY), 2, 0.0, Due(NOW + 2 * SOON)),
        (Ending(Outcome.NOT_READY), 4, 1.0, Due(NOW + 8 * SOON * 0.9)),
        (Ending(Outcome.NOT_READY), 10_000, 0.0, Due(NOW + 30 * MINUTE)),
        (outcome.throttled("x", LATER), 1, 0.5, Due(LATER, not_before=LATER)),
        (outcome.transient("x"), 1, 1.0, Due(NOW + 10 * MINUTE)),
        (outcome.transient("x"), 1, 0.0, Due(NOW + 5 * MINUTE)),
        (outcome.transient("x"), 2, 1.0, Due(NOW + 20 * MINUTE)),
        (outcome.transient("x"), 5, 1.0, Due(NOW + 160 * MINUTE)),
        (outcome.transient("x"), 6, 1.0, Due(NOW + 320 * MINUTE)),
        (outcome.transient("x"), 7, 1.0, Due(NOW + EVERY)),
        (outcome.partial("x"), 1, 1.0, Due(NOW + 10 * MINUTE)),
        (outcome.partial("x"), 10_000, 1.0, Due(NOW + EVERY)),
        (outcome.told(["x"]), 1, 0.0, Due(NOW + EVERY)),
        (outcome.told(["x"]), 9, 1.0, Due(NOW + 0.9 * EVERY)),
    ],
)
def test_the_table(ending: Ending, failures: int, chance: float, due: Due) -> None:
    """sync.md 21, 22: each outcome has its own next time; failures come back later and later."""
    assert after(ending, failures, chance) == due


def test_a_consent_problem_is_never_retried_by_itself() -> None:
    """sync.md 21: only the person can open that door, so nothing is due."""
    for state in ConsentState:
        assert after(outcome.consent_needed("x", state)) == Due(None)


@given(st.integers(2, 50), st.floats(0, 1))
def test_a_bank_that_throttles_again_and_again_is_asked_less_and_less(
    failures: int, chance: float
) -> None:
    """sync.md 22: nobody asks before the bank's instant; a near one does not undo the backoff."""
    until = NOW + timedelta(seconds=3)
    due = after(outcome.throttled("x", until), failures, chance)
    assert due.not_before == until
    assert due.next_sync_at == after(outcome.transient("x"), failures - 1, chance).next_sync_at


@given(
    st.sampled_from(Outcome),
    st.integers(1, 10**6),
    st.floats(0, 1),
    st.timedeltas(MINUTE, timedelta(days=7)),
)
def test_nothing_is_due_at_once_or_never(
    kind: Outcome, failures: int, chance: float, every: timedelta
) -> None:
    """sync.md 22: whatever the failures, the next time is after now and at most `every` away.

    Where waiting mends little, a day may pass.
    """
    ending = Ending(kind, until=NOW + SOON if kind is Outcome.THROTTLED else None)
    due = when_next(ending, now=NOW, every=every, failures=failures, chance=chance)
    if kind is Outcome.CONSENT:
        assert due.next_sync_at is None
        return
    assert due.next_sync_at is not None
    seldom = kind in (Outcome.CONTRACT, Outcome.CURSOR_LOST)
    assert NOW < due.next_sync_at <= NOW + max(every, DAY if seldom else 30 * MINUTE)


PACES = st.none() | st.timedeltas(timedelta(seconds=1), timedelta(days=400))
ALWAYS = st.timedeltas(MINUTE, timedelta(days=7))


@given(PACES, ALWAYS, st.booleans())
def test_the_pace_stays_within_its_bounds(
    pace: timedelta | None, every: timedelta, brought: bool
) -> None:
    """Whatever it was: never quicker than a quarter of the setting, never slow enough for stale."""
    following = next_pace(pace, every=every, brought=brought)
    assert every / 4 <= following <= every * 1.5
    if pace is not None and every / 4 <= pace <= every * 1.5:
        assert following <= pace if brought else following >= pace


@given(PACES, ALWAYS, st.booleans(), st.integers(1, 100), st.floats(0, 1))
def test_a_banks_daily_calls_are_never_passed(
    pace: timedelta | None, every: timedelta, brought: bool, daily: int, chance: float
) -> None:
    """sync.md 23: with so many calls a day, so many syncs by itself come to at least a day."""
    following = next_pace(pace, every=every, brought=brought, daily=daily)
    due = when_next(DONE, now=NOW, every=following, failures=0, chance=chance)
    assert due.next_sync_at is not None
    assert (due.next_sync_at - NOW) * daily >= DAY - timedelta(milliseconds=1)


def test_what_changes_is_asked_often_and_what_does_not_seldom() -> None:
    """Four looks with news lead to the quickest pace, ten without to the slowest, from anywhere."""
    for start in (None, EVERY / 4, EVERY, EVERY * 1.5):
        busy = quiet = start
        for _ in range(4):
            busy = next_pace(busy, every=EVERY, brought=True)
        for _ in range(10):
            quiet = next_pace(quiet, every=EVERY, brought=False)
        assert (busy, quiet) == (EVERY / 4, EVERY * 1.5)


@given(PACES, ALWAYS, st.booleans(), st.timedeltas(timedelta(0), timedelta(days=400)))
def test_a_look_before_its_time_says_nothing_of_the_pace(
    pace: timedelta | None, every: timedelta, brought: bool, since: timedelta
) -> None:
    """Clicks in a row make a pace neither quicker nor slower; what comes in its turn does."""
    following = next_pace(pace, every=every, brought=brought, since=since)
    if pace is not None and since < pace * 0.8:
        assert following == min(max(pace, every / 4), every * 1.5)
    else:
        assert following == next_pace(pace, every=every, brought=brought)


@pytest.mark.parametrize(
    ("limits", "requests", "syncs"),
    [
        ([], 5, None),
        ([rate(3, timedelta(seconds=1))], 5, None),
        ([quota(4, scope=Scope.ACCOUNT)], 9, 4),
        ([quota(100, scope=Scope.CONNECTION)], 9, 11),
        ([quota(100, scope=Scope.CONNECTION), quota(4, scope=Scope.ACCOUNT)], 0, 4),
        ([quota(3, scope=Scope.CONNECTION)], 9, 1),
        ([quota(3, scope=Scope.APP)], 9, 1),
        ([quota(600, scope=Scope.APP)], 5, 12),
        ([rate(600, DAY)], 5, 12),
        ([quota(600, DAY / 2, scope=Scope.APP)], 5, None),
    ],
)
def test_how_often_a_day_limits_allow(
    limits: list[Limit], requests: int, syncs: int | None
) -> None:
    """sync.md 23: a quota a day, by what a sync costs of it; ten connections share the app's."""
    assert syncs_a_day(limits, requests, connections=10) == syncs


@given(st.floats(0, 1), st.floats(0, 1))
def test_connections_are_spread_apart(one: float, other: float) -> None:
    """sync.md 22: chance moves each a little, so that they never all come at the full hour."""
    first, second = after(DONE, chance=one), after(DONE, chance=other)
    assert first.next_sync_at is not None
    assert second.next_sync_at is not None
    if one < other:
        assert first.next_sync_at >= second.next_sync_at


@pytest.mark.parametrize(
    "ending",
    [outcome.contract_broken("x"), outcome.partial("x"), outcome.transient("x")],
    ids=lambda ending: ending.outcome,
)
def test_a_bar_of_the_bank_holds_whatever_else_went_wrong(ending: Ending) -> None:
    """sync.md 22: nobody asks before the bank's instant, though another stream failed worse."""
    tomorrow = NOW + timedelta(hours=24)
    assert after(replace(ending, until=tomorrow)) == Due(tomorrow, not_before=tomorrow)
    soon = NOW + timedelta(seconds=3)
    assert after(replace(ending, until=soon)) == replace(after(ending), not_before=soon)
    asked = outcome.consent_needed("x", ConsentState.REVOKED)
    assert after(replace(asked, until=tomorrow)) == Due(None, not_before=tomorrow)
