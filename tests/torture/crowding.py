"""Torture 6: very many connections, a few workers, and a provider with a cap and a rate.

The bank itself counts: how many requests come within the fullest second, and how many are under way
at once. A second provider is broken all the time, and must be in nobody's way.
"""

import asyncio
import signal
from random import Random
from typing import Any, Final

from penstock.domain.secret import Secret
from penstock.sandbox.bank import PEOPLE, Options
from penstock.sandbox.scenario import Scenario
from tests.torture.nursery import opened
from tests.torture.pause import NeverCame, until
from tests.torture.report import How, Report
from tests.torture.site import Site, site
from tests.torture.stores import store
from tests.torture.watched import watched_bank

CONNECTIONS: Final = {"short": 500, "long": 10_000}
RATES: Final = {"short": 60, "long": 200}
"""The short form's is low enough to be what holds a slow machine up."""
CAP: Final = 8
WORKERS: Final = 3
BROKEN: Final = 20
_PATIENCE: Final = 3_600.0


async def run(how: How) -> list[Report]:
    """Sync every connection once, all of them due at the same moment."""
    size = "long" if how.long else "short"
    rate, random = RATES[size], Random(how.seed)
    report = Report("6 a crowd", "postgres", how.seed)
    with store("postgres") as place:
        async with (
            watched_bank(Options(transactions=5, page_size=10, latency_ms=50), random) as bank,
            site(place, bank) as here,
            opened(place.folder / "workers.log") as nursery,
        ):
            people = list(PEOPLE)
            for number in range(CONNECTIONS[size]):
                await here.link(people[number % len(people)])
            await _link_the_broken(here)
            bank.watch.instants.clear()
            bank.watch.most_at_once = 0
            settings: dict[str, Any] = {
                "provider_rates": [f"sandbox={rate}/s"],
                "provider_caps": [f"sandbox={CAP}"],
            }
            began = asyncio.get_running_loop().time()
            workers = [
                await nursery.start(
                    "work", patient=True, lease_seconds=12, **here.given, **settings
                )
                for _ in range(WORKERS)
            ]
            try:
                await until("every connection had its turn", lambda: _all_done(here), _PATIENCE)
            except NeverCame as never:
                report.violations += [str(never), nursery.said()]
            took = asyncio.get_running_loop().time() - began
            for worker in workers:
                await nursery.signal(worker, signal.SIGTERM)
            for worker in workers:
                await nursery.ended(worker)
            fullest, at_once = bank.watch.fullest(), bank.watch.most_at_once
            report.figures = {
                "connections": CONNECTIONS[size],
                "cap": CAP,
                "most requests at once": at_once,
                "rate": rate,
                "requests": len(bank.watch.instants),
                "requests in the fullest second": fullest,
                "syncs done": await here.count("SELECT count(*) FROM runs WHERE outcome = 'done'"),
                "syncs of the broken provider": await here.count(_BROKEN_RUNS),
                "seconds": round(took),
            }
            if at_once > CAP:
                report.violations.append(f"{at_once} requests at once, and the cap is {CAP}")
            if fullest > rate:
                report.violations.append(f"{fullest} requests in a second, and the rate is {rate}")
            twice = await here.count(_TWICE)
            if twice:
                report.violations.append(f"{twice} connections had two turns before others had one")
    return [report]


_BROKEN_RUNS: Final = """
    SELECT count(*) FROM runs JOIN connections ON connections.id = runs.connection_id
    WHERE connector = 'starling'
"""
_TWICE: Final = """
    SELECT count(*) FROM (
        SELECT connection_id FROM runs JOIN connections ON connections.id = runs.connection_id
        WHERE connector = 'sandbox' GROUP BY connection_id HAVING count(*) > 1
    ) AS twice
"""
_WAITING: Final = """
    SELECT count(*) FROM connections WHERE connector = 'sandbox' AND last_success_at IS NULL
"""


async def _all_done(here: Site) -> bool:
    return await here.count(_WAITING) == 0


async def _link_the_broken(here: Site) -> None:
    """Link another provider some times, and let it answer with 500 from then on."""
    bank = here.bank.bank
    for number in range(BROKEN):
        token = bank.authority.personal_token("ada", Scenario.CALM)
        owner_id = here.held[number].owner_id
        await here.penstock.linker.paste(owner_id, "starling", Secret(token))
    here.bank.watch.break_elsewhere = True
