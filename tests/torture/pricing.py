"""Torture 7: `kill -9` of processes that fetch prices, in mid-fetch, and others in their place.

Two ask one exchange as fast as they may; one after another is killed at a random moment and
replaced. The exchange is the judge: it never sees more than its quota, two requests closer than it
declares, more at a time than it takes, nor anybody after it asked to be left alone and somebody
stored that.
"""

from random import Random
from typing import Final

from tests.databases import Kind
from tests.torture.exchange import Terms, exchange, settled
from tests.torture.nursery import opened
from tests.torture.pause import NeverCame, pause, until
from tests.torture.report import How, Report
from tests.torture.stores import BOTH, Store, store

KILLS: Final = {"short": 12, "long": 300}
PROCESSES: Final = 2
LEASE: Final = 0.6
INTERVAL: Final = 0.06


async def run(how: How) -> list[Report]:
    """Torture both databases."""
    reports = []
    for kind in BOTH:
        with store(kind) as place:
            kills = KILLS["long" if how.long else "short"]
            reports.append(await torture(place, kind, how.seed, kills))
    return reports


async def torture(place: Store, kind: Kind, seed: int, kills: int) -> Report:
    """Kill so many processes, let two spend what is left, start one more, and judge."""
    random = Random(f"{seed}:{kind}")
    report = Report("7 prices", kind, seed)
    terms = Terms(calls=4 * kills, interval=INTERVAL)
    async with (
        exchange(terms, random) as judge,
        opened(place.folder / "prices.log") as nursery,
    ):
        given = {
            "url": place.url,
            "port": judge.port,
            "calls": terms.calls,
            "interval": INTERVAL,
            "lease": LEASE,
        }

        async def fetching() -> bool:
            return bool(judge.came)

        async def spent() -> bool:
            return not any([await nursery.alive(child) for child in living])

        living = [await nursery.start("ask_prices", **given) for _ in range(PROCESSES)]
        try:
            await until("somebody asks", fetching)
            for _ in range(kills):
                await pause(random.uniform(0.02, 0.5))
                await nursery.kill(living.pop(random.randrange(PROCESSES)))
                living.append(await nursery.start("ask_prices", **given))
            await until("the quota is spent", spent, 120)
            living = [await nursery.start("ask_prices", **given)]
            await until("the next one sees that", spent, 60)
        except NeverCame as never:
            report.violations += [str(never), nursery.said()]
        await settled(judge, 0.2)
        report.violations += judge.judge()
        if not judge.noted or len(judge.came) < kills:
            report.violations.append(f"it proves nothing: {len(judge.came)}, {judge.noted} closed")
        report.figures |= {
            "kills": kills,
            "requests": len(judge.came),
            "allowed": terms.calls,
            "asked to be left alone": len(judge.closings),
            "of that stored": judge.noted,
        }
    return report
