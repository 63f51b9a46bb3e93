"""Lets requests for prices through to their hosts, all processes together (domain/pricing.py).

A visit spends of the budgets that bank syncs spend of (engine/ledger.py): a turn in its host's
rate, calls of its source's daily quota, and a place at the host, which is a quota too, whose calls
are given back. All three are had in one transaction, or none of them; so whatever is killed leaves
too much spent behind, never too little, and a place that is free again a while later. A host that
wants to be left alone is closed in the same rows; one that is out of order has a breaker as banks
have (engine/health.py).
"""

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta
from http import HTTPStatus
from typing import Final, NamedTuple, Protocol

from penstock.db import budgets, price_gate
from penstock.db.breakers import QUOTES
from penstock.db.lane import Database
from penstock.domain.budget import Ask, Grant, Use, free_at
from penstock.domain.clock import Clock
from penstock.domain.limit import DailyReset, Limit, Scope, quota, rate
from penstock.domain.pricing import Quota, RobotsSeen, Visit
from penstock.domain.quote import QuotaSpent, RateLimited, SourceUnavailable
from penstock.domain.rate_headers import Told
from penstock.domain.request import Response
from penstock.domain.retry_after import retry_after
from penstock.engine.health import Health
from penstock.engine.ledger import SharedLedger
from penstock.observe.metrics import Metrics

LEASE: Final = timedelta(seconds=45)
"""How long a place counts that nobody gives back: longer than a request may take."""
POLL: Final = 0.05
LONGEST_POLL: Final = 1.0
_USUAL: Final = timedelta(minutes=1)
_LEAST: Final = timedelta(seconds=1)
_LOST: Final = 20
"""So many turns may be missed in a row because this process was too late for them."""
_SERVER_ERROR: Final = 500


class Turn(NamedTuple):
    """A turn by our own clock and by that of all; None: it does not matter how late it is used."""

    ours: datetime
    at: datetime
    slack: timedelta | None


