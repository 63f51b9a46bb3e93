"""What the quote engine needs of the rest: turns at hosts, answers kept, and prices taken before.

Gate, Answers and Accepted are shared by every process of an installation, through its database; a
program that uses Penstock as a library has them in memory (quotes/alone.py). They are joined in
wiring.py.
"""

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Protocol
from zoneinfo import ZoneInfo

from penstock.domain.quote import Quote
from penstock.domain.request import Response


@dataclass(frozen=True, slots=True)
class Quota:
    """So many calls between two resets, which are daily, at a time of day in a zone."""

    calls: int
    zone: str = "UTC"
    at: str = "00:00"

    def began(self, now: datetime) -> datetime:
        """Return the reset that `now` comes after: what was spent since then counts."""
        local = now.astimezone(ZoneInfo(self.zone))
        reset = self._reset(local.date())
        return reset if reset <= now else self._reset(local.date() - timedelta(days=1))

    def ends(self, now: datetime) -> datetime:
        """Return the next reset, from which on there are as many calls again."""
        local = now.astimezone(ZoneInfo(self.zone))
        reset = self._reset(local.date())
        return reset if reset > now else self._reset(local.date() + timedelta(days=1))

    def _reset(self, day: date) -> datetime:
        at = time.fromisoformat(self.at)
        return datetime.combine(day, at, ZoneInfo(self.zone)).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Visit:
    """One request that wants to be made of a source's host, and how gently.

    `host` is `host:port` as addresses have it: `interval` and `concurrency` are its own, whichever
    source asks it. The quota is the source's. `calls` is what this request spends of it. Who
    `yields` leaves half of it to others: nobody waits for prices of past days.
    """

    source: str
    title: str
    host: str
    interval: timedelta = timedelta(0)
    concurrency: int = 1
    quota: Quota | None = None
    calls: int = 1
    yields: bool = False


@dataclass(frozen=True, slots=True)
class RobotsSeen:
    """What a host answered to /robots.txt: `text` None: nothing may be asked; "": everything."""

    until: datetime
    text: str | None


class Gate(Protocol):
    """Lets requests through to hosts in their pace, all processes together."""

    def visit(self, visit: Visit) -> AbstractAsyncContextManager[None]:
        """Wait for a turn, and hold a place at the host until the context is left.

        Raises, before anything is spent: RateLimited where the host wants to be left alone or the
        turn would come too late, QuotaSpent where today's calls are used up (both with the instant
        from which one may ask again), SourceUnavailable where it failed too often just now.
        """

    async def heard(self, visit: Visit, response: Response | None, now: datetime) -> None:
        """Take note of an answer; None: none came, or a wall in place of it.

        429, and 503 with Retry-After, close the host for everybody.
        """

    async def robots(self, host: str) -> RobotsSeen | None:
        """Return what is known of a host's robots.txt, None where nobody has read it yet."""

    async def keep_robots(self, host: str, seen: RobotsSeen) -> None:
        """Remember it."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An answer that can be used again: what was read from it, and what revalidates it.

    `address` is the whole URL without secrets, and by which edition of which source it was read:
    what one makes of an answer is not what another does. `quotes` are by `Quote.instrument`. Until
    `fresh_until` nobody needs to be asked; after it, the source is asked whether it still holds.
    """

    source: str
    address: str
    quotes: Mapping[str, Quote]
    fetched_at: datetime
    fresh_until: datetime
    etag: str | None = None
    last_modified: str | None = None


class Answers(Protocol):
    """Keeps what sources answered, for a while."""

    async def recall(self, addresses: Collection[str]) -> Mapping[str, Kept]:
        """Return what is kept of these addresses."""

    async def keep(self, answers: Sequence[Kept]) -> None:
        """Keep answers in place of those before."""


class Accepted(Protocol):
    """Remembers the prices that were believed: a new one is held against the last."""

    async def last(self, instruments: Collection[str]) -> Mapping[str, Quote]:
        """Return the latest believed price of each that has one."""

    async def accept(self, quotes: Sequence[Quote]) -> None:
        """Add prices to what is believed.

        One that is there already (by instrument, source and `as_of`) is not written again.
        """


class Splits(Protocol):
    """Knows the splits of shares: they explain why a price is a fraction of the last one."""

    async def of(
        self, instruments: Collection[str]
    ) -> Mapping[str, Sequence[tuple[date, Decimal]]]:
        """Return the days and ratios of each that had any: so many new shares for one old one."""
