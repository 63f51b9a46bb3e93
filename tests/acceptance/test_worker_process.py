"""`penstock worker` as it runs in earnest: processes that are killed, stopped, and many."""

import asyncio
import signal
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest
import sqlalchemy as sa

from penstock.db.runs import INTERRUPTED
from penstock.db.transactions import transactions
from penstock.db.waiting import QUEUED
from penstock.domain.clock import utc_now
from penstock.domain.ids import public_id, row_number
from penstock.domain.outcome import Outcome
from penstock.engine.runner import GRACE
from penstock.sandbox.bank import Options
from tests.acceptance.processes import PASSWORD, Machine
from tests.acceptance.workers import USERNAME, bank_process, fleet, play, posix
from tests.conftest import in_ci
from tests.databases import Database
from tests.postgres import Cluster, Unavailable
from tests.torture.stores import store

TAKEOVER = timedelta(seconds=20)
SLOW = Options(transactions=30, page_size=5, latency_ms=200)
PAGES = 12
SLOWER = Options(transactions=5 * PAGES, page_size=5, latency_ms=200)
NEVER = Options(latency_ms=60_000)


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
            fleet(postgres_database.url, tmp_path, SLOWER, bank_url) as it,
            it.worker("one") as worker,
        ):
            await it.house.link()
            await it.in_mid_sync()
            assert [run.outcome for run in await it.history()] == ["running"]
            assert await worker.stop() == 0, worker.said
            assert [run.outcome for run in await it.history()] == [Outcome.DONE]
            assert await it.held() == 0
            assert await it.house.rows() == it.house.truth()

    with bank_process(Machine(tmp_path / "bank"), SLOWER) as bank_url:
        play(story(bank_url))


@posix
@pytest.mark.long
@pytest.mark.postgres
@pytest.mark.parametrize(("twice", "code"), [(False, 0), (True, 130)], ids=["once", "twice"])
def test_a_sync_that_does_not_end_is_abandoned(
    postgres_database: Database, tmp_path: Path, code: int, *, twice: bool
) -> None:
    """sync.md 29: a bank that answers after a minute holds up no shutdown; its run is closed.

    Whoever asks a second time does not wait for the grace to be over. What listens for Prometheus
    holds up neither.
    """

    async def story(bank_url: str) -> None:
        async with (
            fleet(postgres_database.url, tmp_path, NEVER, bank_url) as it,
            it.worker("one", PENSTOCK_METRICS_PORT="0") as worker,
        ):
            await it.house.link()

            async def asked() -> bool:
                return await it.asked("accounts") > 0

            await it.until("the bank is asked", asked)
            began = utc_now()
            if twice:
                await worker.ask_to_stop()
            assert await worker.stop() == code, worker.said
            grace = timedelta(seconds=GRACE)
            assert (utc_now() - began < grace) is twice
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


@posix
@pytest.mark.long
@pytest.mark.postgres
@pytest.mark.parametrize("how", ["fast", "crash"])
def test_a_worker_outlives_its_database(how: str, tmp_path: Path) -> None:
    """Architecture, Work: PostgreSQL ends in mid-sync and comes back; nobody restarts the worker.

    What became due meanwhile is synced, the sync that was torn is closed, and done when it is due.
    """

    async def story(url: str, cluster: Cluster, bank_url: str) -> None:
        async with (
            fleet(url, tmp_path, SLOWER, bank_url) as it,
            it.worker("one") as worker,
        ):
            quiet = await it.house.link()
            await it.until("the first is synced", lambda: it.ended(1))
            torn = await it.house.link()
            await it.in_mid_sync(pages=PAGES + 2)
            due = utc_now() + timedelta(seconds=1)
            await it.let_be_due(quiet, due)
            number = signal.SIGINT if how == "fast" else signal.SIGQUIT
            await asyncio.to_thread(cluster.halt, number)
            gone = utc_now()

            async def is_due() -> bool:
                return utc_now() > due

            await it.until("it is due", is_due)
            await asyncio.to_thread(cluster.resume)
            await it.until("what was due is synced", lambda: it.ended(3))
            first, broken, after = await it.history()
            assert [run.connection_id for run in (first, broken, after)] == [quiet, torn, quiet]
            assert (first.outcome, after.outcome) == (Outcome.DONE, Outcome.DONE)
            assert after.started_at > gone
            assert broken.outcome == Outcome.TRANSIENT
            await it.let_be_due(torn, utc_now())
            await it.until("the torn one is synced", lambda: it.ended(4))
            assert (await it.history())[-1].outcome == Outcome.DONE
            [rows] = await it.house.all(sa.select(sa.func.count()).select_from(transactions))
            assert rows[0] == 2 * len(it.house.truth())
            assert worker.process.returncode is None
            assert await worker.stop() == 0, worker.said

    try:
        with (
            store("postgres") as place,
            bank_process(Machine(tmp_path / "bank"), SLOWER) as bank_url,
        ):
            assert place.cluster is not None
            play(story(place.url, place.cluster, bank_url))
    except Unavailable as error:
        (pytest.fail if in_ci() else pytest.skip)(f"no PostgreSQL to stop: {error}")


