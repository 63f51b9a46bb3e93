"""When a connection is synced next (sync.md 21, 22).

A connection is asked more often while each look brings something, and less often while it does
not: its pace moves between a quarter of what the operator set and one and a half times it (twice
would call it stale). Only a look that comes after about as long says anything of that: clicks in a
row leave the pace alone. Chance spreads connections apart after every run, so that those that ended
together, after an outage say, do not come back together.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from penstock.domain.limit import DAY, Limit, Scope
from penstock.domain.outcome import Ending, Outcome
from penstock.domain.remedy import RemedyKind

SOON: Final = timedelta(minutes=2)
_FIRST_RETRY: Final = timedelta(minutes=5)
_LONGEST_UNREADY: Final = timedelta(minutes=30)
_SPREAD: Final = 0.1
_QUICKER: Final = 0.5
_SLOWER: Final = 1.25
_QUICKEST: Final = 0.25
_SLOWEST: Final = 1.5
_MOST_DOUBLINGS: Final = 16
_IN_TURN: Final = 0.8


@dataclass(frozen=True, slots=True)
class Due:
    """The next sync by itself, and an instant before which nobody may start one."""

    next_sync_at: datetime | None
    not_before: datetime | None = None


def next_pace(
    pace: timedelta | None,
    *,
    every: timedelta,
    brought: bool,
    daily: int | None = None,
    since: timedelta | None = None,
) -> timedelta:
    """Return how long to leave a connection alone after a run that went well.

    `pace` is what it was until now (None: this was the first, whose news is no news), `brought`
    whether the run found anything new, `daily` how many syncs a day the bank allows without the
    person, if it says so, and `since` how long ago the last success is: after much less than the
    pace, the run says nothing of it.
    """
    at_least = not_oftener(every * _QUICKEST, daily)
    at_most = not_oftener(every * _SLOWEST, daily)
    wanted = every if pace is None else pace
    if pace is not None and (since is None or since >= pace * _IN_TURN):
        wanted = pace * (_QUICKER if brought else _SLOWER)
    return min(max(wanted, at_least), at_most)


def not_oftener(every: timedelta, daily: int | None) -> timedelta:
    """Return `every`, or longer where the bank allows only so many syncs a day."""
    if daily is None:
        return every
    return max(every, DAY / max(daily, 1) / (1 - _SPREAD))  # chance may shorten it by that much


def when_next(
    ending: Ending, *, now: datetime, every: timedelta, failures: int, chance: float
) -> Due:
    """Return when to sync next.

    `every` is the connection's pace, never quicker than the bank's daily calls. `failures` counts
    the failures in a row, this one included; `chance` (0..1) spreads connections apart, so that
    they never all come at the full hour. Where the bank asked to be left alone, that holds whatever
    else went wrong.
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
            return Due(now + _unready(failures, chance))
        case Outcome.THROTTLED:
            # Once, the bank's own word is enough; if it says it again and again, ask less often.
            return Due(now + _backoff(failures - 1, every, chance))
        case Outcome.CONTRACT | Outcome.CURSOR_LOST:
            return Due(now + _seldom(failures, every) * (1 - _SPREAD * chance))
        case Outcome.TRANSIENT | Outcome.PARTIAL if not _waits_for_person(ending):
            return Due(now + _backoff(failures, every, chance))
        case _:
            return Due(now + every * (1 - _SPREAD * chance))


def _waits_for_person(ending: Ending) -> bool:
    """Say whether asking again mends nothing; what else there is may be read at its usual time."""
    return ending.remedy is not None and ending.remedy.kind is RemedyKind.ASK_PERSON


def _unready(failures: int, chance: float) -> timedelta:
    """Return how long a bank may gather its data: two minutes, then twice that, up to thirty."""
    doublings = min(max(failures, 1) - 1, _MOST_DOUBLINGS)
    return min(SOON * (1 << doublings), _LONGEST_UNREADY) * (1 - _SPREAD * chance)


def _seldom(failures: int, every: timedelta) -> timedelta:
    """Return how long to wait where waiting mends little: a turn, then twice that, up to a day."""
    doublings = min(max(failures, 1) - 1, _MOST_DOUBLINGS)
    return min(every * (1 << doublings), max(every, DAY))


def _backoff(failures: int, every: timedelta, chance: float) -> timedelta:
    """Return how long to leave a connection alone after so many failures in a row."""
    if failures <= 0:
        return timedelta(0)
    doubled = _FIRST_RETRY * (1 << min(failures, _MOST_DOUBLINGS))
    return min(doubled, every) * (0.5 + 0.5 * chance)


def is_shared(limit: Limit) -> bool:
    """Say whether all connections of a connector have these calls a day together."""
    return limit.window >= DAY and limit.scope is Scope.APP


def syncs_a_day(limits: Sequence[Limit], requests: int, connections: int = 1) -> int | None:
    """Return how often a day a bank with these limits may be synced; None where it may be always.

    A quota of an account counts each endpoint by itself, and a sync asks each once. A quota of a
    connection is shared by all the `requests` of a sync: as many as the last one needed. One of
    the app is shared by so many `connections` too.
    """
    needed = max(requests, 1)
    cost = {Scope.ACCOUNT: 1, Scope.CONNECTION: needed, Scope.APP: needed * max(connections, 1)}
    daily = [limit.calls // cost[limit.scope] for limit in limits if limit.window >= DAY]
    return max(1, min(daily)) if daily else None
