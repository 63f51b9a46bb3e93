"""Torture 3: the disk is full, in the middle of syncs, and then there is room again.

Full means that no file of a worker may grow beyond so many bytes (RLIMIT_FSIZE, set on the living
process): at a random place in SQLite's log, or in the private file in which a large update waits.
Nothing is restarted: when there is room again, the same workers must go on by themselves.
"""

import asyncio
import resource
import signal
from random import Random
from typing import Any, Final

import sqlalchemy as sa

from penstock.db.runs import runs
from penstock.domain.clock import utc_now
from penstock.sandbox.bank import PEOPLE, Options
from penstock.sandbox.scenario import Scenario
from tests.torture.judge import judge
from tests.torture.nursery import Nursery, opened
from tests.torture.pause import NeverCame, pause, until
from tests.torture.report import How, Report
from tests.torture.site import Site, site
from tests.torture.stores import store
from tests.torture.watched import watched_bank
from tests.torture.weather import Weather

ROUNDS: Final = {"short": 10, "long": 200}
WORKERS: Final = 2
ROWS: Final = 150_000
"""So many do not wait in memory: their update goes to a private file."""
SMALL: Final = 1_000_000
NO_ROOM: Final = "%no room%"
_ALL: Final = 10_000_000


async def run(how: How) -> list[Report]:
    """Fill the disk under SQLite, and under the staging of a large update."""
    return [await on_sqlite(how), await in_staging(how)]


async def on_sqlite(how: How) -> Report:
    """Fill and free the disk so often while two processes write to one file; then judge."""
    random = Random(how.seed)
    report = Report("3 disk full", "sqlite", how.seed)
    began = asyncio.get_running_loop().time()
    options = Options(transactions=40, page_size=10, slow_seconds=0)
    with store("sqlite") as place:
        async with (
            watched_bank(options, random) as bank,
            site(place, bank) as here,
            opened(place.folder / "workers.log") as nursery,
        ):
            for person in PEOPLE:
                await here.link(person, Scenario.CALM)
            weather = Weather(bank.bank, random)
            given: dict[str, Any] = {**here.given, "patient": True}
            workers = [await nursery.start("work", **given) for _ in range(WORKERS)]
            try:
                for _ in range(ROUNDS["long" if how.long else "short"]):
                    await _full_for_a_while(here, nursery, workers, weather, random)
                await _end(nursery, workers)
            except NeverCame as never:
                report.violations += [str(never), nursery.said()]
            report.violations += await judge(here)
            report.figures = {
                "times full": ROUNDS["long" if how.long else "short"],
                "syncs that met it": await _syncs_that_met_it(here),
                "syncs done": await here.count("SELECT count(*) FROM runs WHERE outcome = 'done'"),
                "rows stored": await here.count("SELECT count(*) FROM transactions"),
            }
            if "disk I/O error" not in nursery.said(_ALL):
                report.violations.append("nothing met the full disk")
    report.figures["seconds"] = round(asyncio.get_running_loop().time() - began)
    return report


async def in_staging(how: How) -> Report:
    """Let an update of many pages find no room for its private file; then there is room."""
    report = Report("3 disk full", "postgres, in staging", how.seed)
    began = asyncio.get_running_loop().time()
    options = Options(transactions=ROWS, page_size=5_000)
    with store("postgres") as place:
        async with (
            watched_bank(options, Random(how.seed)) as bank,
            site(place, bank) as here,
            opened(place.folder / "workers.log") as nursery,
        ):
            await here.link("ada")
            worker = await nursery.start("work", **here.given)
            _limit(worker, SMALL)

            async def met() -> bool:
                await here.let_time_pass()
                return await _syncs_that_met_it(here) > 0

            try:
                await until("a sync says that there is no room", met)
                stored = await here.count("SELECT count(*) FROM transactions")
                cursors = await here.count("SELECT count(*) FROM cursors")
                if stored or cursors:
                    report.violations.append(f"half of an update: {stored} rows, {cursors} cursors")
                _limit(worker, resource.RLIM_INFINITY)
                room = utc_now()
                await until("it goes on by itself", lambda: here.done_since(room))
                await _end(nursery, [worker])
            except NeverCame as never:
                report.violations += [str(never), nursery.said()]
            report.violations += await judge(here)
            report.figures = {
                "syncs that met it": await _syncs_that_met_it(here),
                "rows stored": await here.count("SELECT count(*) FROM transactions"),
            }
    report.figures["seconds"] = round(asyncio.get_running_loop().time() - began)
    return report


async def _full_for_a_while(
    here: Site, nursery: Nursery, workers: list[int], weather: Weather, random: Random
) -> None:
    """Let no file grow for a while, and wait until all is synced when there is room again."""
    weather.blow(30)
    weather.bank.calm()
    for worker in workers:
        if not await nursery.alive(worker):
            raise NeverCame("a worker did not live through a full disk")
        _limit(worker, random.choice([0, 4_096, 32_768, 131_072, 524_288]))
    await here.let_time_pass()
    await pause(random.uniform(1.0, 3.0))
    for worker in workers:
        _limit(worker, resource.RLIM_INFINITY)
    room = utc_now()
    await until("all is synced when there is room again", lambda: here.done_since(room))
    await here.follow()


def _limit(worker: int, most: int) -> None:
    """Say how large a file a living process may write."""
    resource.prlimit(worker, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))


async def _end(nursery: Nursery, workers: list[int]) -> None:
    for worker in workers:
        await nursery.signal(worker, signal.SIGTERM)
    codes = [await nursery.ended(worker) for worker in workers]
    if any(codes):
        raise NeverCame(f"a worker that was asked to stop ended with {codes}")


async def _syncs_that_met_it(here: Site) -> int:
    query = sa.select(sa.func.count()).where(runs.c.message.like(NO_ROOM))
    return int((await here.all(query))[0][0])