@dataclass(slots=True)
class PriceGate:
    """`domain.pricing.Gate`, over the database. One for the whole process.

    Whoever would have to wait for longer than `patience` for a turn is sent away at once.
    """

    database: Database
    ledger: SharedLedger
    health: Health
    metrics: Metrics
    clock: Clock
    sleep: Callable[[float], Awaitable[None]]
    patience: timedelta = timedelta(seconds=60)
    lease: timedelta = LEASE
    _room: dict[tuple[str, int], asyncio.Semaphore] = field(default_factory=dict)
    _probes: dict[str, str] = field(default_factory=dict)
    _robots: dict[str, RobotsSeen] = field(default_factory=dict)

    @asynccontextmanager
    async def visit(self, visit: Visit) -> AsyncIterator[None]:
        """Wait for a turn, and hold a place at the host until the context is left."""
        _check_possible(visit)
        # Those of one process wait for one another here, so that few of them ask the database.
        size = (visit.host, visit.concurrency)
        async with self._room.setdefault(size, asyncio.Semaphore(visit.concurrency)):
            await self._check_health(visit)
            places, at = await self._enter(visit)
            try:
                yield
            finally:
                await self.ledger.give_back((places,), at)

    async def heard(self, visit: Visit, response: Response | None, now: datetime) -> None:
        """Take note of an answer: whether the host is well, and whether it wants to be left alone.

        Where it says for how long, that holds for every process, and over restarts.
        """
        closed = _closed_for(response, now)
        if closed is not None:
            told = Told("retry-after", None, 0, closed)
            await self.ledger.heed(_places(visit, self.lease), told)
        well = response is not None and response.status < _SERVER_ERROR
        run = self._probes.pop(visit.host, None) or secrets.token_hex(8)
        if well or closed is not None:
            await self.health.success(QUOTES, visit.host, run)
        else:
            await self.health.trouble(QUOTES, visit.host, run)

    async def robots(self, host: str) -> RobotsSeen | None:
        """Return what is known of a host's robots.txt, None where nobody has read it yet."""
        seen = self._robots.get(host)
        if seen is None or seen.until <= self.clock():
            seen = await self.database.glance(price_gate.robots, host)
            if seen is not None:
                self._robots[host] = seen
        return seen

    async def keep_robots(self, host: str, seen: RobotsSeen) -> None:
        """Remember it."""
        self._robots[host] = seen
        await self.database.write(price_gate.keep_robots, host, seen)

    async def _check_health(self, visit: Visit) -> None:
        run = secrets.token_hex(8)
        passage = await self.health.may_pass(QUOTES, visit.host, run)
        if passage.probe:
            self._probes[visit.host] = run
        if not passage.allowed:
            self.metrics.held_back(QUOTES, "breaker")
            until = f" until {passage.until:%H:%M:%S} UTC" if passage.until else ""
            raise SourceUnavailable(
                f"{visit.title} did not answer several times in a row: it is left alone{until}.",
                source=visit.source,
            )

    async def _enter(self, visit: Visit) -> tuple[Use, datetime]:
        """Return the place, and the instant that it is had for."""
        uses, since = uses_of(visit, self.lease), self.clock()
        for _ in range(_LOST):
            turn = await self._turn(visit, uses, since)
            try:
                if await self._in_time(visit, uses[0], turn):
                    return uses[0], turn.at
            except BaseException:
                await self._unused(uses, turn)
                raise
            await self._unused(uses, turn)
        raise self._too_late(visit, self.clock() + _LEAST)

    async def _turn(self, visit: Visit, uses: tuple[Use, ...], since: datetime) -> Turn:
        """Return a turn. For a place at the host, ask again until it is had."""
        pause = POLL
        while True:
            left = self.patience - (self.clock() - since)
            grant, now = await self._spent(Ask(uses, max(left, timedelta(0))))
            if grant.at is not None:
                return Turn(now + grant.wait, grant.at, grant.slack)
            if grant.by is not uses[0] or grant.told:
                raise self._refused(visit, grant, now + grant.wait)
            if left <= timedelta(0):
                raise self._too_late(visit, now + grant.wait)
            await self.sleep(pause)
            pause = min(pause * 2, LONGEST_POLL)

    async def _spent(self, ask: Ask) -> tuple[Grant, datetime]:
        """Return the ledger's answer. Whoever is cancelled meanwhile gives back what they got."""
        answer = asyncio.ensure_future(self.ledger.spend(ask))
        try:
            return await asyncio.shield(answer)
        except asyncio.CancelledError:
            grant, _ = await answer
            if grant.at is not None:
                await self.ledger.give_back(_counted(ask.uses), grant.at)
            raise

    async def _unused(self, uses: tuple[Use, ...], turn: Turn) -> None:
        await self.ledger.give_back(_counted(uses), turn.at)

    async def _in_time(self, visit: Visit, places: Use, turn: Turn) -> bool:
        """Wait for a turn; say whether it may still be used. Raises RateLimited."""
        seconds = (turn.ours - self.clock()).total_seconds()
        if seconds > 0:
            self.metrics.waited_for_turn(QUOTES, seconds)
            await self.sleep(seconds)
            if visit.concurrency > 1:  # whoever was in there meanwhile may have been sent away
                await self._check_open(visit, places)
        return turn.slack is None or self.clock() - turn.ours <= turn.slack

    async def _check_open(self, visit: Visit, places: Use) -> None:
        standing = await self.database.glance(budgets.standing, places.key)
        now = self.clock()
        until = free_at(None, standing, now)
        if until > now:
            raise self._closed(visit, until)

    def _refused(self, visit: Visit, grant: Grant, free: datetime) -> Exception:
        if grant.told:
            return self._closed(visit, free)
        if grant.by is not None and grant.by.limit is not None and grant.by.limit.spaced:
            return self._too_late(visit, free)
        self.metrics.held_back(QUOTES, "budget")
        text = f"What {visit.title} allows in a day is used up."
        return QuotaSpent(text, retry_at=free, source=visit.source)

    def _closed(self, visit: Visit, until: datetime) -> RateLimited:
        self.metrics.held_back(QUOTES, "closed")
        text = f"{visit.title} asked to be left alone for a while."
        return RateLimited(text, retry_at=until, source=visit.source)

    def _too_late(self, visit: Visit, at: datetime) -> RateLimited:
        self.metrics.held_back(QUOTES, "budget")
        text = f"Too many wait for {visit.title} already."
        return RateLimited(text, retry_at=at, source=visit.source)


