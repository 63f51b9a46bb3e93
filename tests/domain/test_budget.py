"""The rules of budgets, whatever comes in whatever order (sync.md 22, 23)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.budget import (
    UNTOUCHED,
    Ask,
    Book,
    Standing,
    Use,
    free_at,
    heed,
    left,
    quiet_at,
    spend,
)
from penstock.domain.limit import DAY, DailyReset, Limit, Scope, quota, rate
from penstock.domain.rate_headers import Told
from penstock.domain.request import Request
from penstock.domain.uses import use_told, uses_of

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
gaps = st.lists(st.timedeltas(timedelta(0), timedelta(minutes=20)), min_size=1, max_size=60)
windows = st.timedeltas(timedelta(milliseconds=100), timedelta(hours=2))
limits = st.builds(Limit, st.just(Scope.APP), st.integers(1, 20), windows, st.booleans())


def instants(limit: Limit, waits: list[timedelta]) -> list[datetime]:
    """Spend again and again, each as soon as it may after so long a pause; return when."""
    standing, now, calls = UNTOUCHED, NOW, []
    for pause in waits:
        now = max(now, free_at(limit, standing, now + pause))
        standing = spend(limit, standing, now)
        calls.append(now)
    return calls


def fullest(calls: list[datetime], window: timedelta) -> int:
    """Return how many calls the fullest window holds; one that ends as it begins another counts."""
    return max(sum(at <= one < at + window for one in calls) for at in calls)


@given(limits, gaps)
def test_no_window_ever_holds_more_than_it_may(limit: Limit, waits: list[timedelta]) -> None:
    """sync.md 23: rates and quotas, over every window, wherever it begins."""
    assert fullest(instants(limit, waits), limit.window) <= limit.calls


@given(limits, gaps, st.data())
def test_a_call_that_arrives_late_fills_no_window(
    limit: Limit, waits: list[timedelta], data: st.DataObject
) -> None:
    """sync.md 23: each may be late by less than the slack, and the bank still sees no more."""
    late = st.timedeltas(timedelta(0), limit.slack * 0.99)
    calls = [one + data.draw(late) for one in instants(limit, waits)]
    assert fullest(sorted(calls), limit.window) <= limit.calls


@given(st.integers(129, 300), st.lists(st.integers(0, 300), min_size=300, max_size=400))
def test_neighbours_that_are_counted_together_are_never_forgotten_early(
    calls: int, pauses: list[int]
) -> None:
    """sync.md 23: a large quota keeps few instants, and still no window holds more than it may."""
    limit = quota(calls, timedelta(hours=1))
    standing, now, made = UNTOUCHED, NOW, []
    for pause in pauses:
        now = max(now, free_at(limit, standing, now + timedelta(seconds=pause / 30)))
        standing = spend(limit, standing, now)
        made.append(now)
    assert fullest(made, limit.window) <= calls
    assert len(standing.spent) <= 2 * 128 + 1


@given(st.integers(1, 15))
def test_a_large_quota_that_is_never_spent_is_never_full(minutes: int) -> None:
    """sync.md 23: calls that follow one another closely slide out of their window all the same."""
    limit, standing, now = quota(2000), UNTOUCHED, NOW
    for _ in range(2 * DAY // timedelta(minutes=minutes)):
        assert free_at(limit, standing, now) == now
        standing = spend(limit, standing, now)
        now += timedelta(minutes=minutes)
    known = left(limit, standing, now)
    assert known is not None
    assert known >= 2000 - DAY // timedelta(minutes=minutes) - 2000 // 128


@given(limits, gaps)
def test_what_was_spent_is_free_again_in_time(limit: Limit, waits: list[timedelta]) -> None:
    """sync.md 23: nobody waits longer than a window and its slack for a quota, nor for ever."""
    standing = UNTOUCHED
    for at in instants(limit, waits):
        standing = spend(limit, standing, at)
    last = instants(limit, waits)[-1]
    if not limit.spaced:
        assert free_at(limit, standing, last) <= last + limit.window + limit.slack
    quiet = quiet_at(limit, standing, last)
    assert free_at(limit, standing, quiet) == quiet
    assert left(limit, standing, quiet) == (None if limit.spaced else limit.calls)


def test_four_calls_a_day_slide() -> None:
    """sync.md 23: the fifth waits for the first to be a day old, not for midnight."""
    limit = quota(4)
    standing = UNTOUCHED
    for hour in (0, 1, 2, 3):
        at = NOW + timedelta(hours=hour)
        assert free_at(limit, standing, at) == at
        standing = spend(limit, standing, at)
    evening = NOW + timedelta(hours=4)
    assert left(limit, standing, evening) == 0
    assert free_at(limit, standing, evening) == NOW + DAY + SECOND
    assert left(limit, standing, NOW + DAY + timedelta(minutes=1)) == 1


def test_a_documented_reset_begins_anew() -> None:
    """sync.md 23: where the bank says when, what was spent before does not count after."""
    limit = quota(2, reset=DailyReset())
    standing = spend(limit, spend(limit, UNTOUCHED, NOW), NOW)
    midnight = NOW.replace(hour=0) + DAY
    assert free_at(limit, standing, NOW) == midnight + limit.slack
    assert free_at(limit, standing, midnight + SECOND) == midnight + SECOND


def told(calls_left: int, seconds: float) -> Told:
    """Say that so many calls are left for so long."""
    return Told("", 10, calls_left, timedelta(seconds=seconds))


@given(st.lists(st.tuples(st.integers(0, 20), st.floats(0.1, 10**6)), min_size=1, max_size=9))
def test_what_the_bank_says_only_lowers_what_we_believe(words: list[tuple[int, float]]) -> None:
    """sync.md 23: no header makes more of a limit than we count; none holds for over a day."""
    limit = quota(5)
    ours = spend(limit, UNTOUCHED, NOW)
    believed = ours
    for calls_left, seconds in words:
        believed = heed(believed, told(calls_left, seconds), NOW)
        allowed, without = left(limit, believed, NOW), left(limit, ours, NOW)
        assert allowed is not None
        assert without is not None
        assert allowed <= without
        assert free_at(limit, believed, NOW) <= NOW + DAY


def test_nothing_left_is_waited_for_until_the_bank_resets() -> None:
    """sync.md 22, 23: not a moment less; and each call of ours lowers the bank's number too."""
    standing = heed(UNTOUCHED, told(2, 60), NOW)
    for _ in range(2):
        assert free_at(None, standing, NOW) == NOW
        standing = spend(None, standing, NOW)
    assert free_at(None, standing, NOW) == NOW + timedelta(seconds=60)
    assert left(None, standing, NOW) == 0
    assert left(None, standing, NOW + timedelta(seconds=60)) is None


