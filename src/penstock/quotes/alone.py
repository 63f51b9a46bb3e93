"""Turns at hosts, kept answers and believed prices in memory: for a program without a database."""

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import Final
from weakref import WeakKeyDictionary

from penstock.domain.clock import Clock
from penstock.domain.pricing import Kept, RobotsSeen, Visit
from penstock.domain.quote import TRUSTED, QuotaSpent, Quote, RateLimited, SourceUnavailable
from penstock.domain.request import Response
from penstock.quotes.retry import retry_at

Sleep = Callable[[float], Awaitable[None]]

MOST_ANSWERS: Final = 10_000
FAILURES: Final = 5
"""So many in a row, and a host is left alone for a while."""

_FIRST_REST: Final = timedelta(seconds=30)
_LONGEST_REST: Final = timedelta(minutes=15)


@dataclass(slots=True)
class _Host:
    """What we remember of a host from one request to the next."""

    next_turn: datetime | None = None
    closed_until: datetime | None = None
    resting_until: datetime | None = None
    failures: int = 0
    robots: RobotsSeen | None = None


class GateAlone:
    """Lets the requests of one process through (`domain.pricing.Gate`).

    Turns are a host's interval apart, however long they have to wait; `patience` bounds that.
    Keep it as long as you ask: it may be used in one event loop after the other.
    """

    def __init__(
        self, *, clock: Clock, sleep: Sleep = asyncio.sleep, patience: timedelta | None = None
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._patience = patience
        self._hosts: dict[str, _Host] = {}
        self._spent: dict[str, tuple[datetime, int]] = {}
        self._rooms: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Semaphore]] = (
            WeakKeyDictionary()
        )

    @asynccontextmanager
    async def visit(self, visit: Visit) -> AsyncIterator[None]:
        """Wait for a turn, and hold a place (`domain.pricing.Gate.visit`)."""
        host = self._hosts.setdefault(visit.host, _Host())
        self._check_open(visit, host)
        async with self._room(visit):
            if visit.interval:
                await self._take_turn(visit, host)
            self._check_open(visit, host)
            self._spend(visit)
            yield

    async def heard(self, visit: Visit, response: Response | None, now: datetime) -> None:
        """Take note of an answer (`domain.pricing.Gate.heard`)."""
        host = self._hosts.setdefault(visit.host, _Host())
        if response is not None and _closes(response):
            host.closed_until = max(retry_at(response, now), host.closed_until or now)
        elif response is None or response.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            host.failures += 1
            if host.failures >= FAILURES:
                doubled = min(host.failures - FAILURES, 10)
                host.resting_until = now + min(_FIRST_REST * 2**doubled, _LONGEST_REST)
        else:
            host.failures = 0

    async def robots(self, host: str) -> RobotsSeen | None:
        """Return what is known of a host's robots.txt."""
        known = self._hosts.get(host)
        return known.robots if known else None

    async def keep_robots(self, host: str, seen: RobotsSeen) -> None:
        """Remember it."""
        self._hosts.setdefault(host, _Host()).robots = seen

    def _room(self, visit: Visit) -> asyncio.Semaphore:
        """Return the host's places. A semaphore belongs to the event loop that it waited in."""
        rooms = self._rooms.setdefault(asyncio.get_running_loop(), {})
        room = rooms.get(visit.host)
        if room is None:
            room = rooms[visit.host] = asyncio.Semaphore(visit.concurrency)
        return room

    async def _take_turn(self, visit: Visit, host: _Host) -> None:
        now = self._clock()
        at = max(now, host.next_turn or now)
        if self._patience is not None and at - now > self._patience:
            raise RateLimited(f"{visit.title} is asked by too many at the moment.", retry_at=at)
        host.next_turn = at + visit.interval
        if at > now:
            await self._sleep((at - now).total_seconds())

    def _check_open(self, visit: Visit, host: _Host) -> None:
        now = self._clock()
        if host.closed_until is not None and now < host.closed_until:
            raise RateLimited(
                f"{visit.title} says that we ask too often.", retry_at=host.closed_until
            )
        if host.resting_until is not None and now < host.resting_until:
            raise SourceUnavailable(
                f"{visit.title} failed {host.failures} times in a row, and is left alone for now."
            )
        if visit.quota is not None and self._used(visit) + visit.calls > visit.quota.calls:
            raise QuotaSpent(
                f"The {visit.quota.calls} calls that {visit.title} allows in a day are used up.",
                retry_at=visit.quota.ends(now),
            )

    def _used(self, visit: Visit) -> int:
        began, spent = self._spent.get(visit.source, (None, 0))
        return spent if visit.quota and began == visit.quota.began(self._clock()) else 0

    def _spend(self, visit: Visit) -> None:
        if visit.quota is not None:
            used = self._used(visit) + visit.calls
            self._spent[visit.source] = (visit.quota.began(self._clock()), used)


def _closes(response: Response) -> bool:
    """Say whether the host wants to be left alone: 429, and 503 that says for how long."""
    if response.status == HTTPStatus.TOO_MANY_REQUESTS:
        return True
    return response.status == HTTPStatus.SERVICE_UNAVAILABLE and "retry-after" in response.headers


class AnswersAlone:
    """Keeps the answers that were used last (`domain.pricing.Answers`)."""

    def __init__(self, most: int = MOST_ANSWERS) -> None:
        self._most = most
        self._kept: OrderedDict[str, Kept] = OrderedDict()

    async def recall(self, addresses: Collection[str]) -> Mapping[str, Kept]:
        """Return what is kept of these addresses."""
        found = {address: self._kept[address] for address in addresses if address in self._kept}
        for address in found:
            self._kept.move_to_end(address)
        return found

    async def keep(self, answers: Sequence[Kept]) -> None:
        """Keep answers; those that nobody used for longest make room."""
        for answer in answers:
            self._kept[answer.address] = answer
            self._kept.move_to_end(answer.address)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)


class AcceptedAlone:
    """Remembers the last believed price of each instrument (`domain.pricing.Accepted`)."""

    def __init__(self) -> None:
        self._last: dict[str, Quote] = {}

    async def last(self, instruments: Collection[str]) -> Mapping[str, Quote]:
        """Return the latest believed price of each that has one."""
        return {name: self._last[name] for name in instruments if name in self._last}

    async def accept(self, quotes: Sequence[Quote]) -> None:
        """Believe prices; one that is older than the last replaces it only if a person said so."""
        for quote in quotes:
            last = self._last.get(quote.instrument)
            if last is None or quote.as_of >= last.as_of or TRUSTED in quote.flags:
                self._last[quote.instrument] = quote
