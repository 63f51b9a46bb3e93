"""The bank listens on loopback, on a free port, keeps nobody waiting for others, and then ends."""

import asyncio
import socket
import time
from collections.abc import Callable

import aiohttp
import pytest

from penstock.domain.errors import InvalidInput
from penstock.sandbox.server import Bank, Options, running
from tests.sandbox.visitor import NOON, TODAY, Watch, visiting


def test_two_banks_at_once() -> None:
    """Each bank takes a free loopback port of its own, and lets go of it."""

    async def story() -> tuple[Bank, Bank]:
        async with running() as first, running() as second:
            assert first.url != second.url
            assert first.url.startswith("http://127.0.0.1:")
        return first, second

    for bank in asyncio.run(story()):
        port = int(bank.url.rpartition(":")[2])
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_a_taken_port_is_an_error() -> None:
    """Whoever asks for a port that is taken is told so."""

    async def story() -> None:
        async with running() as bank:
            port = int(bank.url.rpartition(":")[2])
            with pytest.raises(OSError, match="address"):
                async with running(Options(port=port)):
                    pass

    asyncio.run(story())


def test_latency_does_not_keep_others_waiting() -> None:
    """Twenty requests that each wait 150 ms are answered together, not one after the other."""

    async def story() -> float:
        async with visiting(latency_ms=150) as visitor:
            await visitor.link()
            start = time.perf_counter()
            answers = await asyncio.gather(*(visitor.get("/v1/accounts") for _ in range(20)))
            assert {answer.status for answer in answers} == {200}
            return time.perf_counter() - start

    assert 0.15 <= asyncio.run(story()) < 20 * 0.15 / 2


def test_a_slow_answer_keeps_nobody_else_waiting() -> None:
    """While one answer is slow, others are served."""

    async def story() -> None:
        async with visiting(slow_seconds=30) as visitor:
            await visitor.link()
            await visitor.control("faults", {"kind": "slow"})
            slow = asyncio.create_task(visitor.get("/v1/accounts"))
            await asyncio.wait({slow}, timeout=0.2)
            assert (await visitor.get("/v1/accounts")).status == 200
            assert not slow.done()
            slow.cancel()

    asyncio.run(story())


def test_the_banks_day_follows_the_clock() -> None:
    """Without a day of its own the world begins yesterday, so that one step leads to today."""

    async def story() -> None:
        async with running(Options(clock=Watch())) as bank:
            assert bank.world.today == NOON.date().replace(day=NOON.day - 1)
        async with running(Options(clock=Watch(), today=TODAY)) as bank:
            assert bank.world.today == TODAY

    asyncio.run(story())


IMPOSSIBLE: dict[str, Callable[[], Options]] = {
    "fewer rows than none": lambda: Options(transactions=-1),
    "pages without rows": lambda: Options(page_size=0),
    "pages without end": lambda: Options(page_size=5_001),
    "answers before questions": lambda: Options(latency_ms=-1),
}


@pytest.mark.parametrize("start", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_impossible_options_are_refused(start: Callable[[], Options]) -> None:
    """No bank has pages without rows, or answers before it is asked."""
    with pytest.raises(InvalidInput):
        start()


def test_the_front_page_documents_the_bank() -> None:
    """Who opens the bank in a browser reads how to use it."""

    async def story() -> None:
        async with running() as bank, aiohttp.ClientSession() as http, http.get(bank.url) as page:
            text = await page.text()
            assert page.status == 200
            for word in ("/v1/transactions", "decision=allow", "/starling/api/v2", "/control/step"):
                assert word in text

    asyncio.run(story())