@posix
@pytest.mark.long
@pytest.mark.postgres
def test_a_worker_that_hears_nothing_any_more_begins_again(
    postgres_database: Database, tmp_path: Path
) -> None:
    """Architecture, Work: only the connection by which it is told of work dies; it gets another.

    It notices within 20 s; and it does not take its own failing for a request to stop.
    """

    async def story(bank_url: str) -> None:
        async with (
            fleet(postgres_database.url, tmp_path, SLOW, bank_url) as it,
            it.worker("one") as worker,
        ):
            await it.until("it listens", it.listening)
            [deaf] = await it.listening()
            await it.house.all(sa.select(sa.func.pg_terminate_backend(deaf)))

            async def listens_again() -> bool:
                return bool(set(await it.listening()) - {deaf})

            await it.until("it listens again", listens_again)
            await it.house.link()
            await it.until("what is due is synced", lambda: it.ended(1))
            assert [run.outcome for run in await it.history()] == [Outcome.DONE]
            assert await worker.stop() == 0, worker.said

    with bank_process(Machine(tmp_path / "bank"), SLOW) as bank_url:
        play(story(bank_url))


@posix
@pytest.mark.long
@pytest.mark.postgres
def test_a_worker_carries_out_what_the_api_was_asked_for(
    postgres_database: Database, tmp_path: Path
) -> None:
    """Architecture, Work: `serve --no-worker` gives a sync its id; a worker does it under that id.

    Who asks twice gets the same id while it waits.
    """

    async def story(bank_url: str) -> None:
        async with fleet(postgres_database.url, tmp_path, SLOW, bank_url) as it:
            path = f"/v1/connections/{public_id('con', await it.house.link())}/syncs"
            with it.machine.running("serve", "--no-worker", "--port", "0") as server:
                async with httpx2.AsyncClient(base_url=server.url) as ada:
                    form = {"username": USERNAME, "password": PASSWORD, "grant_type": "password"}
                    token = (await ada.post("/token", data=form)).json()["access_token"]
                    ada.headers["Authorization"] = f"Bearer {token}"
                    asked = [await ada.post(path) for _ in range(2)]
                    assert [answer.status_code for answer in asked] == [202, 202]
                    waiting, again = [answer.json() for answer in asked]
                    assert waiting["outcome"] == QUEUED
                    assert again["id"] == waiting["id"]
                    async with it.worker("worker") as worker:
                        await it.until("it is done", lambda: it.ended(1))
                        later = (await ada.post(path)).json()
                        await it.until("it is done again", lambda: it.ended(2))
                        assert await worker.stop() == 0, worker.said
                    ids = [waiting["id"], later["id"]]
                    ended = [(await ada.get(f"/v1/syncs/{one}")).json() for one in ids]
            assert [one["outcome"] for one in ended] == [Outcome.DONE, Outcome.DONE]
            assert {one["trigger"] for one in ended} == {"person"}
            assert [one["counts"]["inserted"] for one in ended] == [len(it.house.truth()), 0]
            assert await it.by_whom() == [(row_number("run", one), "worker") for one in ids]

    with bank_process(Machine(tmp_path / "bank"), SLOW) as bank_url:
        play(story(bank_url))
