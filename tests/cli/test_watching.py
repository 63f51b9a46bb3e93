"""Watching syncs to their end."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from penstock.cli.access import Access
from penstock.cli.client import Client
from penstock.cli.session import Sessions
from penstock.cli.watching import Crowd, Lively, Silent, watch_one

NOW = datetime(2026, 11, 21, tzinfo=UTC)
NOTHING = dict.fromkeys(
    "pages requests retries throttled refreshes restarts waited_ms received_bytes inserted"
    " changed unchanged removed paired".split(),
    0,
)


def sync(number: int, outcome: str, **counts: int) -> dict[str, Any]:
    """Return a sync as the API shows it."""
    return {
        "id": f"run_{number}",
        "connection_id": "con_1",
        "outcome": outcome,
        "counts": NOTHING | counts,
    }


class Server:
    """A server whose first sync never moves, because its worker died; the second one ends."""

    def __init__(self) -> None:
        self.posts = 0
        self.orders: list[bytes] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if request.method == "POST":
            self.posts += 1
            self.orders.append(request.content)
            return httpx2.Response(202, json=sync(2, "running"))
        done = request.url.path.endswith("run_2")
        return httpx2.Response(200, json=sync(2, "done") if done else sync(1, "running"))


def test_a_sync_whose_worker_died_is_begun_anew(tmp_path: Path) -> None:
    """sync.md 29: one that does not move for longer than a lease lasts is asked for again."""
    server, slept = Server(), []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    async def run() -> dict[str, Any]:
        transport = httpx2.MockTransport(server)
        async with httpx2.AsyncClient(transport=transport, base_url="http://here") as http:
            access = Access("here", Sessions(tmp_path), http=http, clock=lambda: NOW, given="token")
            asked, order = Client(http, access), {"from_start": True}
            return await watch_one(asked, sync(1, "running"), Silent(), order, sleep=sleep)

    assert asyncio.run(run())["outcome"] == "done"
    assert server.posts == 1
    assert json.loads(server.orders[0]) == {"from_start": True, "unless_running": "run_1"}
    assert 12 < sum(slept) < 40


@pytest.mark.parametrize("moves", [0, 50])
def test_one_that_waits_for_its_turn_is_left_when_nothing_moves(tmp_path: Path, moves: int) -> None:
    """A sync that something else holds up is not watched for ever, unless others move."""
    slept: list[float] = []
    crowd = Crowd()

    async def sleep(seconds: float) -> None:
        slept.append(seconds)
        crowd.moves += len(slept) < moves

    row = asyncio.run(_watched(tmp_path, crowd, sleep))
    assert row["outcome"] == "queued"
    assert 55 < sum(slept) - sum(slept[:moves]) < 65


async def _watched(folder: Path, crowd: Crowd, sleep: Any) -> dict[str, Any]:
    """Watch a sync that waits for ever."""
    transport = httpx2.MockTransport(lambda _: httpx2.Response(200, json=sync(1, "queued")))
    async with httpx2.AsyncClient(transport=transport, base_url="http://here") as http:
        access = Access("here", Sessions(folder), http=http, clock=lambda: NOW, given="token")
        client = Client(http, access)
        return await watch_one(client, sync(1, "queued"), Silent(), None, crowd, sleep=sleep)


def test_a_display_shows_each_connection_once() -> None:
    """Each sync has its line, which says what was read and what it waits for."""
    shown: list[Any] = []
    display = Lively(shown.append, {"con_1": "My \x1b[2Jbank"})
    display.show(sync(1, "running", pages=2, inserted=1500, throttled=1, waited_ms=1000))
    display.show(sync(1, "throttled", pages=2, inserted=1500, throttled=1, waited_ms=1000))
    table = shown[-1]
    assert table.row_count == 1
    cells = [str(cell) for column in table.columns for cell in column.cells]
    text = json.dumps(cells, ensure_ascii=False)
    assert "1,500 rows" in text
    assert "1 x 429" in text
    assert "throttled" in text
    assert "\x1b" not in "".join(cells)
