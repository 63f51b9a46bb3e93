"""When a connection is synced next (sync.md 21, 22)."""

from dataclasses import dataclass
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
    connections apart, so that they never all come at the full hour.
    """
    match ending.outcome:
        case Outcome.CONSENT:
            return Due(None)
        case Outcome.NOT_READY:
            return Due(ending.until or now + SOON)
        case Outcome.THROTTLED:
            return Due(ending.until, not_before=ending.until)
        case Outcome.DONE | Outcome.CONTRACT | Outcome.CURSOR_LOST:
            return Due(now + every * (1 - _SPREAD * chance))
        case Outcome.TRANSIENT | Outcome.PARTIAL:
            later = min(_FIRST_RETRY * 2 ** min(failures, 16), every)
            return Due(now + later * (0.5 + 0.5 * chance))
