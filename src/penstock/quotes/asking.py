"""Sending one request of a source: through the gate, as robots.txt allows, within its hosts."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from http import HTTPStatus
from math import ceil
from typing import Final
from urllib.parse import urlsplit

from penstock.domain.clock import Clock
from penstock.domain.errors import PenstockError
from penstock.domain.pricing import Gate, Visit
from penstock.domain.protocol import Sender
from penstock.domain.quote import (
    BotChallenge,
    ConsentWall,
    QuotaSpent,
    QuoteError,
    RetryLater,
    RobotsDenied,
    SourceUnavailable,
)
from penstock.domain.request import Request, Response
from penstock.quotes.declaration import Declaration
from penstock.quotes.freshness import CONDITIONS
from penstock.quotes.guards import check_page, redirection
from penstock.quotes.keys import Keys, scrubbed, signed
from penstock.quotes.robots import Robots, robots_from, rules_in

MOST_HOPS: Final = 4

LONG_WAIT: Final = timedelta(seconds=0.5)
"""After such a wait for a turn, another process may have asked the same."""

_HOST: Final = re.compile(r"https?://([^/?#]*)")


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Why there is nothing to read; `sent` says whether anybody was asked at all."""

    error: QuoteError
    sent: bool


class Asker:
    """Asks sources. `patience` is seconds for one exchange; `keys` are API keys by source.

    Who `yields` leaves half of what a source allows in a day to others.
    """

    def __init__(
        self,
        send: Sender,
        gate: Gate,
        *,
        clock: Clock,
        keys: Keys,
        patience: float,
        yields: bool = False,
    ) -> None:
        self._send = send
        self._gate = gate
        self._clock = clock
        self._keys = keys
        self._patience = patience
        self._yields = yields
        self._visits: dict[tuple[str, str, int], Visit] = {}
        self._reading: dict[str, asyncio.Future[Robots | None]] = {}

    async def ask(
        self,
        source: Declaration,
        request: Request,
        *,
        calls: int = 1,
        known: Callable[[], Awaitable[bool]] | None = None,
    ) -> Response | NoAnswer | None:
        """Return the answer, after redirects within the source's own hosts.

        It is a 304 to a request with validators, or what the source's guards let pass. None: while
        this waited for its turn somebody else asked, as `known` tells, and nothing was sent.
        """
        sent = False
        try:
            for _ in range(MOST_HOPS + 1):
                visit = await self._visit_for(source, request, calls)
                since = self._clock()
                async with self._gate.visit(visit):
                    waited = self._clock() - since >= LONG_WAIT
                    if waited and not sent and known is not None and await known():
                        return None
                    sent = True
                    response, problem = await self._exchange(source, visit, request)
                target = redirection(source, response)
                if target is None:
                    return NoAnswer(problem, sent) if problem else response
                request = replace(request, url=target)
        except QuoteError as error:
            return NoAnswer(error, sent)
        return NoAnswer(SourceUnavailable(f"{source.title} sends us around in circles."), sent)

    async def _visit_for(self, source: Declaration, request: Request, calls: int) -> Visit:
        """Return how the host is visited. Raises RobotsDenied, and SourceUnavailable unread."""
        polite = source.politeness
        key = source.id, _host_of(request.url), calls
        visit = self._visits.get(key)
        if visit is None:
            visit = self._visits[key] = Visit(
                source=source.id,
                title=source.title,
                host=key[1],
                interval=timedelta(seconds=polite.interval),
                concurrency=polite.concurrency,
                quota=polite.quota,
                calls=calls,
                yields=self._yields,
            )
        if not polite.robots:
            return visit
        robots = await self._robots(visit, request.url)
        if robots is None:
            raise SourceUnavailable(f"{source.title} did not say in robots.txt what may be asked.")
        if not robots.allow(request.url):
            raise RobotsDenied(f"The robots.txt of {source.title} asks programs to stay away.")
        return replace(visit, interval=max(visit.interval, robots.delay))

    async def _exchange(
        self, source: Declaration, visit: Visit, request: Request
    ) -> tuple[Response, QuoteError | None]:
        """Send, and tell the gate what came: a wall is no answer, and a text may say 429."""
        try:
            async with asyncio.timeout(self._patience):
                response = await self._send(signed(source, request, self._keys))
        except (PenstockError, TimeoutError) as error:
            await self._gate.heard(visit, None, self._clock())
            why = error.message if isinstance(error, PenstockError) else "It took too long."
            raise SourceUnavailable(f"{source.title}: {why}") from error
        # Guards look at the address that was asked, which has no key in it.
        if response.url != request.url:
            response = replace(response, url=request.url)
        response = scrubbed(source, response, self._keys)
        now = self._clock()
        problem = _problem_with(source, request, response, now)
        await self._gate.heard(visit, _as_heard(visit, response, problem, now), now)
        return response, problem

    async def _robots(self, visit: Visit, url: str) -> Robots | None:
        """Return the host's rules, None where nothing may be asked; read anew when they are old."""
        seen = await self._gate.robots(visit.host)
        if seen is not None and self._clock() < seen.until:
            return None if seen.text is None else rules_in(seen.text)
        # Whoever comes while they are being read waits for the same answer.
        reading = self._reading.get(visit.host)
        if reading is None or reading.get_loop() is not asyncio.get_running_loop():
            reading = asyncio.ensure_future(self._read_robots(visit, url))
            self._reading[visit.host] = reading
            reading.add_done_callback(lambda done: self._was_read(visit.host, done))
        return await asyncio.shield(reading)

    def _was_read(self, host: str, done: "asyncio.Future[Robots | None]") -> None:
        if self._reading.get(host) is done:
            del self._reading[host]
        if not done.cancelled():
            done.exception()  # Whoever waited has it; where nobody waits any more, it is no news.

    async def _read_robots(self, visit: Visit, url: str) -> Robots | None:
        address = f"{urlsplit(url).scheme}://{visit.host}/robots.txt"
        response = None
        alone = replace(visit, quota=None, calls=0)
        async with self._gate.visit(alone):
            with suppress(PenstockError, TimeoutError):
                async with asyncio.timeout(self._patience):
                    response = await self._send(Request("GET", address, authorized=False))
            await self._gate.heard(alone, response, self._clock())
        seen = robots_from(response, self._clock())
        await self._gate.keep_robots(visit.host, seen)
        return None if seen.text is None else rules_in(seen.text)


