"""The one engine that asks for prices: many symbols at once, each host in its own pace.

Every symbol ends as one `Quote` or one `QuoteError`, in the order they were asked for. Nothing here
opens a socket: requests go out through the `Sender` that is handed in.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import replace
from datetime import timedelta
from http import HTTPStatus
from typing import Final
from urllib.parse import urlsplit

from penstock.domain.clock import Clock
from penstock.domain.errors import InvalidInput, PenstockError
from penstock.domain.protocol import Sender
from penstock.domain.quote import (
    Quote,
    QuoteError,
    RateLimited,
    RobotsDenied,
    SourceUnavailable,
    SymbolNotFound,
    WrongSymbol,
)
from penstock.domain.request import Request, Response
from penstock.quotes.declaration import Declaration
from penstock.quotes.guards import redirection
from penstock.quotes.plan import Attempt, Job, attempts_for, jobs_of
from penstock.quotes.politeness import Host, Hosts, Robots, robots_from
from penstock.quotes.read import read_quote
from penstock.quotes.retry import retry_at

Outcome = Quote | QuoteError
Sleep = Callable[[float], Awaitable[None]]

MOST_HOPS: Final = 4


class QuoteEngine:
    """Asks sources for prices. `await engine.fetch(["EUR/USD", "SAP.DE"])`.

    `sources` are asked in their order, each for what it covers; `disabled` ones are only named to
    the person who misses them. `hosts` remembers what politeness needs from one engine to the next.
    """

    def __init__(
        self,
        sources: Sequence[Declaration],
        send: Sender,
        *,
        clock: Clock,
        disabled: Sequence[Declaration] = (),
        hosts: Hosts | None = None,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self._sources = sources
        self._disabled = disabled
        self._send = send
        self._clock = clock
        self._sleep = sleep
        self._hosts = hosts or Hosts()
        self._room: dict[str, asyncio.Semaphore] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    async def fetch(self, symbols: Iterable[str], *, source: str | None = None) -> list[Outcome]:
        """Return one quote or one error for each symbol, in order; the same symbol is asked once.

        With `source`, that one alone is asked. Raises InvalidInput where there is none of that id,
        and nothing that a source can cause: what went wrong is in the list.
        """
        asked = list(symbols)
        sources, disabled = self._among(source)
        outcomes: dict[str, Outcome] = {}
        ways: dict[str, deque[Attempt]] = {}
        for symbol in dict.fromkeys(asked):
            try:
                ways[symbol] = attempts_for(symbol, sources, disabled)
            except QuoteError as error:
                outcomes[symbol] = error
        while ways:
            answers = await self._round([queue.popleft() for queue in ways.values()])
            outcomes |= answers
            ways = {
                symbol: left
                for symbol, queue in ways.items()
                if (left := _left(queue, answers[symbol]))
            }
        return [outcomes[symbol] for symbol in asked]

    def _among(self, source: str | None) -> tuple[Sequence[Declaration], Sequence[Declaration]]:
        """Return the sources that may be asked, and those that are switched off."""
        if source is None:
            return self._sources, self._disabled
        named = [
            [one for one in group if one.id == source] for group in (self._sources, self._disabled)
        ]
        if not any(named):
            known = ", ".join(sorted(one.id for one in (*self._sources, *self._disabled)))
            raise InvalidInput(f"There is no quote source {source[:40]!r}. There are: {known}.")
        return named[0], named[1]

    async def _round(self, attempts: Iterable[Attempt]) -> Mapping[str, Outcome]:
        """Make one attempt for each symbol."""
        outcomes: dict[str, Outcome] = {}
        by_source: dict[str, deque[Job]] = defaultdict(deque)
        for job in jobs_of(attempts):
            by_source[job.source.id].append(job)
        async with asyncio.TaskGroup() as group:
            for jobs in by_source.values():
                for _ in range(min(jobs[0].source.politeness.concurrency, len(jobs))):
                    group.create_task(self._work(jobs, outcomes))
        return outcomes

    async def _work(self, jobs: deque[Job], outcomes: dict[str, Outcome]) -> None:
        while jobs:
            job = jobs.popleft()
            room = self._room.setdefault(
                job.host, asyncio.Semaphore(job.source.politeness.concurrency)
            )
            async with room:
                outcomes |= await self._answers(job)

    async def _answers(self, job: Job) -> Mapping[str, Outcome]:
        try:
            response = await self._ask(job.source, job.request)
        except QuoteError as error:
            return {attempt.asked: _addressed(error, attempt) for attempt in job.attempts}
        return {attempt.asked: self._read(attempt, response) for attempt in job.attempts}

    def _read(self, attempt: Attempt, response: Response) -> Outcome:
        try:
            return read_quote(
                attempt.source, attempt.symbol, response, self._clock(), attempt.asked
            )
        except QuoteError as error:
            return error

    async def _ask(self, source: Declaration, request: Request) -> Response:
        """Return the answer, after redirects within the source's own hosts."""
        response = await self._ask_once(source, request)
        for _ in range(MOST_HOPS):
            target = redirection(source, response)
            if target is None:
                break
            response = await self._ask_once(source, replace(request, url=target))
        return response

    async def _ask_once(self, source: Declaration, request: Request) -> Response:
        host = self._hosts.at(urlsplit(request.url).netloc)
        interval = timedelta(seconds=source.politeness.interval)
        self._check_open(source, host)
        if source.politeness.robots:
            robots = await self._robots(source, host, request.url)
            _check_robots(source, robots, request.url)
            interval = max(interval, robots.delay)
        await self._take_turn(host, interval)
        self._check_open(source, host)
        try:
            response = await self._send(request)
        except PenstockError as error:
            raise SourceUnavailable(f"{source.title}: {error.message}") from error
        if response.status == HTTPStatus.TOO_MANY_REQUESTS:
            host.closed_until = retry_at(response, self._clock())
        return response if response.url else replace(response, url=request.url)

    async def _take_turn(self, host: Host, interval: timedelta) -> None:
        wait = host.turn(self._clock(), interval) if interval else interval
        if wait:
            await self._sleep(wait.total_seconds())

    def _check_open(self, source: Declaration, host: Host) -> None:
        if host.is_closed(self._clock()):
            raise RateLimited(
                f"{source.title} says that we ask too often.", retry_at=host.closed_until
            )

    async def _robots(self, source: Declaration, host: Host, url: str) -> Robots:
        """Return the host's robots.txt, read anew when what we know of it is old."""
        parts = urlsplit(url)
        async with self._locks.setdefault(parts.netloc, asyncio.Lock()):
            if host.robots is None or host.robots.until <= self._clock():
                await self._take_turn(host, timedelta(seconds=source.politeness.interval))
                address = f"{parts.scheme}://{parts.netloc}/robots.txt"
                try:
                    response = await self._send(Request("GET", address, authorized=False))
                except PenstockError:
                    response = None
                host.robots = robots_from(response, self._clock())
            return host.robots


def _check_robots(source: Declaration, robots: Robots, url: str) -> None:
    if robots.allow(url):
        return
    if robots.rules is None:
        raise SourceUnavailable(f"{source.title} did not say in robots.txt what may be asked.")
    raise RobotsDenied(f"The robots.txt of {source.title} asks programs to stay away.")


def _addressed(error: QuoteError, attempt: Attempt) -> QuoteError:
    """Return an error of a whole request as the error of one symbol."""
    own = copy(error)
    own.symbol, own.source = attempt.asked, attempt.source.id
    return own


def _left(ways: deque[Attempt], outcome: Outcome) -> deque[Attempt]:
    """Return what is worth trying after an outcome.

    A symbol without an exchange is sought on the next one, as long as the answers are about
    something else; another source is asked only where the error says that it may know better.
    """
    if isinstance(outcome, Quote):
        return deque()
    here = isinstance(outcome, SymbolNotFound | WrongSymbol)
    return deque(
        way for way in ways if (here if way.source.id == outcome.source else outcome.elsewhere)
    )
