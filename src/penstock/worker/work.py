"""Who keeps connections and prices fresh: the job engine on PostgreSQL, plain tasks on SQLite."""

import contextlib
from collections.abc import AsyncIterator

from penstock.wiring import Penstock
from penstock.worker.hearing import hearing
from penstock.worker.pricing import filling, pricing
from penstock.worker.revoking import revoking
from penstock.worker.schedule import kept_fresh
from penstock.worker.telling import telling


@contextlib.asynccontextmanager
async def at_work(penstock: Penstock) -> AsyncIterator[None]:
    """Sync whatever is due for as long as the context is open; then let what runs end.

    What does not end within the runner's grace is abandoned cleanly.
    """
    if penstock.database.kind == "sqlite":
        working = kept_fresh(penstock.runner)
    else:
        from penstock.worker.jobs import JobEngine  # noqa: PLC0415 - the extra `postgres`

        working = JobEngine(
            penstock.runner, penstock.database, tuple(penstock.connectors)
        ).working()
    async with (
        working,
        telling(penstock.notifier),
        hearing(penstock.inbox),
        revoking(penstock.revoker),
        pricing(penstock.markets.pricer),
        filling(penstock.markets.backfiller),
    ):
        yield
