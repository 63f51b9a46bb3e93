"""A cap that holds for all workers together, as the bank sees it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from penstock.domain.outcome import Outcome
from penstock.sandbox.bank import Bank, Options
from penstock.sandbox.server import application
from tests.acceptance.workers import fleet, play, posix
from tests.databases import Database

CONNECTIONS = 8
SLOW = Options(latency_ms=300)


@dataclass(slots=True)
class Counter:
    """When each consent was used first and last: from then to then it was being synced."""

    spans: dict[str, tuple[float, float]] = field(default_factory=dict)

    @property
    def most_at_once(self) -> int:
        """The most syncs that were under way at the same time."""
        spans = list(self.spans.values())
        return max(sum(first <= began <= last for first, last in spans) for began, _ in spans)

    @property
    def middleware(self) -> Any:
        """Return what sees each request and its answer."""

        @web.middleware
        async def count(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            token = request.headers.get("Authorization")
            clock = asyncio.get_running_loop().time
            if token is None:
                return await handler(request)
            began = clock()
            first, _ = self.spans.setdefault(token, (began, began))
            try:
                return await handler(request)
            finally:
                self.spans[token] = (first, clock())

        return count


@contextlib.asynccontextmanager
async def counting_bank(options: Options) -> AsyncIterator[tuple[str, Counter]]:
    """Run a bank that counts; yield where it listens."""
    counter = Counter()
    bank = Bank(options)
    app = application(bank)
    app.middlewares.append(counter.middleware)
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        bank.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield bank.url, counter
    finally:
        await runner.cleanup()


@posix
@pytest.mark.long
@pytest.mark.postgres
@pytest.mark.parametrize(
    ("cap", "hands", "most"),
    [
        pytest.param(2, 16, 2, id="each alone would exceed it"),
        pytest.param(3, 2, 3, id="only both together reach it"),
        pytest.param(CONNECTIONS, 2, 4, id="it is out of their reach"),
    ],
)
def test_two_workers_keep_one_cap(
    cap: int, hands: int, most: int, postgres_database: Database, tmp_path: Path
) -> None:
    """Architecture, Work: PENSTOCK_PROVIDER_CAPS counts the syncs of all workers together.

    Each worker has so many `hands`; the bank sees that never more, and once as many, are at work.
    """

    async def story() -> None:
        given = {"PENSTOCK_PROVIDER_CAPS": f"sandbox={cap}", "PENSTOCK_SYNC_AT_ONCE": f"{hands}"}
        async with (
            counting_bank(SLOW) as (bank_url, counter),
            fleet(postgres_database.url, tmp_path, SLOW, bank_url) as it,
            it.worker("one", **given) as one,
            it.worker("two", **given) as two,
        ):
            for _ in range(CONNECTIONS):
                await it.house.link()
            await it.until("all are synced", lambda: it.ended(CONNECTIONS))
            assert [await one.stop(), await two.stop()] == [0, 0]
            assert [run.outcome for run in await it.history()] == [Outcome.DONE] * CONNECTIONS
            assert len(counter.spans) == CONNECTIONS
            assert counter.most_at_once == most

    play(story())
