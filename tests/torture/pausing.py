"""Torture 4: workers that sleep past their lease, and wake up in the middle of another's work.

Two or four workers are forced onto one connection. In each trial the one that syncs is stopped
(SIGSTOP) at a random request, until its lease has run out and another has taken over, or until it
is clear that it sleeps inside its transaction and nobody can. Then it is woken (SIGCONT), while the
other is at work or done. With four workers the one that took over is stopped as well, sometimes.
The database notes under which fence each row is written.
"""

import asyncio
import signal
from dataclasses import dataclass, field
from random import Random
from typing import Final

from penstock.domain.clock import utc_now
from penstock.sandbox.bank import Options
from tests.torture import tracing
from tests.torture.judge import judge
from tests.torture.nursery import Nursery, opened
from tests.torture.pause import NeverCame, pause, until
from tests.torture.report import Figures, How, Report
from tests.torture.site import Held, Site, site
from tests.torture.stores import store
from tests.torture.watched import watched_bank
from tests.torture.weather import Weather

TRIALS: Final = {"short": 10, "long": 100}
"""For two workers, and again for four."""
LEASE: Final = 2.0
_NOBODY_CAN: Final = 4 * LEASE
OPTIONS: Final = Options(transactions=30, page_size=3, latency_ms=15, slow_seconds=0)


async def run(how: How) -> list[Report]:
    """Torture two workers, then four, on PostgreSQL."""
    return [await torture(workers, how) for workers in (2, 4)]


async def torture(workers: int, how: How) -> Report:
    """Stop and wake so often, let all calm down, and judge."""
    random = Random(f"{how.seed}:{workers}")
    report = Report("4 paused workers", f"postgres, {workers} workers", how.seed)
    began = asyncio.get_running_loop().time()
    with store("postgres") as place:
        async with (
            watched_bank(OPTIONS, random, doors=workers) as bank,
            site(place, bank) as here,
            opened(place.folder / "workers.log") as nursery,
        ):
            held = await here.link("ada")
            await here.penstock.database.write(tracing.install)
            trials = Trials(here, nursery, random, held, Weather(bank.bank, random))
            try:
                await trials.run(TRIALS["long" if how.long else "short"])
                await trials.calm_down()
            except NeverCame as never:
                report.violations += [str(never), nursery.said()]
            report.violations += await here.penstock.database.read(tracing.stale_writes)
            await here.penstock.database.write(tracing.remove)
            report.violations += await judge(here)
            report.figures |= await trials.figures()
    report.figures["seconds"] = round(asyncio.get_running_loop().time() - began)
    return report


@dataclass(slots=True)
class Trials:
    """Workers by the door of the bank that each uses, and what was done to them."""

    site: Site
    nursery: Nursery
    random: Random
    held: Held
    weather: Weather
    workers: dict[int, int] = field(default_factory=dict)
    taken_over: int = 0
    in_transaction: int = 0
    both_stopped: int = 0

    async def run(self, trials: int) -> None:
        """Start the workers, and stop and wake one after another."""
        for door in self.site.bank.doors:
            given = {**self.site.given, "bank_url": f"http://127.0.0.1:{door}"}
            worker = await self.nursery.start("work", lease_seconds=LEASE, **given)
            self.workers[door] = worker
        for _ in range(trials):
            await self._trial()

    async def calm_down(self) -> None:
        """Let everything be synced; then end the workers, as asked to."""
        self.site.bank.bank.calm()
        calm = utc_now()
        await until("all is synced after the last trial", lambda: self.site.done_since(calm))
        for worker in self.workers.values():
            await self.nursery.signal(worker, signal.SIGTERM)
        codes = [await self.nursery.ended(worker) for worker in self.workers.values()]
        if any(codes):
            raise NeverCame(f"a worker that was asked to stop ended with {codes}")

    async def figures(self) -> Figures:
        """Return what is worth a table."""
        count = self.site.count
        return {
            "trials": self.taken_over + self.in_transaction,
            "taken over while it slept": self.taken_over,
            "slept inside its transaction": self.in_transaction,
            "two asleep at once": self.both_stopped,
            "leases taken": await count("SELECT sum(fence) FROM leases"),
            "syncs done": await count("SELECT count(*) FROM runs WHERE outcome = 'done'"),
            "rows stored": await count("SELECT count(*) FROM transactions"),
        }

    async def _trial(self) -> None:
        first = await self._stop_who_syncs(set())
        stopped = {first}
        if await self._another_took_over(stopped):
            self.taken_over += 1
            if len(self.workers) > 2 and self.random.random() < 0.5:
                stopped.add(await self._stop_who_syncs(stopped))
                self.both_stopped += 1
                await self._another_took_over(stopped)
        else:
            self.in_transaction += 1
        await pause(self.random.uniform(0, 0.4))
        for door in stopped:
            await self.nursery.signal(self.workers[door], signal.SIGCONT)
        await pause(self.random.uniform(0, 0.5))
        await self.site.follow()

    async def _stop_who_syncs(self, asleep: set[int]) -> int:
        """Let there be news, and stop the worker that fetches them, at some request of its sync."""
        watch = self.site.bank.watch
        wanted = len(watch.instants) + self.random.randrange(1, 9)
        self.weather.blow(5)

        async def in_mid_sync() -> bool:
            await self.site.let_time_pass()
            return len(watch.instants) >= wanted and watch.door in self.workers.keys() - asleep

        await until("somebody syncs", in_mid_sync)
        door = watch.door
        await self.nursery.signal(self.workers[door], signal.SIGSTOP)
        return door

    async def _another_took_over(self, asleep: set[int]) -> bool:
        """Wait for the bank to hear of somebody who is awake; False where nobody can."""
        watch = self.site.bank.watch
        heard = len(watch.instants)

        async def heard_of() -> bool:
            await self.site.let_time_pass()
            return len(watch.instants) > heard and watch.door not in asleep

        try:
            await until("another takes over", heard_of, _NOBODY_CAN)
        except NeverCame:
            return False
        return True
