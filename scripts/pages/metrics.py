"""The table of metrics, as it stands in docs/how-to/operate.md."""

from penstock.observe.limits_seen import LimitsSeen
from penstock.observe.metrics import Metrics
from penstock.observe.states import STATES


def everything() -> Metrics:
    """Return metrics in which each one that there is has a value."""
    metrics = Metrics()
    metrics.run_ended("sandbox", "done", 0.5)
    metrics.rows_seen("sandbox", "inserted", 15)
    metrics.retried("sandbox")
    metrics.throttled("sandbox")
    metrics.waited_for_turn("sandbox", 0.5)
    metrics.held_back("sandbox", "budget")
    metrics.quoted("ecb", "fetched")
    metrics.price_told("ecb", 1)
    metrics.token_refreshed("sandbox", "ok")
    metrics.asked("sandbox", "2xx", 0.02)
    metrics.hook_heard("up", "heard")
    metrics.signed_in("refused")
    metrics.decoy_touched("person")
    metrics.answered("GET", "/v1/accounts/{id}", 200, 0.001)
    metrics.watch(lambda: {one.name: [(tuple("x" for _ in one.labels), 1.0)] for one in STATES})
    limits = LimitsSeen(calls_left={("sandbox", "app"): 5}, breakers={("sandbox", "b"): 0})
    metrics.watch_limits(lambda: limits)
    empty = [family.name for family in metrics.families() if not family.samples]
    if empty:
        raise AssertionError(f"scripts/pages/metrics.py: everything() lacks {', '.join(empty)}")
    return metrics


def rows() -> list[str]:
    """Return a line of the table for each metric."""
    return sorted(
        f"| `{_name(family.name, family.type)}` "
        f"| {', '.join(sorted(set(family.samples[0].labels) - {'le'}))} "
        f"| {family.documentation.rstrip('.')} |"
        for family in everything().families()
    )


def _name(name: str, kind: str) -> str:
    return f"{name}_total" if kind == "counter" else name
