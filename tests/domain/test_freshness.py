"""How fresh a connection is: green only where everything is."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.consent import ConsentState
from penstock.domain.freshness import FreshnessState, Standing, freshness

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
EVERY = timedelta(hours=6)

moments = st.datetimes(datetime(2026, 1, 1), datetime(2027, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis adds the zone
standings = st.builds(
    Standing,
    consent=st.sampled_from(ConsentState),
    consent_expires_at=st.none() | moments,
    connected=st.booleans(),
    failures=st.integers(0, 3),
    last_success_at=st.none() | moments,
)


@given(standings)
def test_fresh_means_that_nothing_is_wrong(standing: Standing) -> None:
    """Fresh is: connected, no failure since, a consent that holds, and no two turns missed."""
    found = freshness(standing, now=NOW, every=EVERY)
    ends = standing.consent_expires_at
    if found.state is FreshnessState.FRESH:
        assert standing.connected
        assert standing.failures == 0
        assert standing.consent in {ConsentState.ACTIVE, ConsentState.EXPIRING}
        assert ends is None or ends > NOW
        assert standing.last_success_at is not None
        assert NOW - standing.last_success_at <= 2 * EVERY


@given(standings)
def test_the_age_is_never_negative(standing: Standing) -> None:
    """A success is as old as it is; one from a clock that runs ahead is new."""
    found = freshness(standing, now=NOW, every=EVERY)
    if standing.last_success_at is None:
        assert found.age is None
        assert found.state in {FreshnessState.NEVER, FreshnessState.FAILING}
    else:
        assert found.age == max(NOW - standing.last_success_at, timedelta(0))
