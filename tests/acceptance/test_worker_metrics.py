"""`penstock worker` tells Prometheus what it counts: nobody else knows of its syncs."""

import asyncio
import re
from pathlib import Path

import httpx2
import pytest

from penstock.sandbox.bank import Options
from tests.acceptance.processes import Machine
from tests.acceptance.workers import Worker, bank_process, fleet, play, posix
from tests.databases import Database

ASKED = {"PENSTOCK_METRICS_PORT": "0"}
TOKEN = "scrape me"


def address(worker: Worker) -> str:
    """Return where a worker says that its metrics are."""
    found = re.search(r"metrics are at (http://127\.0\.0\.1:\d+/metrics)", worker.said)
    assert found, worker.said
    return found[1]


async def scrape(url: str, **headers: str) -> httpx2.Response:
    """Ask as Prometheus does."""
    return await asyncio.to_thread(httpx2.get, url, headers=headers)


@posix
@pytest.mark.long
@pytest.mark.postgres
def test_a_worker_tells_of_its_syncs(postgres_database: Database, tmp_path: Path) -> None:
    """Where `serve --no-worker` runs, the counts of syncs are told by whoever syncs.

    L1: with a token set, nothing but the token opens them; and the port is closed in the end.
    """
    secret = {"PENSTOCK_METRICS_TOKEN": TOKEN}

    async def story(bank_url: str) -> None:
        async with (
            fleet(postgres_database.url, tmp_path, Options(), bank_url) as it,
            it.worker("open", **ASKED) as opened,
        ):
            await it.house.link()
            await it.until("it is synced", lambda: it.ended(1))
            told = (await scrape(address(opened))).text
            assert 'penstock_sync_runs_total{connector="sandbox",outcome="done"} 1.0' in told
            assert 'penstock_sync_runs_total{connector="sandbox",outcome="contract"} 0.0' in told
            rows = len(it.house.truth())
            assert f'penstock_rows_total{{connector="sandbox",kind="inserted"}} {rows}.0' in told
            assert 'penstock_sync_run_seconds_count{connector="sandbox"} 1.0' in told
            assert (await scrape(address(opened).replace("/metrics", "/v1/me"))).status_code == 404
            forwarded = await scrape(address(opened), **{"X-Forwarded-For": "127.0.0.1"})
            assert forwarded.status_code == 403
            assert "PENSTOCK_METRICS_TOKEN" in forwarded.text
            assert await opened.stop() == 0, opened.said
            with pytest.raises(httpx2.ConnectError):
                await scrape(address(opened))
            async with it.worker("closed", **ASKED, **secret) as closed:
                where = address(closed)
                assert (await scrape(where)).status_code == 403
                allowed = await scrape(where, Authorization=f"Bearer {TOKEN}")
                assert allowed.status_code == 200
                assert TOKEN not in allowed.text + closed.said
                assert await closed.stop() == 0, closed.said

    with bank_process(Machine(tmp_path / "bank"), Options()) as bank_url:
        play(story(bank_url))


@posix
@pytest.mark.long
@pytest.mark.postgres
def test_a_worker_listens_only_where_it_is_asked_to(
    postgres_database: Database, tmp_path: Path
) -> None:
    """Off unless asked; and a port that is taken is said before a connection is touched."""

    async def story(bank_url: str) -> None:
        async with (
            fleet(postgres_database.url, tmp_path, Options(), bank_url) as it,
            it.worker("quiet") as quiet,
            it.worker("open", **ASKED) as opened,
        ):
            assert "metrics" not in quiet.said
            port = address(opened).removesuffix("/metrics").rpartition(":")[2]
            taken = {"PENSTOCK_DATABASE_URL": postgres_database.url}
            ran = await asyncio.to_thread(
                it.machine.run, "worker", "--metrics-port", port, code=1, environment=taken
            )
            assert f"something listens on port {port}" in ran.stderr
            assert "--metrics-port" in ran.stderr

    with bank_process(Machine(tmp_path / "bank"), Options()) as bank_url:
        play(story(bank_url))
