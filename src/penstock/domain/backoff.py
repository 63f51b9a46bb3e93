"""How long to wait before trying again (sync.md 22)."""

from datetime import timedelta
from typing import Final

FIRST: Final = timedelta(seconds=1)
MOST: Final = timedelta(minutes=5)
_MOST_DOUBLINGS: Final = 40


def backoff(
    attempt: int, fraction: float, *, first: timedelta = FIRST, most: timedelta = MOST
) -> timedelta:
    """Return the wait after the `attempt`-th failure in a row (1 is the first).

    Exponential with full jitter: anything from nothing to the ceiling, which is `first` and
    doubles with each attempt up to `most`. `fraction`, drawn evenly from 0 to 1 by the caller,
    says where; so many who failed together do not come back together.
    """
    doublings = min(max(attempt, 1) - 1, _MOST_DOUBLINGS)
    return min(most, first * (1 << doublings)) * fraction
