"""Torture 5: forty refreshers in eight processes on one connection.

All of them hold the same token, which the bank has just refused, and begin at the same moment.
Undisturbed: one renewal at the bank, and everybody has its token. Then the process that asks is
killed when the bank has rotated and not answered yet: where the bank grants one retry, somebody
else recovers; where it is strict, the person is asked. Last, whoever asks is killed before the bank
has done anything, again and again: after six lost answers the person is asked, and nobody tries on.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Final

from penstock.engine.refresh import MOST_LOST
from penstock.sandbox.authority import Grant
from penstock.sandbox.bank import Options
from penstock.sandbox.scenario import Scenario
from tests.databases import Kind
from tests.torture.judge import judge
from tests.torture.nursery import Nursery, opened
from tests.torture.pause import until
from tests.torture.report import Figures, How, Report
from tests.torture.site import Held, Site, site
from tests.torture.stores import BOTH, store
from tests.torture.telling import Telling
from tests.torture.watched import goes_on, watched_bank

PROCESSES: Final = 8
TASKS: Final = 5
CLAIM: Final = 2.0
ROUNDS: Final = {"short": (3, 2, 2, 1), "long": (100, 50, 50, 5)}
"""Undisturbed; killed at a bank with one retry; at a strict bank; killed again and again."""
OPTIONS: Final = Options(access_seconds=3_600)
CONSENT: Final = "consent"


async def run(how: How) -> list[Report]:
    """Torture both databases."""
    return [await torture(kind, how) for kind in BOTH]


async def torture(kind: Kind, how: How) -> Report:
    """Let the forty renew in every way, round by round; then judge."""
    report = Report("5 forty refreshers", kind, how.seed)
    began = asyncio.get_running_loop().time()
    calm, patient, strict, again = ROUNDS["long" if how.long else "short"]
    with store(kind) as place:
        async with (
            watched_bank(OPTIONS, Random(how.seed), doors=PROCESSES) as bank,
            site(place, bank) as here,
            opened(place.folder / "refreshers.log") as nursery,
        ):
            forty = Forty(here, nursery, report)
            await forty.rounds("undisturbed", calm, forty.undisturbed)
            await forty.rounds("killed, one retry", patient, forty.recovered)
            await forty.rounds("killed, strict", strict, forty.asked_for)
            await forty.rounds("killed again and again", again, forty.given_up)
            report.violations += await judge(here)
    report.figures["seconds"] = round(asyncio.get_running_loop().time() - began)
    return report


@dataclass(frozen=True, slots=True)
class Round:
    """What came of one round: what each survivor got, and what the bank did for it."""

    got: list[str]
    killed: int
    asked: int
    rotated: int


@dataclass(slots=True)
class Forty:
    """The refreshers, and what was found of them."""

    site: Site
    nursery: Nursery
    report: Report
    _round: int = 0
    _by_door: dict[int, int] = field(default_factory=dict)
    _killed: list[int] = field(default_factory=list)

    async def rounds(self, name: str, rounds: int, once: Callable[[], Awaitable[Round]]) -> None:
        """Play so many rounds of a kind, and note their figures."""
        played = [await once() for _ in range(rounds)]
        figures: Figures = {
            f"{name}: rounds": rounds,
            f"{name}: processes killed": sum(one.killed for one in played),
            f"{name}: renewals asked of the bank": sum(one.asked for one in played),
            f"{name}: renewals that it did": sum(one.rotated for one in played),
        }
        self.report.figures |= figures

    async def undisturbed(self) -> Round:
        """One renewal, one token for all."""
        held = await self.site.link("ada", Scenario.STRICT_ROTATION)
        done = await self._play(held)
        self._expect(len(set(done.got)) == 1 and CONSENT not in done.got, "one token for all", done)
        self._expect((done.asked, done.rotated) == (1, 1), "one renewal", done)
        self._expect(len(done.got) == PROCESSES * TASKS, "an answer for each", done)
        return done

    async def recovered(self) -> Round:
        """The process that asked dies with the answer: the bank takes the old token once more."""
        held = await self.site.link("ben", Scenario.ROTATION_WITH_GRACE)
        self.site.bank.watch.after_renewal = self._kill_once
        done = await self._play(held)
        self._expect(len(set(done.got)) == 1 and CONSENT not in done.got, "one token for all", done)
        self._expect((done.asked, done.rotated, done.killed) == (2, 2, 1), "one retry", done)
        return done

    async def asked_for(self) -> Round:
        """The same at a strict bank: the person is asked, once and for all."""
        held = await self.site.link("chloe", Scenario.STRICT_ROTATION)
        self.site.bank.watch.after_renewal = self._kill_once
        done = await self._play(held)
        self._expect(set(done.got) == {CONSENT}, "the person is asked", done)
        self._expect((done.rotated, done.killed) == (1, 1), "one renewal that was lost", done)
        most = 1 + (PROCESSES - 1) * TASKS
        self._expect(done.asked <= most, "nobody asks the bank twice", done)
        await self._stays_asked(held)
        return done

    async def given_up(self) -> Round:
        """Every process that asks dies before the bank has done anything."""
        held = await self.site.link("ada", Scenario.STRICT_ROTATION)
        self.site.bank.watch.before_renewal = self._kill_first
        done = await self._play(held)
        self._expect(set(done.got) == {CONSENT}, "the person is asked", done)
        self._expect(done.asked == done.killed == MOST_LOST + 1, "a bounded number of tries", done)
        await self._stays_asked(held)
        return done

    async def _stays_asked(self, held: Held) -> None:
        """A sync says what the person has to do; the next ones do not even ask the bank."""
        watch = self.site.bank.watch
        self.site.bank.authority.expire_access(self._grant(held))
        for _ in range(3):
            run = await self.site.penstock.syncer.start(held.id, trigger="torture")
            if run is not None:
                await run.finish()
        row = await self.site.row(held)
        if row.consent.value != "login_required":
            self.report.violations.append(f"the consent is {row.consent}, not login_required")
        before = watch.token_requests
        await self.site.let_time_pass()
        await self.site.penstock.runner.tick()
        if watch.token_requests != before:
            self.report.violations.append("a connection that waits for its person asked the bank")
        await self.site.renew(held)

    async def _play(self, held: Held) -> Round:
        """Start the processes, let all begin at once, and hear what they got."""
        self._round += 1
        self._killed, watch, authority = [], self.site.bank.watch, self.site.bank.authority
        authority.expire_access(self._grant(held))
        asked, rotated = watch.token_requests, len(authority.rotations)
        tellings = [
            Telling(str(self.site.store.folder / f"told-{self._round}-{number}"))
            for number in range(PROCESSES)
        ]
        for door, told in zip(self.site.bank.doors, tellings, strict=True):
            self._by_door[door] = await self.nursery.start(
                "refresh",
                url=self.site.store.url,
                bank_url=f"http://127.0.0.1:{door}",
                connection_id=held.id,
                owner_id=held.owner_id,
                tasks=TASKS,
                claim_seconds=CLAIM,
                told=told.path,
            )

        async def ready() -> bool:
            return all(told.is_ready() for told in tellings)

        await until("all forty are ready", ready)
        for told in tellings:
            told.let_go()
        for child in self._by_door.values():
            await self.nursery.ended(child)
        watch.before_renewal = watch.after_renewal = goes_on
        got = [one for told in tellings for one in told.told()]
        return Round(
            got, len(self._killed), watch.token_requests - asked, len(authority.rotations) - rotated
        )

    def _grant(self, held: Held) -> Grant:
        return self.site.bank.authority.grants[held.grants[-1] - 1]

    async def _kill_once(self, door: int) -> bool:
        """Kill whoever the bank is about to answer: but only the first."""
        if not self._killed:
            await self._kill(door)
        return False

    async def _kill_first(self, door: int) -> bool:
        """Kill whoever asks, before the bank does anything."""
        await self._kill(door)
        return True

    async def _kill(self, door: int) -> None:
        self._killed.append(door)
        await self.nursery.signal(self._by_door[door], signal.SIGKILL)

    def _expect(self, holds: bool, what: str, done: Round) -> None:
        if not holds:
            told = {one: done.got.count(one) for one in set(done.got)}
            self.report.violations.append(
                f"round {self._round}: not so: {what}; killed {done.killed}, asked {done.asked}, "
                f"rotated {done.rotated}, got {told}: {self.nursery.said(1_000)}"
            )
