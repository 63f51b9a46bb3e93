"""When an institution is left alone, and how it is found to be well again (sync.md 24)."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.breaker import (
    FIRST,
    HEALTHY,
    MOST,
    PROBE,
    RUNS,
    Breaker,
    BreakerState,
    after_success,
    after_trouble,
    may_pass,
)

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def opened() -> Breaker:
    """Return a breaker that has just opened."""
    breaker = HEALTHY
    for number in range(RUNS):
        breaker = after_trouble(breaker, f"run {number}", NOW)
    return breaker


def test_it_opens_after_several_runs_in_a_row() -> None:
    """sync.md 24: one run alone never opens it, however often it fails; one success begins anew."""
    breaker = HEALTHY
    for _ in range(10):
        breaker = after_trouble(breaker, "one", NOW)
    assert breaker.state(NOW) is BreakerState.CLOSED
    assert after_success(breaker, "other") == HEALTHY
    assert opened().state(NOW) is BreakerState.OPEN


def test_an_open_one_lets_nobody_through() -> None:
    """sync.md 24: and says when it will be probed. What was on its way changes nothing."""
    breaker = opened()
    passage, same = may_pass(breaker, "late", NOW)
    assert (passage.allowed, passage.until, same) == (False, NOW + FIRST, breaker)
    assert after_success(breaker, "late") == breaker
    assert after_trouble(breaker, "late", NOW) == breaker


def test_one_probe_decides() -> None:
    """sync.md 24: the first to come probes, others wait for it; a good answer closes it."""
    then = NOW + FIRST
    passage, probing = may_pass(opened(), "first", then)
    assert (passage.allowed, passage.probe) == (True, True)
    second, same = may_pass(probing, "second", then)
    assert (second.allowed, second.until, same) == (False, then + PROBE, probing)
    assert may_pass(probing, "first", then)[0].allowed
    assert after_success(probing, "first") == HEALTHY


def test_each_failed_probe_waits_twice_as_long() -> None:
    """sync.md 24: up to half an hour."""
    breaker, waits, now = opened(), [], NOW
    for number in range(9):
        now = breaker.open_until or now
        _, probing = may_pass(breaker, f"probe {number}", now)
        breaker = after_trouble(probing, f"probe {number}", now)
        waits.append((breaker.open_until or now) - now)
    assert waits[:3] == [FIRST * 2, FIRST * 4, FIRST * 8]
    assert waits[-1] == MOST
    assert breaker.opened_at == NOW


def test_a_prober_that_died_is_replaced() -> None:
    """sync.md 24: after the time that a probe may take, somebody else probes."""
    _, probing = may_pass(opened(), "dead", NOW + FIRST)
    passage, after = may_pass(probing, "next", NOW + FIRST + PROBE)
    assert (passage.allowed, after.prober) == (True, "next")


steps = st.lists(
    st.tuples(st.sampled_from("abcde"), st.sampled_from("pts"), st.integers(0, 90)), max_size=80
)


@given(steps)
def test_whatever_happens_one_run_at_a_time_probes(story: list[tuple[str, str, int]]) -> None:
    """sync.md 24: in any mixture of runs, answers and pauses; and it never stays open for ever."""
    breaker, now = HEALTHY, NOW
    for run, act, seconds in story:
        now += timedelta(seconds=seconds)
        if act == "p":
            before = breaker
            passage, breaker = may_pass(breaker, run, now)
            if passage.probe:
                taken = before.probing_until is not None and now < before.probing_until
                assert not taken or before.prober == run
        else:
            breaker = (
                after_trouble(breaker, run, now) if act == "t" else after_success(breaker, run)
            )
        if breaker.open_until is not None:
            assert breaker.open_until - now <= MOST
            assert len(breaker.failed) == RUNS
