"""What is told about the stored state when Prometheus asks: read then, so that it is never old.

An idle process tells it right, and so does one that has just started: what counts is what stands
in the database. A database that cannot be asked is told as such, beside all the counts.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from penstock.observe.log import get_logger

Readings = Mapping[str, Sequence[tuple[tuple[str, ...], float]]]
"""By a state's name: its values, each with the labels that it has."""

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class State:
    """A gauge: `penstock_` and its name, what it says, and by what it is told apart."""

    name: str
    text: str
    labels: tuple[str, ...] = ("connector",)


STATES: Final = (
    State("freshness_age_seconds", "Age of the least fresh connection."),
    State("connections", "Connections that are linked, by consent.", ("connector", "consent")),
    State("connections_failing", "Linked connections whose last sync did not go well."),
    State("connections_parked", "Linked connections that are not synced until somebody looks."),
    State("consent_days_left", "Days until the first consent ends; below 0 where it has ended."),
    State(
        "consents_ending",
        "Consents that end within 1, 7 and 14 days, each counted in all that it comes to.",
        ("connector", "days"),
    ),
    State("sync_due", "Connections whose turn it is, and that nobody syncs yet."),
    State("sync_lag_seconds", "How long the first of those has been waiting."),
    State("syncs_running", "Connections that are being synced now."),
    State("tie_outs", "Accounts' tie-outs by result.", ("connector", "status")),
    State(
        "tie_out_difference",
        "What does not add up: differences of accounts, without their signs, added up.",
        ("connector", "currency"),
    ),
    State("quarantined_rows", "Rows of a bank that could not be read, and are kept until they can"),
    State("suggestions_open", "Pairs that a person has not decided on.", ("connector", "kind")),
    State("prices_due", "What somebody holds, whose turn to be priced it is.", ()),
    State("price_lag_seconds", "How long the first of those has been waiting.", ()),
    State("held_price_age_seconds", "Age of the oldest price of what somebody holds.", ()),
    State("prices_failing", "What somebody holds and has no new price, by the reason.", ("code",)),
)


class StateCollector(Collector):
    """Asks `read` at every scrape."""

    def __init__(self, read: Callable[[], Readings]) -> None:
        self._read = read

    def describe(self) -> Iterator[GaugeMetricFamily]:
        """Say what there will be, without asking the database."""
        yield from ()

    def collect(self) -> Iterator[GaugeMetricFamily]:
        """Yield what the database says, and whether it could be asked."""
        up = GaugeMetricFamily("penstock_database_up", "Whether the database could be asked.")
        try:
            readings = self._read()
        except Exception as error:  # noqa: BLE001 - whatever it is, the counts are told all the same
            log.warning("metrics.states_unread", kind=type(error).__name__)
            up.add_metric([], 0)
            yield up
            return
        up.add_metric([], 1)
        yield up
        for state in STATES:
            family = GaugeMetricFamily(f"penstock_{state.name}", state.text, labels=state.labels)
            for labels, value in readings[state.name]:
                family.add_metric(labels, value)
            yield family
