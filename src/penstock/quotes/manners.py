"""How gently a source is asked, and what its prices can be: two parts of a declaration."""

from datetime import time
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec

from penstock.domain.pricing import Quota


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A part of a declaration: fixed, and without fields that we do not know."""


class Politeness(Strict, frozen=True):
    """How gently a source is asked.

    Seconds between two requests to a host, how many at a time, whether to heed robots.txt. `daily`
    calls between two resets `at` a time of day in a `zone`, counted by request or by symbol. An
    answer is fresh for `ttl` seconds, longer where the source says so; while the source is out of
    order, an answer up to `stale_if_error` seconds old is shown in its place, and called that.
    """

    interval: float = 0.0
    concurrency: int = 1
    robots: bool = False
    ttl: float = 60.0
    stale_if_error: float = 86_400.0
    daily: int | None = None
    zone: str = "UTC"
    at: str = "00:00"
    counts: Literal["request", "symbol"] = "request"

    def __post_init__(self) -> None:
        if not (0 <= self.interval <= 3600 and 1 <= self.concurrency <= 128):  # noqa: PLR2004 - sane
            raise ValueError("interval is 0 to 3600 s, concurrency 1 to 128")
        if not (0 <= self.ttl <= 604_800 and 0 <= self.stale_if_error <= 2_592_000):  # noqa: PLR2004 - sane
            raise ValueError("ttl is at most a week, stale_if_error at most 30 days, in seconds")
        if self.daily is not None and self.daily < 1:
            raise ValueError("daily is at least 1")
        _check_zone(self.zone, self.at)

    @property
    def quota(self) -> Quota | None:
        """How many calls there are between two resets, None where nobody counts."""
        return Quota(self.daily, self.zone, self.at) if self.daily else None


class Sane(Strict, frozen=True):
    """What no price of the source can be: older than so many days.

    `max_jump` is how far it may be from the last one: 0.5 is from two thirds of it to one and a
    half times. With `ratio_100_guard` it may not be a hundred or a thousand times the last one, nor
    that part of it, nor in another currency.
    """

    max_age_days: int | None = None
    max_jump: Decimal = Decimal("0.5")
    ratio_100_guard: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.max_jump <= 20:  # noqa: PLR2004 - twenty times is no check any more
            raise ValueError("max_jump is above 0, and 20 at most")


def _check_zone(zone: str, at: str) -> None:
    try:
        ZoneInfo(zone)
        time.fromisoformat(at)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{zone!r} {at!r} is no zone and time of day") from error
