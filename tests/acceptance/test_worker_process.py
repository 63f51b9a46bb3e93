"""`penstock worker` as it runs in earnest: processes that are killed, stopped, and many."""

import sys
from datetime import timedelta
from pathlib import Path

import pytest

from penstock.db.runs import INTERRUPTED
from penstock.domain.clock import utc_now
from penstock.domain.outcome import Outcome
from penstock.sandbox.bank import Options
from tests.acceptance.processes import Machine
from tests.acceptance.workers import bank_process, fleet, play
from tests.databases import Database

TAKEOVER = timedelta(seconds=20)
SLOW = Options(transactions=30, page_size=5, latency_ms=200)
NEVER = Options(latency_ms=60_000)
posix = pytest.mark.skipif(sys.platform == "win32", reason="a worker is stopped by SIGTERM")


@posix
@pytest.mark.long
@pytest.mark.postgres
def test_a_killed_worker_is_replaced(postgres_database: Database, tmp_path: Path) -> None:
    """Architecture, Work: at default settings another worker has ended its sync within 20 s.

    sync.md 20: nothing that the dead one read is half stored, nothing is there twice.
    """

    async def story(bank_url: str) -> None:
        async with (
            fleet(postgres_database.url, tmp_path, SLOW, bank_url) as it,
            it.worker("one"),
            it.worker("two"),
        ):
            await it.house.link()
            await it.in_mid_sync()
            [(first, name)] = await it.by_whom()
            killed = utc_now()
            await it.workers[name].kill()
            await it.until("another ends it", lambda: it.ended(2))
            lost, done = await it.history()
            assert (lost.id, lost.outcome, done.outcome) == (first, INTERRUPTED, Outcome.DONE)
            other = ({"one", "two"} - {name}).pop()
            assert await it.by_whom() == [(first, name), (done.id, other)]
            assert done.finished_at is not None
            assert done.finished_at - killed <= TAKEOVER
            assert await it.house.rows() == it.house.truth()
            assert await it.workers[other].stop() == 0

    with bank_process(Machine(tmp_path / "bank"), SLOW) as bank_url:
        play(story(bank_url))


@posix
@pytest.mark.long
@pytest.mark.postgres
def test_a_worker_that_is_asked_to_stop_ends_its_sync(
    postgres_database: Database, tmp_path: Path
) -> None:
    """sync.md 29: at SIGTERM a sync under way is done to its end; the exit code is 0."""

    async def story(bank_url: str) -> None:
        async with (
            fleet(postgres_database.url, tmp_path, SLOW, bank_url) as it,
            it.worker("one") as worker,
        ):
            await it.house.link()
            await it.in_mid_sync()
            assert [run.outcome for run in await it.history()] == ["running"]
            assert await worker.stop() == 0, worker.said
            assert [run.outcome for run in await it.history()] == [Outcome.DONE]
            assert await it.held() == 0
            assert await it.house.rows() == it.house.truth()

    with bank_process(Machine(tmp_path / "bank"), SLOW) as bank_url:
        play(story(bank_url))


@posix
@pytest.mark.long
@pytest.mark.postgres
def test_a_sync_that_does_not_end_is_abandoned(postgres_database: Database, tmp_path: Path) -> None:
    """sync.md 29: a bank that answers after a minute holds up no shutdown; its run is closed."""

    async def story(bank_url: str) -> None:
        async with (
            fleet(postgres_database.url, tmp_path, NEVER, bank_url) as it,
            it.worker("one") as worker,
        ):
            await it.house.link()

            async def asked() -> bool:
                return await it.asked("accounts") > 0

            await it.until("the bank is asked", asked)
            assert await worker.stop() == 0, worker.said
            [run] = await it.history()
            assert run.outcome == Outcome.TRANSIENT
            assert run.finished_at is not None
            assert "interrupted" in (run.message or "")
            assert await it.held() == 0
            assert await it.house.rows() == {}

    with bank_process(Machine(tmp_path / "bank"), NEVER) as bank_url:
        play(story(bank_url))


def test_a_worker_on_sqlite_says_what_to_do(tmp_path: Path) -> None:
    """Product: workers need PostgreSQL; on a SQLite file `serve` syncs, and nothing is touched."""
    machine = Machine(tmp_path / "home")
    refused = machine.run("worker", code=2)
    assert "SQLite" in refused.stderr
    assert "penstock serve" in refused.stderr
    assert "PENSTOCK_DATABASE_URL=postgresql://" in refused.stderr
    assert refused.stdout == ""
    assert not machine.home.exists()
