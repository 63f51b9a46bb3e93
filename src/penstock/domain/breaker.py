"""When to leave an institution alone, and how to find out that it is well again (sync.md 24).

Closed: everybody asks. It opens when several runs in a row met trouble of the institution's own
(no answer, 5xx), and nobody is let through. After a while it is half open: one run probes, the
others still wait. A good answer closes it; a bad one opens it for twice as long.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

RUNS: Final = 3
"""So many runs in a row must have met trouble."""
FIRST: Final = timedelta(seconds=30)
MOST: Final = timedelta(minutes=30)
PROBE: Final = timedelta(seconds=60)
"""How long a probe may take before somebody else may try: longer than a request may."""
_MOST_DOUBLINGS: Final = 10


class BreakerState(StrEnum):
    """Whether an institution is asked."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"


@dataclass(frozen=True, slots=True)
class Breaker:
    """What is known of an institution's health.

    `failed` names the runs in a row that met trouble. `openings` counts how often in a row it
    opened; `open_until` is when it may be probed; `prober` is the run that does, until
    `probing_until`.
    """

    failed: tuple[str, ...] = ()
    openings: int = 0
    opened_at: datetime | None = None
    open_until: datetime | None = None
    prober: str | None = None
    probing_until: datetime | None = None

    def state(self, now: datetime) -> BreakerState:
        """Say whether it is open at this moment."""
        if self.open_until is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if now < self.open_until else BreakerState.HALF_OPEN


HEALTHY: Final = Breaker()


@dataclass(frozen=True, slots=True)
class Passage:
    """Whether a run may ask, as a `probe` or as ever; if not, `until` is when one may probe."""

    allowed: bool
    until: datetime | None = None
    probe: bool = False


def may_pass(breaker: Breaker, run: str, now: datetime) -> tuple[Passage, Breaker]:
    """Say whether a run may ask now. The first to come to a half-open one becomes its prober."""
    state = breaker.state(now)
    if state is BreakerState.CLOSED:
        return Passage(allowed=True), breaker
    if state is BreakerState.OPEN:
        return Passage(allowed=False, until=breaker.open_until), breaker
    probed = breaker.probing_until is not None and now < breaker.probing_until
    if probed and breaker.prober != run:
        return Passage(allowed=False, until=breaker.probing_until), breaker
    passage = Passage(allowed=True, probe=True)
    return passage, replace(breaker, prober=run, probing_until=now + PROBE)


def after_trouble(breaker: Breaker, run: str, now: datetime) -> Breaker:
    """Return the breaker after a run met trouble.

    Of an open one only its prober's trouble counts: the others were on their way when it opened.
    """
    if breaker.open_until is not None:
        return _opened(breaker, now) if breaker.prober == run else breaker
    if run in breaker.failed:
        return breaker
    failed = (*breaker.failed, run)[-RUNS:]
    seen = replace(breaker, failed=failed)
    return _opened(seen, now) if len(failed) >= RUNS else seen


def after_success(breaker: Breaker, run: str) -> Breaker:
    """Return the breaker after a run was answered. An open one believes its prober only."""
    if breaker.open_until is not None and breaker.prober != run:
        return breaker
    return HEALTHY


def _opened(breaker: Breaker, now: datetime) -> Breaker:
    wait = min(FIRST * (1 << min(breaker.openings, _MOST_DOUBLINGS)), MOST)
    return Breaker(
        failed=breaker.failed,
        openings=breaker.openings + 1,
        opened_at=breaker.opened_at or now,
        open_until=now + wait,
    )
