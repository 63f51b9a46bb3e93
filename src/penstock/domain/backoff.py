"""How long to wait before trying again (sync.md 22)."""

from typing import Final

FIRST: Final = 1.0
MOST: Final = 300.0
_MOST_DOUBLINGS: Final = 40


def full_jitter(
    failures: int, fraction: float, *, first: float = FIRST, most: float = MOST
) -> float:
    """Return the seconds to wait after so many failures in a row (1 is the first).

    Exponential with full jitter: anything from nothing to the ceiling, which is `first` and
    doubles with each failure up to `most`. `fraction`, drawn evenly from 0 to 1 by the caller,
    says where; so many who failed together do not come back together.
    """
    doublings = min(max(failures, 1) - 1, _MOST_DOUBLINGS)
    return min(most, first * (1 << doublings)) * fraction
