"""What kills its process again and again is parked, and takes nobody with it for long."""

import pytest

from penstock.db import connections, runs
from penstock.domain.remedy import RemedyKind
from penstock.engine.opening import SCHEDULE
from tests.databases import Database
from tests.engine.bench import NOON, Bench
from tests.engine.yard import HOUR, Yard, in_yard


async def die(it: Bench, number: int, times: int) -> None:
    """Let the process die with a sync so often: its lease runs out, nothing is written."""
    for _ in range(times):
        assert await it.syncer.start(number, trigger=SCHEDULE) is not None
        it.watch.later(seconds=13)


def test_what_kills_its_process_is_parked(database: Database) -> None:
    """Architecture, Work: after five starts without an ending it is due no more, and says why."""

    async def story(place: Yard) -> None:
        it = place.it
        await die(it, it.connection_id, 5)
        assert await place.runner.tick() == 0
        parked = await it.connection()
        assert parked.parked_at == it.watch.now
        assert (parked.remedy_kind, parked.failures) == (RemedyKind.FIX_CODE, 1)
        assert "penstock sync" in parked.remedy_text
        assert {run.outcome for run in await it.all(runs.runs.select())} == {runs.INTERRUPTED}
        it.watch.later(days=30)
        assert await place.runner.tick() == 0

    in_yard(database, story)


@pytest.mark.parametrize("way", ["click", "renewal"])
def test_a_person_takes_it_out_again(database: Database, way: str) -> None:
    """A click or a renewed consent starts it once more; when it ends, all is forgotten."""

    async def story(place: Yard) -> None:
        it = place.it
        await die(it, it.connection_id, 5)
        assert await place.runner.tick() == 0
        if way == "click":
            number = await place.runner.sync_now(it.connection_id, trigger="person")
            await place.runner.wait(number)
        else:
            await it.database.write(
                connections.renew, it.connection_id, consent_expires_at=None, now=it.watch()
            )
            assert await place.runner.tick() == 1
            await place.idle()
        after = await it.connection()
        assert (after.parked_at, after.starts, after.last_outcome) == (None, 0, "done")
        it.watch.later(hours=12)
        assert await place.runner.tick() == 1

    in_yard(database, story)


def test_one_that_dies_once_more_after_the_click_is_parked_again(database: Database) -> None:
    """A click is one more try, not five."""

    async def story(place: Yard) -> None:
        it = place.it
        await die(it, it.connection_id, 5)
        await place.runner.tick()
        assert await it.syncer.start(it.connection_id, trigger="person") is not None
        assert (await it.connection()).parked_at is None
        it.watch.later(seconds=13)
        assert await place.runner.tick() == 0
        assert (await it.connection()).parked_at is not None

    in_yard(database, story)


def test_suspects_run_one_by_one(database: Database) -> None:
    """Those that were killed twice are started beside no other such: the innocent soon end."""

    async def story(place: Yard) -> None:
        it = place.it
        other = await it.connect()
        for number in (it.connection_id, other):
            await die(it, number, 2)
        assert await place.runner.tick() == 1
        assert await place.runner.tick() == 0
        place.gate.set()
        await place.idle()
        assert await place.runner.tick() == 1
        await place.idle()
        assert [outcome for *_, outcome in await place.history()][-2:] == ["done", "done"]

    in_yard(database, story, open_gate=False)


def test_an_ending_that_could_not_be_written_is_written_later(database: Database) -> None:
    """A database that was away for a while parks nobody: the process is there to tell."""

    async def story(place: Yard) -> None:
        it = place.it
        number = await place.runner.sync_now(it.connection_id, trigger="person")
        await place.asked()
        broken = "ALTER TABLE {} RENAME TO {}"
        there, away = ("runs", "runs_away")
        await it.database.write(lambda one: one.exec_driver_sql(broken.format(there, away)))
        slept = 0

        async def sleep(_seconds: float) -> None:
            nonlocal slept
            slept += 1
            if slept == 3:
                await it.database.write(lambda one: one.exec_driver_sql(broken.format(away, there)))

        object.__setattr__(place.runner.syncer, "sleep", sleep)
        place.gate.set()
        await place.runner.wait(number)
        assert slept == 3
        after = await it.connection()
        assert after.starts == 0
        assert (await it.run(number)).outcome in ("transient", "contract")

    in_yard(database, story, open_gate=False)


def test_a_start_that_ended_is_no_start_in_a_row(database: Database) -> None:
    """Failures that end are failures: they are counted elsewhere, and park nothing."""

    async def story(place: Yard) -> None:
        it = place.it
        for _ in range(7):
            it.wire.says = [503] * 9
            await place.runner.tick()
            await place.idle()
            it.watch.later(hours=12)
        after = await it.connection()
        assert (after.parked_at, after.starts) == (None, 0)
        assert after.failures == 7
        assert it.watch.now > NOON + HOUR

    in_yard(database, story)
