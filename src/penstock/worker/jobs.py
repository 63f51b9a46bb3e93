"""The job engine of PostgreSQL (PgQueuer): it carries what is due to a free hand, on any machine.

What is due stays a fact in our own tables. The engine's are a belt between tick and worker: they
may be lost at any moment (they are not even logged), and are filled again by the next tick. Nothing
outside this file knows which engine it is.
"""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final

import asyncpg
from pgqueuer import AsyncpgPoolDriver, Job, Queries
from pgqueuer.adapters.persistence.qb import (
    QueryBuilderEnvironment,
    QueryQueueBuilder,
    QuerySchedulerBuilder,
)
from pgqueuer.core.qm import QueueManager

from penstock.db.lane import Database
from penstock.domain.backoff import full_jitter
from penstock.engine.runner import Runner
from penstock.observe.log import get_logger
from penstock.worker.address import asyncpg_address
from penstock.worker.belt import ELSE, ENTRYPOINT, SETTINGS, fill
from penstock.worker.schedule import ticking

_POLL: Final = timedelta(seconds=2)
"""How often an idle worker looks by itself: it finds what a dead one held."""
_BATCH: Final = 10
_FIRM: Final = 60.0
_LONGEST: Final = 15.0
_END: Final = 5.0

log = get_logger(__name__)


def queries(driver: AsyncpgPoolDriver) -> Queries:
    """Return what speaks to the engine's tables."""
    return Queries(
        driver,
        QueryBuilderEnvironment(SETTINGS),
        QueryQueueBuilder(SETTINGS),
        QuerySchedulerBuilder(SETTINGS),
    )


@dataclass(slots=True)
class JobEngine:
    """One worker's share of the fleet's work, for these connectors."""

    runner: Runner
    database: Database
    connectors: tuple[str, ...]
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    _stop: asyncio.Event = field(default_factory=asyncio.Event)

    @contextlib.asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Work for as long as the context is open; then let what runs end."""
        tick = asyncio.create_task(ticking(self.tick, self.sleep), name="tick")
        hands = asyncio.create_task(self._keep_working(), name="hands")
        try:
            yield
        finally:
            self._stop.set()
            tick.cancel()
            await self.runner.stop()
            await asyncio.wait([hands], timeout=_END)
            hands.cancel()
            await asyncio.wait([tick, hands])

    async def tick(self) -> int:
        """Put what is due on the belt, unless another worker is at it; return how much it was."""
        now = self.runner.clock()
        return await self.database.write(fill, now=now, connectors=self.connectors)

    async def _keep_working(self) -> None:
        """Take from the belt; begin again, later and later, whenever the database was away."""
        failures, loop = 0, asyncio.get_running_loop()
        while not self._stop.is_set():
            began = loop.time()
            try:
                await self._work()
            except Exception:
                log.exception("worker.engine_failed")
            if self._stop.is_set():
                return
            failures = 1 if loop.time() - began > _FIRM else failures + 1
            await self.sleep(full_jitter(failures, random.random(), most=_LONGEST))  # noqa: S311 - it spreads, it hides nothing

    async def _work(self) -> None:
        address = asyncpg_address(self.database.engine.url)
        pool = await asyncpg.create_pool(address, min_size=1, max_size=4)
        try:
            manager = QueueManager(queries(AsyncpgPoolDriver(pool)), SETTINGS.channel)
            self._register(manager)
            at_once = max(2, self.runner.at_once)
            stopping = asyncio.create_task(self._hand_on_stop(manager.shutdown), name="stopping")
            try:
                await manager.run(
                    dequeue_timeout=_POLL,
                    batch_size=min(_BATCH, at_once // 2),
                    max_concurrent_tasks=at_once,
                    shutdown_on_listener_failure=True,
                    heartbeat_timeout=self.runner.syncer.lease_time,
                    log_aggregation_interval=timedelta(0),
                )
            finally:
                stopping.cancel()
        finally:
            pool.terminate()

    async def _hand_on_stop(self, shutdown: asyncio.Event) -> None:
        """Stop the engine when we are to stop. Not the other way: it sets its own when it fails."""
        await self._stop.wait()
        shutdown.set()

    def _register(self, manager: QueueManager) -> None:
        bounds = self.runner.syncer.bounds

        async def carry(job: Job) -> None:
            await self.runner.carry(int(job.payload or b"0"))

        for name in self.connectors:
            manager.entrypoint(ENTRYPOINT + name, concurrency_limit=bounds.of(name))(carry)
        manager.entrypoint(ELSE, concurrency_limit=bounds.cap)(carry)