def uses_of(visit: Visit, lease: timedelta = LEASE) -> tuple[Use, ...]:
    """Return what a visit spends of: its place comes first."""
    uses = [_places(visit, lease)]
    if visit.interval > timedelta(0):
        uses.append(_use(f"{QUOTES}:rate#{visit.host}", rate(1, visit.interval), visit.host))
    if visit.quota is not None and visit.calls:
        named = f"{QUOTES}:quota#{visit.source}"
        uses.append(_use(named, limit_of(visit.quota), visit.source, visit.calls))
        if visit.yields:
            half = replace(visit.quota, calls=max(visit.quota.calls // 2, 1))
            past = f"{visit.source}/past"
            uses.append(_use(f"{QUOTES}:quota#{past}", limit_of(half), past, visit.calls))
    return tuple(uses)


def limit_of(declared: Quota) -> Limit:
    """Return a source's daily quota as a limit."""
    reset = DailyReset(time.fromisoformat(declared.at), declared.zone)
    return quota(declared.calls, scope=Scope.APP, reset=reset)


class Manners(Protocol):
    """What a declaration says of how gently its source is asked (quotes/manners.py, a sibling)."""

    @property
    def interval(self) -> float:
        """Seconds between two requests to a host."""

    @property
    def quota(self) -> Quota | None:
        """Calls a day."""


def limits_of(hosts: Iterable[str], manners: Manners) -> Iterator[tuple[str, Limit]]:
    """Yield what a source declares: the rate of each host, by its name, and the quota, by none."""
    if manners.interval > 0:
        seconds = timedelta(seconds=max(manners.interval, 1.0))
        for host in hosts:
            yield host, rate(max(round(1 / manners.interval), 1), seconds)
    if manners.quota is not None:
        yield "", limit_of(manners.quota)


def _places(visit: Visit, lease: timedelta) -> Use:
    limit = quota(visit.concurrency, lease, Scope.APP)
    return _use(f"{budgets.PLACES}{visit.host}", limit, visit.host)


def _use(key: str, limit: Limit, endpoint: str, calls: int = 1) -> Use:
    return Use(key, QUOTES, Scope.APP, limit, endpoint=endpoint, calls=calls)


def _counted(uses: tuple[Use, ...]) -> tuple[Use, ...]:
    """Return what can be given back: a turn of a rate that nobody uses is lost."""
    return tuple(use for use in uses if use.limit is not None and not use.limit.spaced)


def _check_possible(visit: Visit) -> None:
    if visit.quota is not None and visit.calls > visit.quota.calls:
        raise QuotaSpent(
            f"{visit.title} allows {visit.quota.calls} calls a day, and this needs {visit.calls}.",
            source=visit.source,
        )


def _closed_for(response: Response | None, now: datetime) -> timedelta | None:
    """Return for how long an answer asks to be left alone; None: it does not."""
    if response is None:
        return None
    wait = retry_after(response.headers.get("retry-after"), now)
    if response.status == HTTPStatus.TOO_MANY_REQUESTS:
        return _USUAL if wait is None else max(timedelta(seconds=wait), _LEAST)
    if response.status == HTTPStatus.SERVICE_UNAVAILABLE and wait is not None:
        return max(timedelta(seconds=wait), _LEAST)
    return None
