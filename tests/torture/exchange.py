"""A source of prices that keeps a log of who asked when, and what they had been told before."""

import contextlib
import itertools
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

from aiohttp import web

from penstock.domain.clock import utc_now
from tests.torture.pause import pause

WINDOW: Final = 10
"""So many intervals are looked at together: there a request may be late, and none is too many."""
RETRY_AFTER: Final = 1
ENOUGH: Final = 7
"""After so many requests it wants to be left alone for so many seconds."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What the exchange allows: calls a day, seconds between two, and how many at a time."""

    calls: int
    interval: float
    at_once: int = 1


@dataclass(slots=True)
class Exchange:
    """The judge. `sent` are the instants that the askers say they sent at, `came` our own."""

    terms: Terms
    random: Random
    port: int = 0
    sent: list[float] = field(default_factory=list)
    came: list[float] = field(default_factory=list)
    closings: list[float] = field(default_factory=list)
    noted: int = 0
    inside: int = 0
    violations: list[str] = field(default_factory=list)
    _closed_until: float = 0.0
    """As far as anybody can know: what a killed process was told last, nobody knows."""

    async def price(self, request: web.Request) -> web.Response:
        """Answer with a price after a moment, or ask to be left alone for a while."""
        now = _now()
        self.came.append(now)
        self.sent.append(float(request.headers["x-sent"]))
        if now < self._closed_until:
            self.violations.append(f"asked {self._closed_until - now:.3f} s before it was over")
        self.inside += 1
        if self.inside > self.terms.at_once:
            self.violations.append(f"{self.inside} at a time")
        try:
            await pause(self.random.uniform(0.0, 0.12))
        finally:
            self.inside -= 1
        if len(self.came) % ENOUGH == 0:
            self.closings.append(_now() + RETRY_AFTER)
            number = str(len(self.closings) - 1)
            headers = {"retry-after": str(RETRY_AFTER), "x-closing": number}
            return web.Response(status=429, headers=headers)
        return web.Response(text="180.20")

    async def note(self, request: web.Request) -> web.Response:
        """Hear that somebody has stored that they are to leave us alone."""
        until = self.closings[int(request.match_info["number"])]
        self.noted += 1
        self._closed_until = max(self._closed_until, until)
        return web.Response()

    def judge(self) -> list[str]:
        """Return all that was not as it was allowed."""
        found = list(self.violations)
        if len(self.came) > self.terms.calls:
            found.append(f"{len(self.came)} calls of {self.terms.calls}")
        found += [
            f"{gap:.4f} s between two" for gap in _gaps(self.sent) if gap < self.terms.interval
        ]
        most = _fullest(self.came, WINDOW * self.terms.interval)
        if most > WINDOW:
            found.append(f"{most} in the time of {WINDOW}")
        return found


@contextlib.asynccontextmanager
async def exchange(terms: Terms, random: Random) -> AsyncIterator[Exchange]:
    """Open an exchange at a free port of this machine."""
    opened = Exchange(terms, random)
    app = web.Application()
    app.router.add_get("/price", opened.price)
    app.router.add_get("/noted/{number}", opened.note)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        place = web.TCPSite(runner, "127.0.0.1", 0)
        await place.start()
        opened.port = runner.addresses[0][1]
        yield opened
    finally:
        await runner.cleanup()


def _now() -> float:
    return utc_now().timestamp()


def _gaps(times: Sequence[float]) -> list[float]:
    ordered = sorted(times)
    return [later - before for before, later in itertools.pairwise(ordered)]


def _fullest(times: Sequence[float], seconds: float) -> int:
    """Return how many the fullest window holds, wherever it begins."""
    return max((sum(at <= one < at + seconds for one in times) for at in times), default=0)


async def settled(opened: Exchange, seconds: float) -> None:
    """Wait until nobody has come for so long."""
    seen = -1
    while seen != len(opened.came):
        seen = len(opened.came)
        await pause(seconds)
