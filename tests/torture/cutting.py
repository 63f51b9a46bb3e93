"""Torture 2: PostgreSQL is stopped and started in mid-sync, over lines that break.

Workers reach the database and the bank through lines that are cut at random bytes, or trickle. The
bank answers with 5xx, halves and nonsense, and its clock is two hours off; the workers' clocks
differ by two seconds. Every other stop of the server is a crash (SIGQUIT), the others end its
connections (SIGINT).
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from datetime import timedelta
from random import Random
from typing import Final

import sqlalchemy as sa

from penstock.domain.clock import utc_now
from penstock.sandbox.bank import PEOPLE, Options
from tests.torture.judge import judge
from tests.torture.nursery import opened
from tests.torture.pause import NeverCame, pause, until
from tests.torture.proxy import breaking_line
from tests.torture.report import How, Report
from tests.torture.site import Site, site
from tests.torture.stores import store
from tests.torture.watched import watched_bank
from tests.torture.weather import Weather

STOPS: Final = {"short": 5, "long": 100}
WORKERS: Final = 2
CONNECTIONS: Final = 6
OFF: Final = timedelta(hours=2)
OPTIONS: Final = Options(
    transactions=60,
    page_size=5,
    latency_ms=4,
    slow_seconds=0,
    access_seconds=86_400,
    clock=lambda: utc_now() + OFF,
)


async def run(how: How) -> list[Report]:
    """Stop and start the server so often, let all calm down, and judge."""
    random = Random(how.seed)
    report = Report("2 outages", "postgres", how.seed)
    began = asyncio.get_running_loop().time()
    with store("postgres") as place:
        if place.cluster is None:
            raise AssertionError("there is no server to stop")
        async with (
            watched_bank(OPTIONS, random) as bank,
            site(place, bank) as here,
            opened(place.folder / "workers.log") as nursery,
            breaking_line(place.cluster.port, random, 60_000) as to_database,
            breaking_line(int(bank.url.rpartition(":")[2]), random, 6_000) as to_bank,
        ):
            for number in range(CONNECTIONS):
                await here.link(list(PEOPLE)[number % len(PEOPLE)])
            weather = Weather(bank.bank, random)
            url = place.url.replace(str(place.cluster.port), str(to_database.listens_on))
            given = {
                "home": str(place.folder),
                "url": url,
                "bank_url": f"http://127.0.0.1:{to_bank.listens_on}",
            }
            workers = [
                await nursery.start("work", ahead=2.0 * number, **given)
                for number in range(WORKERS)
            ]
            stops = STOPS["long" if how.long else "short"]
            try:
                to_database.calm = True  # a program that finds no database when it starts just ends
                await _in_mid_sync(here, weather, random)
                to_database.calm = False
                for stop in range(stops):
                    await _in_mid_sync(here, weather, random)
                    how_it_ends = signal.SIGQUIT if stop % 2 else signal.SIGINT
                    await asyncio.to_thread(place.cluster.halt, how_it_ends)
                    await pause(random.uniform(0.1, 1.5))
                    await asyncio.to_thread(place.cluster.resume)
                to_database.calm = to_bank.calm = True
                bank.bank.calm()
                calm = utc_now() + timedelta(seconds=2.0 * WORKERS)
                await until(
                    "all is synced after the last outage",
                    lambda: _patiently(lambda: here.done_since(calm)),
                )
                for worker in workers:
                    await nursery.signal(worker, signal.SIGTERM)
                codes = [await nursery.ended(worker) for worker in workers]
                if any(codes):
                    report.violations.append(f"workers that were asked to stop ended with {codes}")
            except NeverCame as never:
                report.violations += [str(never), nursery.said()]
            report.violations += await judge(here)
            report.figures = {
                "stops": stops,
                "connections cut": to_database.cuts + to_bank.cuts,
                "connections that trickled": to_database.trickles + to_bank.trickles,
                "faults": weather.faults,
                "syncs done": await here.count("SELECT count(*) FROM runs WHERE outcome = 'done'"),
                "syncs not done": await here.count(
                    "SELECT count(*) FROM runs WHERE outcome <> 'done'"
                ),
                "rows stored": await here.count("SELECT count(*) FROM transactions"),
            }
    report.figures["seconds"] = round(asyncio.get_running_loop().time() - began)
    return [report]


async def _in_mid_sync(here: Site, weather: Weather, random: Random) -> None:
    """Let there be news, and return when a few requests were made for them."""
    wanted = len(here.bank.watch.instants) + random.randrange(5, 60)
    weather.blow(8)

    async def asked() -> bool:
        await here.let_time_pass()
        return len(here.bank.watch.instants) >= wanted

    await until("workers sync", lambda: _patiently(asked))
    await _patiently(lambda: _followed(here))


async def _followed(here: Site) -> bool:
    await here.follow()
    return True


async def _patiently(look: Callable[[], Awaitable[bool]]) -> bool:
    """Look; where our own connection died with the server, it is too early to say."""
    try:
        return await look()
    except sa.exc.DBAPIError:
        return False
