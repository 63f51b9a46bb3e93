"""Time that moves when all wait for it, though the network and the database are real.

Nobody waits for real: while a request or a transaction is under way the clock stands still, and
when there is nothing left to do but wait, it goes to the instant at which the first wait is over.
"""

import asyncio
import heapq
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from penstock.db.lane import Database, P, R, Work

_TURNS: Final = 25
"""So many rounds of the loop pass from the end of something until who waited for it goes on."""


@dataclass
class Moving:
    """The clock. `busy` names what is under way."""

    now: datetime
    busy: set[int] = field(default_factory=set)
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _waits: list[tuple[datetime, int, asyncio.Future[None]]] = field(default_factory=list)
    _stirred: asyncio.Event = field(default_factory=asyncio.Event)

    def __call__(self) -> datetime:
        return self.now

    def jump(self, by: timedelta) -> None:
        """Let a long time pass in which nobody does anything."""
        self.now += by

    async def wait(self, seconds: float) -> None:
        """Wait until so much time has passed."""
        over = asyncio.get_running_loop().create_future()
        at = self.now + timedelta(seconds=max(seconds, 0.0))
        heapq.heappush(self._waits, (at, next(self._numbers), over))
        self._stirred.set()
        await over

    @contextmanager
    def doing(self) -> Iterator[int]:
        """Do something for which time stands still; its number is what `let_go` takes."""
        number = next(self._numbers)
        self.busy.add(number)
        try:
            yield number
        finally:
            self.let_go(number)

    def let_go(self, number: int) -> None:
        """Let time pass again, though that may not have come to its end."""
        self.busy.discard(number)
        self._stirred.set()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Let time pass while the context is open."""
        mover = asyncio.create_task(self._move())
        try:
            yield
        finally:
            mover.cancel()
            await asyncio.wait([mover])

    async def _move(self) -> None:
        while True:
            while not self._waits or self.busy:
                self._stirred.clear()
                await self._stirred.wait()
            if await self._is_quiet():
                self._pass()

    async def _is_quiet(self) -> bool:
        for _ in range(_TURNS):
            await asyncio.sleep(0)
            if self.busy:
                return False
        return bool(self._waits)

    def _pass(self) -> None:
        """Go to the end of the first wait."""
        self.now = max(self.now, self._waits[0][0])
        while self._waits and self._waits[0][0] <= self.now:
            over = heapq.heappop(self._waits)[2]
            if not over.done():
                over.set_result(None)
                return


class Still(Database):
    """A database for whose transactions time stands still."""

    def __init__(self, engine: sa.Engine, moving: Moving) -> None:
        super().__init__(engine)
        self._moving = moving

    async def read(self, work: Work[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do what a database does."""
        with self._moving.doing():
            return await super().read(work, *args, **kwargs)

    async def glance(self, work: Work[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do what a database does."""
        with self._moving.doing():
            return await super().glance(work, *args, **kwargs)

    async def write(self, work: Work[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Do what a database does."""
        with self._moving.doing():
            return await super().write(work, *args, **kwargs)
