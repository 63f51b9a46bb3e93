"""What Prometheus is told."""

from prometheus_client.parser import text_string_to_metric_families

from penstock.observe.metrics import Metrics
from penstock.observe.states import STATES, Readings


def samples(metrics: Metrics) -> dict[tuple[str, tuple[str, ...]], float]:
    """Read what `render` wrote, as Prometheus would."""
    body, _ = metrics.render()
    return {
        (sample.name, tuple(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


def test_what_happened_is_counted() -> None:
    """Each event moves its own counter, by connector and outcome."""
    metrics = Metrics()
    metrics.run_ended("sandbox", "done", 0.5)
    metrics.rows_seen("sandbox", "inserted", 15)
    metrics.retried("sandbox")
    metrics.throttled("sandbox")
    metrics.token_refreshed("sandbox", "ok")
    metrics.asked("sandbox", "2xx", 0.02)
    metrics.asked("sandbox", "2xx", 0.02)
    metrics.signed_in("refused")
    metrics.answered("GET", "/v1/accounts/{id}", 200, 0.001)
    seen = samples(metrics)
    assert seen["penstock_sync_runs_total", ("sandbox", "done")] == 1
    assert seen["penstock_sync_run_seconds_sum", ("sandbox",)] == 0.5
    assert seen["penstock_rows_total", ("sandbox", "inserted")] == 15
    assert seen["penstock_retries_total", ("sandbox",)] == 1
    assert seen["penstock_throttles_total", ("sandbox",)] == 1
    assert seen["penstock_token_refreshes_total", ("sandbox", "ok")] == 1
    assert seen["penstock_outbound_requests_total", ("sandbox", "2xx")] == 2
    assert seen["penstock_outbound_request_seconds_count", ("sandbox",)] == 2
    assert seen["penstock_sign_ins_total", ("refused",)] == 1
    assert seen["penstock_http_requests_total", ("GET", "/v1/accounts/{id}", "200")] == 1
    assert seen["penstock_http_request_seconds_count", ("GET", "/v1/accounts/{id}")] == 1


def test_what_may_happen_is_told_before_it_does() -> None:
    """The first broken contract is an increase, from 0 to 1: an alert may hang on it."""
    metrics = Metrics()
    metrics.expect(["sandbox"], ["done", "contract"])
    assert samples(metrics)["penstock_sync_runs_total", ("sandbox", "contract")] == 0
    assert samples(metrics)["penstock_sign_ins_total", ("refused",)] == 0
    metrics.run_ended("sandbox", "contract", 0.5)
    assert samples(metrics)["penstock_sync_runs_total", ("sandbox", "contract")] == 1


def test_states_are_read_when_asked() -> None:
    """An age grows while nothing happens, so it is asked for at each scrape."""
    metrics = Metrics()
    ages = [(("sandbox",), 60.0)]
    metrics.watch(lambda: {state.name: [] for state in STATES} | {"freshness_age_seconds": ages})
    assert samples(metrics)["penstock_freshness_age_seconds", ("sandbox",)] == 60
    ages[:] = [(("sandbox",), 120.0)]
    assert samples(metrics)["penstock_freshness_age_seconds", ("sandbox",)] == 120
    assert samples(metrics)["penstock_database_up", ()] == 1


def test_a_database_that_is_away_hides_no_count() -> None:
    """What this process has counted is told all the same, and that the database is away."""
    metrics = Metrics()
    metrics.throttled("sandbox")

    def away() -> Readings:
        raise OSError("no route to the database")

    metrics.watch(away)
    seen = samples(metrics)
    assert seen["penstock_database_up", ()] == 0
    assert seen["penstock_throttles_total", ("sandbox",)] == 1


def test_two_in_one_process_never_meet() -> None:
    """Each has a registry of its own: nothing is shared through the process."""
    one, other = Metrics(), Metrics()
    one.throttled("sandbox")
    assert ("penstock_throttles_total", ("sandbox",)) not in samples(other)


def test_the_answer_says_what_it_is() -> None:
    """Prometheus is told the format; every name is ours."""
    metrics = Metrics()
    metrics.throttled("sandbox")
    body, content_type = metrics.render()
    assert content_type.startswith("text/plain; version=0.0.4")
    assert all(line.startswith((b"penstock_", b"#")) for line in body.splitlines())
