"""Counts for Prometheus: what happened, by connector and outcome, never by person or connection.

Every `Metrics` has a registry of its own, so that two of them in one process (tests, say) never
meet. Labels take few values: a connector's name, an outcome, a route's template, a status class.
"""

from collections.abc import Callable, Collection, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from penstock.observe.limits_seen import LimitsCollector, LimitsSeen
from penstock.observe.states import Readings, StateCollector

_RUN_SECONDS = (0.1, 0.3, 1, 3, 10, 30, 100, 300, 1000, 3000)
_REQUEST_SECONDS = (0.003, 0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30)

_AGES = (60, 300, 1_200, 3_600, 14_400, 86_400, 4 * 86_400, 14 * 86_400)


class Metrics:
    """What is counted. Names begin with `penstock_`; durations are seconds."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry(auto_describe=False)
        self._runs = self._counter("sync_runs", "Sync runs ended", "connector", "outcome")
        self._run_seconds = self._histogram(
            "sync_run_seconds", "How long sync runs took", _RUN_SECONDS, "connector"
        )
        self._rows = self._counter("rows", "Rows that sync runs saw", "connector", "kind")
        self._retries = self._counter("retries", "Requests sent once more", "connector")
        self._throttles = self._counter("throttles", "Answers that said slow down", "connector")
        self._refreshes = self._counter(
            "token_refreshes", "Attempts to renew an access token", "connector", "outcome"
        )
        self._outbound = self._counter(
            "outbound_requests", "Requests to others", "connector", "status"
        )
        self._outbound_seconds = self._histogram(
            "outbound_request_seconds", "How long others took", _REQUEST_SECONDS, "connector"
        )
        self._seen: dict[tuple[str, str], Counter] = {}
        self._asked: dict[tuple[str, str], tuple[Counter, Histogram]] = {}
        self._turn_seconds = self._counter(
            "turn_wait_seconds", "Seconds that requests waited for their turn", "connector"
        )
        self._held_back = self._counter(
            "held_back", "Runs ended because the bank was not to be asked", "connector", "reason"
        )
        self._quotes = self._counter(
            "quotes", "Ways to a price that were tried", "source", "outcome"
        )
        self._quote_age = self._histogram(
            "quote_age_seconds", "How old prices were when they were told", _AGES, "source"
        )
        self._hooks = self._counter("hooks", "Webhooks that came in", "connector", "outcome")
        self._decoys = self._counter("decoys_touched", "Uses of decoys", "what")
        self._sign_ins = self._counter("sign_ins", "Attempts to sign in", "outcome")
        self._http = self._counter(
            "http_requests", "Requests that the API answered", "method", "route", "status"
        )
        self._http_seconds = self._histogram(
            "http_request_seconds", "How long the API took", _REQUEST_SECONDS, "method", "route"
        )
        self._answered: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}

    def expect(self, connectors: Iterable[str], outcomes: Collection[str]) -> None:
        """Tell of what may happen as 0 times: the first time would be no increase otherwise.

        Prometheus takes a series that begins at 1 for one that has always been 1.
        """
        for connector in connectors:
            for outcome in outcomes:
                self._runs.labels(connector, outcome)
        for outcome in ("ok", "refused", "throttled"):
            self._sign_ins.labels(outcome)
        for what in ("person", "refresh_token", "bank_token"):
            self._decoys.labels(what)

    def run_ended(self, connector: str, outcome: str, seconds: float) -> None:
        """Count a sync run by its outcome (sync.md 21)."""
        self._runs.labels(connector, outcome).inc()
        self._run_seconds.labels(connector).observe(seconds)

    def rows_seen(self, connector: str, kind: str, count: int) -> None:
        """Count rows of a run by kind: inserted, changed, unchanged, removed, paired, linked."""
        rows = self._seen.get((connector, kind))
        if rows is None:
            rows = self._seen[connector, kind] = self._rows.labels(connector, kind)
        rows.inc(count)

    def retried(self, connector: str) -> None:
        """Count a request that is sent once more."""
        self._retries.labels(connector).inc()

    def throttled(self, connector: str) -> None:
        """Count an answer that said slow down (429, or whatever the connector takes for one)."""
        self._throttles.labels(connector).inc()

    def waited_for_turn(self, connector: str, seconds: float) -> None:
        """Count how long a request waited for its turn in a rate or a quota."""
        self._turn_seconds.labels(connector).inc(seconds)

    def held_back(self, connector: str, reason: str) -> None:
        """Count a run that ended because the bank was not to be asked: budget, breaker."""
        self._held_back.labels(connector, reason).inc()

    def token_refreshed(self, connector: str, outcome: str) -> None:
        """Count an attempt to renew an access token by its outcome: ok, refused, failed."""
        self._refreshes.labels(connector, outcome).inc()

    def asked(self, connector: str, status: str, seconds: float) -> None:
        """Count a request to somebody else by its status class: 2xx … 5xx, failed, refused."""
        known = self._asked.get((connector, status))
        if known is None:  # Looking labels up costs more than counting does.
            known = (
                self._outbound.labels(connector, status),
                self._outbound_seconds.labels(connector),
            )
            self._asked[connector, status] = known
        known[0].inc()
        known[1].observe(seconds)

    def quoted(self, source: str, outcome: str) -> None:
        """Count a way to a price: fetched, fresh, revalidated, stale, or why it led to none."""
        self._quotes.labels(source, outcome).inc()

    def price_told(self, source: str, seconds: float) -> None:
        """Note how old a price was when somebody was told it."""
        self._quote_age.labels(source).observe(seconds)

    def hook_heard(self, connector: str, outcome: str) -> None:
        """Count a webhook by what became of it: heard, duplicate, waiting, refused."""
        self._hooks.labels(connector, outcome).inc()

    def signed_in(self, outcome: str) -> None:
        """Count an attempt to sign in by its outcome: ok, refused, throttled."""
        self._sign_ins.labels(outcome).inc()

    def decoy_touched(self, what: str) -> None:
        """Count a use of a decoy by what it was taken for: each says that a copy got out."""
        self._decoys.labels(what).inc()

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count an answer of ours; `route` is its template (`/v1/accounts/{id}`), never a path."""
        known = self._answered.get((method, route, status))
        if known is None:  # as in `asked`
            known = (
                self._http.labels(method, route, str(status)),
                self._http_seconds.labels(method, route),
            )
            self._answered[method, route, status] = known
        known[0].inc()
        known[1].observe(seconds)

    def watch(self, read: Callable[[], Readings]) -> None:
        """Ask `read`, at every `render`, what the stored state is (observe/states.py)."""
        self._registry.register(StateCollector(read))

    def families(self) -> Iterator[Metric]:
        """Yield all that `render` tells, for those who tell it in another way (observe/otlp.py)."""
        yield from self._registry.collect()

    def watch_limits(self, read: Callable[[], LimitsSeen]) -> None:
        """Ask `read`, at every `render`, what is left of the budgets and who is left alone."""
        self._registry.register(LimitsCollector(read))

    def render(self) -> tuple[bytes, str]:
        """Return the body and the content type of the answer to a Prometheus scrape."""
        return generate_latest(self._registry), CONTENT_TYPE_PLAIN_0_0_4

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"penstock_{name}", f"{text}.", labels, registry=self._registry)

    def _histogram(
        self, name: str, text: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        return Histogram(
            f"penstock_{name}", f"{text}.", labels, registry=self._registry, buckets=buckets
        )
