"""Torture 7: a thousand symbols at five sources where everything goes wrong.

Round after round all are asked for, over the same installation, while prices move and time passes.
Every symbol has to end as a price that is true, or as an error that tells what happened to it, in
the order they were asked for; and no host is asked more than its declaration says.
"""

import asyncio
import contextlib
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final
from urllib.parse import urlsplit

from penstock.db.connect import open_database
from penstock.domain.errors import TransportFailure
from penstock.domain.request import Request, Response
from penstock.engine.health import Health
from penstock.engine.ledger import SharedLedger
from penstock.engine.price_gate import PriceGate
from penstock.engine.price_memory import Believed, KeptAnswers
from penstock.observe.metrics import Metrics
from penstock.outbound.client import Outbound
from penstock.quotes.declaration import Declaration
from penstock.quotes.fetch import QuoteEngine
from tests.databases import Kind
from tests.torture.bourse import bourse
from tests.torture.mall import NUMBER, Mall, mall
from tests.torture.moving import Moving, Still
from tests.torture.report import How, Report
from tests.torture.stores import BOTH, Store, store
from tests.torture.verdict import Verdict

BEGAN: Final = datetime(2026, 11, 16, 17, 30, tzinfo=UTC)
ROUNDS: Final = (0, 40, 25, 60, 0, 40, 90, 10)
"""How many answers of a hundred go wrong in each round of a measure."""
PATIENCE: Final = 20.0
SIZES: Final = {"short": 250, "long": 1_000}


async def run(how: How) -> list[Report]:
    """Torture both databases."""
    reports = []
    for kind in BOTH:
        with store(kind) as place:
            size = SIZES["long" if how.long else "short"]
            reports.append(await torture(place, kind, how.seed, size, ROUNDS))
    return reports


async def torture(
    place: Store, kind: Kind, seed: int, size: int, rounds: tuple[int, ...], first: int = 40
) -> Report:
    """Ask for everything, round by round, and judge. `first`: what goes wrong in the first."""
    random = Random(f"{seed}:{kind}")
    report = Report("7 quotes", kind, seed)
    clock = Moving(BEGAN)
    began = asyncio.get_running_loop().time()
    market = bourse(size, Random(f"{seed}"))
    async with mall(market, clock, random) as shops, engine(place, shops, clock) as (asked, line):
        verdict = Verdict(shops, line.sent)
        for rate in (first, *rounds):
            market.move(clock())
            shops.begin(rate)
            await _round(asked, shops, verdict, random)
            clock.jump(random.choice([timedelta(minutes=25), timedelta(hours=3)]))
        report.violations += [*verdict.violations, *verdict.budgets(), *line.violations]
        report.figures |= verdict.figures()
    report.figures["seconds"] = round(asyncio.get_running_loop().time() - began, 1)
    return report


async def _round(asked: QuoteEngine, shops: Mall, verdict: Verdict, random: Random) -> None:
    """Ask for everything in any order, some of it twice, and for what there is not."""
    symbols = [thing.symbol for thing in shops.bourse.things]
    symbols += [*random.sample(symbols, len(symbols) // 20), "NOPE9:XNAS", "NOPE8:XLON", "no/such"]
    random.shuffle(symbols)
    trails = await asked.explain(symbols)
    verdict.judge(symbols, trails)


@dataclass
class Line:
    """The way out, which notes what is sent when. A request takes no longer than `PATIENCE`."""

    outbound: Outbound
    clock: Moving
    sent: dict[str, list[datetime]] = field(default_factory=dict)
    inside: Counter[str] = field(default_factory=Counter)
    most: dict[str, int] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)

    async def __call__(self, request: Request) -> Response:
        host = urlsplit(request.url).netloc
        self.sent.setdefault(host, []).append(self.clock())
        self.inside[host] += 1
        if self.inside[host] > self.most[host]:
            self.violations.append(f"{self.inside[host]} at a time at {host}")
        try:
            with self.clock.doing() as number:
                headers = {**request.headers, NUMBER: str(number)}
                return await self._in_time(
                    Request(request.method, request.url, headers, authorized=False)
                )
        finally:
            self.inside[host] -= 1

    async def _in_time(self, request: Request) -> Response:
        answer = asyncio.create_task(self.outbound.send(request))
        over = asyncio.create_task(self.clock.wait(PATIENCE))
        try:
            await asyncio.wait([answer, over], return_when=asyncio.FIRST_COMPLETED)
            if answer.done():
                return answer.result()
            raise TransportFailure("It took too long.")
        finally:
            for task in (answer, over):
                task.cancel()
            await asyncio.wait([answer, over])


@contextlib.asynccontextmanager
async def engine(
    place: Store, shops: Mall, clock: Moving
) -> AsyncIterator[tuple[QuoteEngine, Line]]:
    """Put an installation's quote engine together, as penstock/markets.py does."""
    declared = [shop.declared for shop in shops.shops.values()]
    hosts = [host for one in declared for host in one.hosts]
    async with (
        open_database(place.url) as opened,
        Outbound(allow=hosts, max_bytes=1_000_000) as outbound,
        clock.running(),
    ):
        database = Still(opened.engine, clock)
        try:
            yield _engine(database.program, declared, outbound, clock)
        finally:
            database.close()


def _engine(
    database: Still, declared: list[Declaration], outbound: Outbound, clock: Moving
) -> tuple[QuoteEngine, Line]:
    line = Line(outbound, clock)
    line.most = {host: one.politeness.concurrency for one in declared for host in one.hosts}
    gate = PriceGate(
        database=database,
        ledger=SharedLedger(database, clock, one_clock=True),
        health=Health(database, clock),
        metrics=Metrics(),
        clock=clock,
        sleep=clock.wait,
        patience=timedelta(seconds=60),
    )
    made = QuoteEngine(
        declared,
        line,
        clock=clock,
        gate=gate,
        answers=KeptAnswers(database, clock),
        accepted=Believed(database, clock),
        sleep=clock.wait,
        patience=3_600,
    )
    return made, line
