"""An institution with trouble of its own is left alone, probed once, and slows no other."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from penstock.db import breakers, connections
from penstock.db.connect import open_database
from penstock.domain.breaker import FIRST, HEALTHY, PROBE, RUNS, BreakerState
from penstock.domain.errors import TransportFailure
from penstock.domain.outcome import Ending, Outcome
from penstock.domain.request import Request
from penstock.engine.health import Health
from penstock.engine.ledger import SharedLedger
from penstock.engine.limits_seen import limits_seen
from penstock.engine.meter import Meters
from tests.databases import Database
from tests.engine.bench import NOON, Bench, bench
from tests.engine.crowd import crowd
from tests.engine.fake_bank import URL, FakeBank, page, reading
from tests.engine.house import no_wait, play

GET = Request("GET", URL)


def asking() -> FakeBank:
    """Return a bank that is asked once for its one page."""
    return FakeBank(scripts={"a": reading(GET, page(cursor="x"))})


def metered(it: Bench) -> None:
    """Let the bench's requests pass a meter; what others learn is known at once."""
    it.syncer = replace(
        it.syncer,
        meters=Meters(
            database=it.database,
            ledger=SharedLedger(it.database, it.watch, one_clock=True),
            health=Health(it.database, it.watch, kept=timedelta(0)),
            metrics=it.syncer.metrics,
            clock=it.watch,
            sleep=no_wait,
        ),
    )


async def sync(it: Bench, connection_id: int) -> Ending:
    """Sync a connection as soon as it may be."""
    clear = connections.connections.update().values(not_before=None)
    await it.write(clear)
    run = await it.syncer.start(connection_id, trigger="test")
    assert run is not None
    ending, _ = await run.finish()
    return ending


async def break_it(it: Bench, *, institution: str = "fake") -> list[int]:
    """Let runs of several connections meet trouble, until the breaker opens."""
    numbers = [it.connection_id, *[await it.connect() for _ in range(RUNS - 1)]]
    c = connections.connections
    await it.write(c.update().values(institution_id=institution, institution_name="Fake"))
    for number in numbers:
        it.wire.says = [503, TransportFailure("cut off")] * 5
        await sync(it, number)
    it.wire.says.clear()
    it.wire.sent.clear()
    return numbers


async def state(it: Bench, institution: str = "fake") -> BreakerState:
    """Return the state of a breaker."""
    found = await it.database.read(breakers.of_connector, "fake")
    return found.get(institution, HEALTHY).state(it.watch.now)


def test_an_open_breaker_asks_nobody(database: Database) -> None:
    """sync.md 24: it opens over different runs; then a run ends without asking, with the instant.

    It is no failure of the connection's own, and the connection comes back by itself.
    """

    async def story() -> None:
        async with bench(database.url, asking()) as it:
            metered(it)
            await break_it(it)
            assert await state(it) is BreakerState.OPEN
            fresh = await it.connect()
            c = connections.connections
            await it.write(c.update().values(institution_id="fake", institution_name="Fake"))
            ending = await sync(it, fresh)
            assert (ending.outcome, ending.until) == (Outcome.THROTTLED, it.watch.now + FIRST)
            assert ending.remedy is not None
            assert "trouble of its own" in ending.remedy.text
            assert it.wire.sent == []
            row = await it.database.read(connections.get, fresh)
            assert (row.failures, row.not_before) == (0, ending.until)
            seen = await it.database.read(limits_seen, clock=it.watch)
            assert seen.breakers == {("fake", "fake"): 2}

    play(story())


def test_a_run_in_its_retries_stops_when_it_opens(sqlite_database: Database) -> None:
    """sync.md 24: the run whose trouble opened it does not go on asking."""

    async def story() -> None:
        async with bench(sqlite_database.url, asking()) as it:
            metered(it)
            numbers = await break_it(it)
            it.watch.later(seconds=FIRST.total_seconds())
            it.wire.says = [503] * 9
            ending = await sync(it, numbers[0])
            assert len(it.wire.sent) == 1, "one probe is one request"
            assert ending.until == it.watch.now + 2 * FIRST

    play(story())


def test_a_good_probe_closes_it(database: Database) -> None:
    """sync.md 24: what was open is as it was before anything happened, for every connection."""

    async def story() -> None:
        async with bench(database.url, asking()) as it:
            metered(it)
            numbers = await break_it(it)
            it.watch.later(seconds=FIRST.total_seconds())
            for number in numbers:
                assert (await sync(it, number)).outcome is Outcome.DONE
            assert await it.all(breakers.breakers.select()) == []

    play(story())


def test_one_broken_institution_slows_no_other(sqlite_database: Database) -> None:
    """sync.md 24, 29: behind the same provider, another bank is asked as ever."""

    async def story() -> None:
        async with bench(sqlite_database.url, asking()) as it:
            metered(it)
            await break_it(it, institution="broken")
            other = await it.connect()
            c = connections.connections
            await it.write(c.update().where(c.c.id == other).values(institution_id="well"))
            assert (await sync(it, other)).outcome is Outcome.DONE
            assert await state(it, "broken") is BreakerState.OPEN

    play(story())


@pytest.mark.parametrize("status", [429, 403, 401, 422])
def test_what_is_no_trouble_of_the_banks_does_not_count(
    sqlite_database: Database, status: int
) -> None:
    """sync.md 24: slow down, a consent that ended, an answer without sense: the bank is there."""

    async def story() -> None:
        async with bench(sqlite_database.url, asking()) as it:
            metered(it)
            for _ in range(RUNS + 1):
                it.wire.says = [status] * 9
                await sync(it, it.connection_id)
            assert await it.all(breakers.breakers.select()) == []

    play(story())


def test_an_accident_is_no_trouble(sqlite_database: Database) -> None:
    """sync.md 24: a bank that fails now and then, and answers when it is asked again, is well."""

    async def story() -> None:
        async with bench(sqlite_database.url, asking()) as it:
            metered(it)
            for _ in range(RUNS + 1):
                it.wire.says = [503]
                assert (await sync(it, it.connection_id)).outcome is Outcome.DONE
                it.wire.says = [503, 503, 503]
                assert (await sync(it, it.connection_id)).outcome is Outcome.DONE
            assert await it.all(breakers.breakers.select()) == []

    play(story())


def test_half_open_lets_one_of_all_processes_through(database: Database) -> None:
    """sync.md 24: of 20 runs in 4 processes that come at the same moment, one probes."""

    async def story() -> None:
        async with open_database(database.url) as opened:
            health = Health(opened, lambda: NOON)
            for run in range(RUNS):
                await health.trouble("fake", "one", f"before {run}")
            then = NOON + FIRST
            told = await crowd(
                4, "tests.engine.pacing.probe", url=database.url, at=then.isoformat(), tasks=5
            )
            assert sum(told) == 1
            (row,) = await opened.read(breakers.unwell)
            assert row.breaker.probing_until == then + PROBE

    play(story())


def test_what_is_well_is_not_asked_for_again_and_again(sqlite_database: Database) -> None:
    """sync.md 24: one small read a second and provider, however many requests there are."""

    async def story() -> None:
        async with open_database(sqlite_database.url) as opened:
            now = [NOON]
            health = Health(opened, lambda: now[0])
            first = await health.known("fake")
            passages = [health.may_pass("fake", "one", f"{run}") for run in range(50)]
            assert all(one.allowed for one in await asyncio.gather(*passages))
            assert await health.known("fake") is first
            now[0] += timedelta(seconds=1)
            assert await health.known("fake") is not first

    play(story())
