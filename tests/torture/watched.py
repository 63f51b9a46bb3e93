"""A bank that keeps a log of what it was asked, and of every token that it gave."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from hashlib import sha256
from random import Random
from typing import Any, Final

from aiohttp import web

from penstock.sandbox.authority import Authority, Grant, Tokens
from penstock.sandbox.bank import Bank, Options
from penstock.sandbox.server import application
from tests.torture.pause import pause

TOKEN: Final = "/oauth/token"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(slots=True)
class Rotation:
    """One renewal that the bank did. `used`: somebody came back with what it gave."""

    grant: Grant
    used: bool = False


class WatchedAuthority(Authority):
    """The bank's authorization server, with the list of renewals that it did."""

    def __init__(self, options: Options) -> None:
        super().__init__(
            options.clock,
            options.mint,
            access_seconds=options.access_seconds,
            consent_days=options.consent_days,
        )
        self.rotations: list[Rotation] = []
        self._given: dict[str, Rotation] = {}

    def rotate(self, refresh: str, client_id: str) -> Tokens:
        """Renew, and write it down."""
        self._note(refresh)
        tokens = super().rotate(refresh, client_id)
        rotation = Rotation(tokens.grant)
        self.rotations.append(rotation)
        for token in (tokens.access, tokens.refresh):
            self._given[_mark(token)] = rotation
        return tokens

    def admit(self, access: str) -> Grant | None:
        """Let a token in, and write down that it came."""
        self._note(access)
        return super().admit(access)

    def lost(self) -> list[Rotation]:
        """Return the renewals that were answered, and never followed by a use of the new tokens."""
        return [one for one in self.rotations if not one.used]

    def unproven(self) -> set[int]:
        """Return the numbers of the grants whose newest tokens nobody has used yet."""
        newest = {one.grant.number: one for one in self.rotations}
        return {number for number, one in newest.items() if not one.used}

    def _note(self, token: str) -> None:
        rotation = self._given.get(_mark(token))
        if rotation is not None:
            rotation.used = True


async def goes_on(_door: int) -> bool:
    """Let a renewal take its course."""
    return False


@dataclass(slots=True)
class Watch:
    """What the bank saw. `instants` are when each request came in, in seconds of the loop.

    `door` is the port by which the last one came: each worker may be given one of its own.
    What is asked `elsewhere`, below that path, is not seen; it can be broken. `before_renewal` is
    called with the port of whoever renews before the bank does it (True: it never does),
    `after_renewal` before it answers.
    """

    random: Random
    token_seconds: float = 0.0
    instants: list[float] = field(default_factory=list)
    at_once: int = 0
    most_at_once: int = 0
    door: int = 0
    elsewhere: str = "/starling"
    break_elsewhere: bool = False
    before_renewal: Callable[[int], Awaitable[bool]] = goes_on
    after_renewal: Callable[[int], Awaitable[bool]] = goes_on
    token_requests: int = 0

    def fullest(self, window: float = 1.0) -> int:
        """Return the most requests that came within any stretch of so many seconds."""
        most = first = 0
        for last, instant in enumerate(self.instants):
            while instant - self.instants[first] >= window:
                first += 1
            most = max(most, last - first + 1)
        return most

    @property
    def middleware(self) -> Any:
        """Return what sees each request first, and its answer last."""

        @web.middleware
        async def watch(request: web.Request, handler: Handler) -> web.StreamResponse:
            if request.path.startswith(self.elsewhere):
                return web.Response(status=500) if self.break_elsewhere else await handler(request)
            self.instants.append(asyncio.get_running_loop().time())
            if request.transport is not None:
                self.door = request.transport.get_extra_info("sockname")[1]
            self.at_once += 1
            self.most_at_once = max(self.most_at_once, self.at_once)
            try:
                return await self._answer(request, handler)
            finally:
                self.at_once -= 1

        return watch

    async def _answer(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path != TOKEN:
            return await handler(request)
        door = self.door
        self.token_requests += 1
        if await self.before_renewal(door):
            return web.Response(status=503)
        answer = await handler(request)
        await self.after_renewal(door)
        await pause(self.random.uniform(0, self.token_seconds))
        return answer


@dataclass(frozen=True, slots=True)
class WatchedBank:
    """A bank and the notes on it. `doors` are the ports of its further addresses."""

    bank: Bank
    authority: WatchedAuthority
    watch: Watch
    doors: tuple[int, ...] = ()

    @property
    def url(self) -> str:
        """Where it listens."""
        return self.bank.url


@contextlib.asynccontextmanager
async def watched_bank(
    options: Options, random: Random, token_seconds: float = 0.0, doors: int = 0
) -> AsyncIterator[WatchedBank]:
    """Run a bank on a free port, and on so many more, while the context is open.

    The answer to a renewal takes up to `token_seconds`: that is when a kill hurts most.
    """
    bank = Bank(options)
    bank.authority = authority = WatchedAuthority(options)
    watch = Watch(random, token_seconds)
    app = application(bank)
    app.middlewares.append(watch.middleware)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1)
    await runner.setup()
    try:
        for _ in range(1 + doors):
            await web.TCPSite(runner, "127.0.0.1", 0).start()
        first, *others = [address[1] for address in runner.addresses]
        bank.url = f"http://127.0.0.1:{first}"
        yield WatchedBank(bank, authority, watch, tuple(others))
    finally:
        await runner.cleanup()


def _mark(token: str) -> str:
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