def _host_of(url: str) -> str:
    """Return the host and port of an address, which was checked before."""
    found = _HOST.match(url)
    return found[1] if found else ""


def _problem_with(
    source: Declaration, request: Request, response: Response, now: datetime
) -> QuoteError | None:
    """Return why nothing can be read from an answer; a redirect is no problem yet."""
    if redirection(source, response):
        return None
    if response.status == HTTPStatus.NOT_MODIFIED and not CONDITIONS.isdisjoint(request.headers):
        return None
    try:
        check_page(source, response, now)
    except QuoteError as error:
        return error
    return None


def _as_heard(
    visit: Visit, response: Response, problem: QuoteError | None, now: datetime
) -> Response | None:
    """Return an answer as the gate has to take it, whatever its status claims."""
    if isinstance(problem, ConsentWall | BotChallenge):
        return None
    if isinstance(problem, RetryLater) and response.status == HTTPStatus.OK:
        until = _until(problem, visit, now)
        seconds = str(max(1, ceil((until - now).total_seconds()))) if until else ""
        return replace(response, status=429, headers={"retry-after": seconds})
    return response


def _until(error: RetryLater, visit: Visit, now: datetime) -> datetime | None:
    if isinstance(error, QuotaSpent) and visit.quota is not None:
        return visit.quota.ends(now)
    return error.retry_at
