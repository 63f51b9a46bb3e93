"""Processes that ask for prices over one database, with a clock that sleeping moves."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from penstock.db.connect import open_database
from penstock.domain.pricing import Visit
from penstock.domain.request import Response
from penstock.engine.health import Health
from penstock.engine.ledger import SharedLedger
from penstock.engine.price_gate import PriceGate
from penstock.observe.metrics import Metrics
from tests.databases import Database
from tests.engine.bench import Watch
from tests.engine.house import play

SECOND = timedelta(seconds=1)
VISIT = Visit("boerse", "The Exchange", "boerse.example")
FINE = Response(200, {}, b"")


@dataclass
class Yard:
    """One process's gate, with a clock that sleeping moves."""

    gate: PriceGate
    watch: Watch

    async def ask(self, visit: Visit = VISIT, answer: Response | None = FINE) -> datetime:
        """Make a visit and be told something; return when it was."""
        async with self.gate.visit(visit):
            at = self.watch.now
            await self.gate.heard(visit, answer, at)
            return at


@asynccontextmanager
async def yard(database: Database, watch: Watch) -> AsyncIterator[Yard]:
    """Open one more process, so to speak."""

    async def sleep(seconds: float) -> None:
        watch.later(seconds=seconds)
        await asyncio.sleep(0)

    async with open_database(database.url) as opened:
        ledger = SharedLedger(opened, watch, one_clock=True)
        health = Health(opened, watch)
        yield Yard(PriceGate(opened, ledger, health, Metrics(), watch, sleep), watch)


def tell(database: Database, story: Callable[[Yard, Yard], Awaitable[None]]) -> None:
    """Play a story with two processes at one database."""

    async def whole() -> None:
        watch = Watch()
        async with yard(database, watch) as one, yard(database, watch) as other:
            await story(one, other)

    play(whole())


def paced(**said: Any) -> Visit:
    """Return a visit that differs from the usual one."""
    known: dict[str, Any] = {"source": "boerse", "title": "The Exchange", "host": "boerse.example"}
    return Visit(**(known | said))
