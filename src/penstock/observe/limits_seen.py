"""What is left of the budgets, and which institutions are left alone: read when Prometheus asks."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from penstock.observe.log import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class LimitsSeen:
    """The least left of any quota by (connector, scope), and breakers by (connector, institution).

    A breaker is 0 (closed, though runs met trouble), 1 (half open) or 2 (open).
    """

    calls_left: Mapping[tuple[str, str], int] = field(default_factory=dict)
    breakers: Mapping[tuple[str, str], int] = field(default_factory=dict)


class LimitsCollector(Collector):
    """Asks `read` at every scrape, so that an idle process still tells it right."""

    def __init__(self, read: Callable[[], LimitsSeen]) -> None:
        self._read = read

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Return both gauges."""
        try:
            seen = self._read()
        except Exception as error:  # noqa: BLE001 - a database that is away hides no count
            log.warning("metrics.limits_unread", kind=type(error).__name__)
            return
        quotas = GaugeMetricFamily(
            "penstock_quota_left",
            "Calls left of the most spent quota.",
            labels=["connector", "scope"],
        )
        for labels, calls in seen.calls_left.items():
            quotas.add_metric(labels, calls)
        yield quotas
        states = GaugeMetricFamily(
            "penstock_breaker_state",
            "Whether an institution is left alone: 0 no, 1 it is being probed, 2 yes.",
            labels=["connector", "institution"],
        )
        for labels, state in seen.breakers.items():
            states.add_metric(labels, state)
        yield states
