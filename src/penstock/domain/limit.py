"""How often a provider may be asked: a rate or a quota, and whose calls it counts (sync.md 23)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from typing import Final
from zoneinfo import ZoneInfo

from penstock.domain.errors import InvalidInput
from penstock.domain.remedy import fix_code

DAY: Final = timedelta(days=1)
_MOST_SLACK: Final = timedelta(seconds=1)


class Scope(StrEnum):
    """Whose calls are counted together.

    APP: all that this installation asks of the provider. CONNECTION: those of one consent.
    ACCOUNT: those of one account, for each endpoint by itself.
    """

    APP = "app"
    CONNECTION = "connection"
    ACCOUNT = "account"


@dataclass(frozen=True, slots=True)
class DailyReset:
    """The time of day, in the bank's zone, at which a quota begins anew."""

    at: time = time(0)
    zone: str = "UTC"

    def last(self, now: datetime) -> datetime:
        """Return the newest reset that is not after `now`."""
        here = now.astimezone(ZoneInfo(self.zone))
        today = self._on(here, 0)
        return today if today <= now else self._on(here, -1)

    def next(self, now: datetime) -> datetime:
        """Return the first reset after `now`."""
        here = now.astimezone(ZoneInfo(self.zone))
        today = self._on(here, 0)
        return today if today > now else self._on(here, 1)

    def _on(self, here: datetime, days: int) -> datetime:
        day = here.date() + timedelta(days=days)
        return datetime.combine(day, self.at, here.tzinfo).astimezone(ZoneInfo("UTC"))


@dataclass(frozen=True, slots=True)
class Limit:
    """So many calls in any `window`. `rate(...)` and `quota(...)` make one.

    `endpoint` restricts it to requests of that `Request.endpoint`. `told_by` is the family of
    headers in which the provider itself tells what is left of it (domain/rate_headers.py).
    """

    scope: Scope
    calls: int
    window: timedelta
    spaced: bool
    endpoint: str = ""
    reset: DailyReset | None = None
    told_by: str | None = None

    def __post_init__(self) -> None:
        """Raise ValueError for a limit that nobody could keep."""
        if self.calls < 1 or self.window <= timedelta(0):
            raise ValueError("A limit allows at least one call, in a window that lasts.")

    @property
    def slack(self) -> timedelta:
        """How much later than planned a call may arrive, and no window be too full for it.

        A turn of a slow rate may be later than one of a fast rate: missed, it is a long time lost.
        """
        most = max(_MOST_SLACK, self.window / 100) if self.spaced else _MOST_SLACK
        return min(self.window / 10, most)

    @property
    def interval(self) -> timedelta:
        """How far apart the calls of a rate are."""
        return (self.window + self.slack) / self.calls


def rate(calls: int, window: timedelta, scope: Scope = Scope.APP, endpoint: str = "") -> Limit:
    """Return a limit whose calls are spaced over its window."""
    return Limit(scope, calls, window, spaced=True, endpoint=endpoint)


def quota(
    calls: int,
    window: timedelta = DAY,
    scope: Scope = Scope.CONNECTION,
    *,
    endpoint: str = "",
    reset: DailyReset | None = None,
    told_by: str | None = None,
) -> Limit:
    """Return a limit whose calls may come at any moment of its window, until they are spent."""
    return Limit(scope, calls, window, False, endpoint, reset, told_by)  # noqa: FBT003 - not spaced


_SPANS: Final = {
    "s": timedelta(seconds=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "day": DAY,
}
_RATE: Final = re.compile(r"(?P<name>[a-z0-9_-]+)=(?P<calls>\d{1,9})/(?P<span>s|min|h|day)")


def read_rates(words: Sequence[str]) -> dict[str, Limit]:
    """Read an operator's `sandbox=200/s`, `starling=100/min`: the rate of each provider's app.

    Raises InvalidInput.
    """
    read = {}
    for word in words:
        found = _RATE.fullmatch(word)
        if found is None or not int(found["calls"]):
            raise InvalidInput(
                f"{word[:60]!r} is no rate.",
                remedy=fix_code("Write NAME=CALLS/s, or /min, /h, /day: `starling=5/s`."),
            )
        read[found["name"]] = rate(int(found["calls"]), _SPANS[found["span"]])
    return read
