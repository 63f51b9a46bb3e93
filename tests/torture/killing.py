"""Torture 1: `kill -9` of a worker at random moments.

Three workers sync eight connections again and again, each sync with a renewal of its tokens, while
rows move and answers fail; one worker after another is killed and replaced. With a bank that grants
one retry no consent may end: the next kill comes only when the retry has been used, for the bank
grants no second. With strict rotation a consent ends where the kill came between the bank's answer
and our commit, and nowhere else; the person then consents again.
"""

import asyncio
import signal
from dataclasses import dataclass, field
from random import Random
from typing import Final

from penstock.domain.clock import utc_now
from penstock.domain.consent import ConsentState
from penstock.sandbox.bank import PEOPLE, Options
from penstock.sandbox.scenario import Scenario
from tests.databases import Kind
from tests.torture.judge import judge
from tests.torture.nursery import Nursery, opened
from tests.torture.pause import NeverCame, pause, until
from tests.torture.report import How, Report
from tests.torture.site import Site, site
from tests.torture.stores import BOTH, store
from tests.torture.watched import watched_bank
from tests.torture.weather import Weather

KILLS: Final = {"short": 25, "long": 500}
"""For each kind of bank on each database."""
WORKERS: Final = 3
CONNECTIONS: Final = 8
BANKS: Final = {
    "one retry": Scenario.ROTATION_WITH_GRACE,
    "strict": Scenario.STRICT_ROTATION,
}
OPTIONS: Final = Options(
    transactions=40, page_size=4, latency_ms=4, access_seconds=30, slow_seconds=0
)


async def run(how: How) -> list[Report]:
    """Torture both databases with both kinds of bank."""
    return [await torture(kind, name, how) for kind in BOTH for name in BANKS]


async def torture(kind: Kind, bank_kind: str, how: How) -> Report:
    """Kill so many workers, let all calm down, and judge."""
    kills = KILLS["long" if how.long else "short"]
    random = Random(f"{how.seed}:{kind}:{bank_kind}")
    report = Report("1 kill -9", f"{kind}, {bank_kind}", how.seed)
    began = asyncio.get_running_loop().time()
    with store(kind) as place:
        async with (
            watched_bank(OPTIONS, random, token_seconds=0.15) as bank,
            site(place, bank) as here,
            opened(place.folder / "workers.log") as nursery,
        ):
            for number in range(CONNECTIONS):
                person = list(PEOPLE)[number % len(PEOPLE)]
                await here.link(person, BANKS[bank_kind])
            slaughter = Slaughter(here, nursery, random, Weather(bank.bank, random))
            try:
                await slaughter.kill(kills, spare=bank_kind == "one retry")
                await slaughter.calm_down()
            except NeverCame as never:
                report.violations += [str(never), nursery.said()]
            report.violations += slaughter.judge_consents(bank_kind)
            report.violations += await judge(here)
            report.figures |= await slaughter.figures()
    report.figures["seconds"] = round(asyncio.get_running_loop().time() - began)
    return report


@dataclass(slots=True)
class Slaughter:
    """Workers that die, and what became of the consents meanwhile."""

    site: Site
    nursery: Nursery
    random: Random
    weather: Weather
    workers: list[int] = field(default_factory=list)
    kills: int = 0
    ended: set[int] = field(default_factory=set)
    struck: set[int] = field(default_factory=set)

    async def kill(self, kills: int, *, spare: bool) -> None:
        """Kill so many, at random moments. Where retries are spared, never between two of them."""
        while len(self.workers) < WORKERS:
            await self._start()
        while self.kills < kills:
            await self._live(self.random.uniform(0.05, 0.8))
            if spare:
                await until("a renewal that was lost is done again", self._retries_are_over)
            victim = self.workers.pop(self.random.randrange(WORKERS))
            await self.nursery.kill(victim)
            self.kills += 1
            self.struck |= self.site.bank.authority.unproven()
            await self._start()

    async def calm_down(self) -> None:
        """Let the bank get well and everything be synced; then end the workers, as asked to."""
        self.site.bank.bank.calm()
        calm = utc_now()

        async def done() -> bool:
            await self._renew_the_dead()
            return await self.site.done_since(calm) and not await self.site.dead()

        await until("each connection is synced after the last kill", done)
        for worker in self.workers:
            await self.nursery.signal(worker, signal.SIGTERM)
        codes = [await self.nursery.ended(worker) for worker in self.workers]
        if any(codes):
            raise NeverCame(f"a worker that was asked to stop ended with {codes}")

    def judge_consents(self, bank_kind: str) -> list[str]:
        """Compare the consents that ended with the bank's log."""
        lost = {one.grant.number for one in self.site.bank.authority.lost()}
        if bank_kind == "one retry":
            return [f"{len(self.ended)} consents ended at a patient bank"] if self.ended else []
        if lost != self.ended:
            return [f"ended are {sorted(self.ended)}, lost at the bank were {sorted(lost)}"]
        return []

    async def figures(self) -> dict[str, int | float | str]:
        """Return what is worth a table."""
        count = self.site.count
        recovered = "SELECT count(*) FROM refreshes WHERE outcome = 'lost'"
        return {
            "kills": self.kills,
            "syncs killed": await count("SELECT count(*) FROM runs WHERE outcome = 'interrupted'"),
            "syncs done": await count("SELECT count(*) FROM runs WHERE outcome = 'done'"),
            "rows stored": await count("SELECT count(*) FROM transactions"),
            "moves at the bank": self.weather.moves,
            "faults": self.weather.faults,
            "renewals": len(self.site.bank.authority.rotations),
            "renewals whose answer was lost": len(self.site.bank.authority.lost()),
            "renewals journaled as lost": await count(recovered),
            "consents ended": len(self.ended),
        }

    async def _start(self) -> None:
        self.workers.append(await self.nursery.start("work", **self.site.given, sync_at_once=4))

    async def _live(self, seconds: float) -> None:
        """Let the bank move on and the workers work for a while."""
        self.weather.blow()
        await self.site.let_time_pass()
        await self.site.follow()
        await self._renew_the_dead()
        await pause(seconds)

    async def _renew_the_dead(self) -> None:
        for held in await self.site.dead():
            row = await self.site.row(held)
            if row.consent is ConsentState.LOGIN_REQUIRED:
                self.ended.add(held.grants[-1])
                await self.site.renew(held)

    async def _retries_are_over(self) -> bool:
        self.struck &= self.site.bank.authority.unproven()
        if self.struck:
            await self.site.let_time_pass()
        return not self.struck
