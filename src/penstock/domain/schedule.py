"""When a connection is synced next (sync.md 21, 22)."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from penstock.domain.outcome import Ending, Outcome

SOON: Final = timedelta(minutes=2)
_FIRST_RETRY: Final = timedelta(minutes=5)
_SPREAD: Final = 0.1


@dataclass(frozen=True, slots=True)
class Due:
    """The next sync by itself, and an instant before which nobody may start one."""

    next_sync_at: datetime | None
    not_before: datetime | None = None


def when_next(
    ending: Ending, *, now: datetime, every: timedelta, failures: int, chance: float
) -> Due:
    """Return when to sync next.

    `failures` counts the failures in a row, this one included; `chance` (0..1) spreads
    connections apart, so that they never all come at the full hour. Where the bank asked to be
    left alone, that holds whatever else went wrong.
    """
    bar = ending.until if ending.outcome is not Outcome.NOT_READY else None
    if bar is None and ending.outcome is Outcome.THROTTLED:
        bar = now + SOON
    due = _when(ending, now=now, every=every, failures=failures, chance=chance)
    if bar is None or due.next_sync_at is None:
        return replace(due, not_before=bar)
    return Due(max(due.next_sync_at, bar), not_before=bar)


def _when(ending: Ending, *, now: datetime, every: timedelta, failures: int, chance: float) -> Due:
    match ending.outcome:
        case Outcome.CONSENT:
            return Due(None)
        case Outcome.NOT_READY:
            return Due(ending.until or now + SOON)
        case Outcome.THROTTLED:
            # Once, the bank's own word is enough; if it says it again and again, ask less often.
            return Due(now + _backoff(failures - 1, every, chance))
        case Outcome.DONE | Outcome.CONTRACT | Outcome.CURSOR_LOST:
            return Due(now + every * (1 - _SPREAD * chance))
        case Outcome.TRANSIENT | Outcome.PARTIAL:
            return Due(now + _backoff(failures, every, chance))


def _backoff(failures: int, every: timedelta, chance: float) -> timedelta:
    """Return how long to leave a connection alone after so many failures in a row."""
    if failures <= 0:
        return timedelta(0)
    return min(_FIRST_RETRY * (1 << min(failures, 16)), every) * (0.5 + 0.5 * chance)