def test_an_answer_that_was_overtaken_raises_nothing() -> None:
    """sync.md 23: of two answers within one window the lower holds; a new window is its own."""
    standing = heed(heed(UNTOUCHED, told(3, 60), NOW), told(5, 60), NOW)
    assert standing.told_left == 3
    assert heed(standing, told(10, 120), NOW).told_left == 10
    assert heed(standing, told(10, 60), NOW + timedelta(seconds=61)).told_left == 10


APP_RATE, OWN_QUOTA = rate(10, SECOND), quota(2)


def use(limit: Limit, key: str) -> Use:
    """Name a budget."""
    return Use(key, "bank", limit.scope, limit)


def test_one_who_has_to_wait_for_a_quota_takes_no_turn_of_others() -> None:
    """sync.md 23, 29: of all limits nothing is spent unless each of them allows it."""
    spent = spend(OWN_QUOTA, spend(OWN_QUOTA, UNTOUCHED, NOW), NOW)
    book = Book({"app": UNTOUCHED, "own": spent}, NOW)
    both = Ask((use(APP_RATE, "app"), use(OWN_QUOTA, "own")), timedelta(minutes=1))
    grant = book.grant(both)
    assert (grant.granted, grant.wait) == (False, DAY + SECOND)
    assert not book.changed
    alone = book.grant(Ask((use(APP_RATE, "app"),), timedelta(minutes=1)))
    assert (alone.granted, alone.wait) == (True, timedelta(0))


def test_turns_are_given_in_order_as_far_as_patience_goes() -> None:
    """sync.md 22, 23: the wait grows by the interval; one too long is refused, and not spent."""
    book = Book({"app": UNTOUCHED}, NOW)
    ask = Ask((use(APP_RATE, "app"),), APP_RATE.interval * 2)
    waits = [book.grant(ask) for _ in range(4)]
    assert [one.granted for one in waits] == [True, True, True, False]
    assert [one.wait for one in waits] == [APP_RATE.interval * n for n in range(4)]
    assert waits[0].slack == APP_RATE.slack / 2
    assert book.standings["app"] == Standing(next_at=NOW + APP_RATE.interval * 3)


def test_a_request_spends_of_what_it_belongs_to() -> None:
    """sync.md 23: the app's, the connection's, and the account's for each endpoint by itself."""
    declared = (
        rate(200, SECOND),
        quota(100, timedelta(hours=1), Scope.APP, endpoint="token"),
        quota(24),
        quota(4, scope=Scope.ACCOUNT, told_by="account-success"),
    )
    plain = Request("GET", "https://bank.example/accounts")
    rows = replace(plain, account="a1", endpoint="transactions")

    def keys(request: Request, connection_id: int = 7) -> list[str]:
        return [one.key for one in uses_of(declared, "bank", connection_id, request)]

    assert keys(plain) == ["bank:app:rate:1:", "bank:connection:quota:86400:#7"]
    assert keys(replace(plain, endpoint="token"))[1] == "bank:app:quota:3600:token"
    assert keys(rows)[2].startswith("bank:account:quota:86400:#7#transactions#")
    assert keys(replace(rows, account="a" * 9000))[2] != keys(rows)[2]
    assert len(keys(replace(rows, account="a" * 9000))[2]) == len(keys(rows)[2])
    assert len({*keys(rows), *keys(replace(rows, endpoint="balances"))}) == 4
    assert keys(rows)[0] == keys(rows, 8)[0]
    assert not {*keys(rows)[1:]} & {*keys(rows, 8)}
    assert use_told(declared, "bank", 7, rows, "account-success").key == keys(rows)[2]
    general = use_told(declared, "bank", 7, rows, "")
    assert (general.limit, general.scope) == (None, Scope.CONNECTION)
    assert use_told((), "bank", 7, rows, "account").scope is Scope.ACCOUNT
