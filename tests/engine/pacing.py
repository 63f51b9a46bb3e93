"""What the processes of a crowd do with budgets and breakers (tests/engine/crowd.py)."""

import asyncio
from datetime import UTC, datetime, timedelta

from penstock.db.connect import open_database
from penstock.db.lane import Database
from penstock.db.runs import Tally
from penstock.domain.budget import Ask, Use
from penstock.domain.clock import utc_now
from penstock.domain.limit import Limit, Scope, quota, rate
from penstock.domain.request import Request
from penstock.engine.health import Health
from penstock.engine.ledger import SharedLedger
from penstock.engine.meter import Meters
from penstock.observe.metrics import Metrics
from tests.engine.crowd import Gate, my_number
from tests.engine.fake_bank import FakeBank

GET = Request("GET", "https://bank.example/v1")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


def meters(database: Database, limit: Limit) -> Meters:
    """Return what one process has, over a database that all share."""
    return Meters(
        database=database,
        ledger=SharedLedger(database, utc_now),
        health=Health(database, utc_now),
        metrics=Metrics(),
        clock=utc_now,
        sleep=asyncio.sleep,
        rates={"fake": limit},
    )


async def pace(
    gate: Gate, *, url: str, per_second: int, tasks: int, calls: int
) -> list[list[float]]:
    """Let many tasks ask as fast as they may; return when each call was sent, and the cost of it.

    The last list has one number: how many transactions it took.
    """
    sent: list[float] = []
    async with open_database(url) as database:
        office = meters(database, rate(per_second, timedelta(seconds=1)))
        ledger = office.ledger
        assert isinstance(ledger, SharedLedger)

        async def ask(task: int) -> None:
            run = f"{my_number()}-{task}"
            meter = office.of_run(FakeBank(), task, "", run, Tally())
            for _ in range(calls):
                await meter.admit(GET)
                sent.append(utc_now().timestamp())

        gate()
        await asyncio.gather(*(ask(task) for task in range(tasks)))
        return [sent, [float(ledger.transactions)]]


async def spend_quota(gate: Gate, *, url: str, calls: int, tries: int) -> int:
    """Try to spend of one quota so many times; return how often it was granted."""
    limit = quota(calls, scope=Scope.APP)
    ask = Ask((Use("q", "fake", Scope.APP, limit),), timedelta(0))
    async with open_database(url) as database:
        ledger = SharedLedger(database, lambda: NOON, one_clock=True)
        gate()
        answers = [await ledger.spend(ask) for _ in range(tries)]
        return sum(grant.granted for grant, _ in answers)


async def probe(gate: Gate, *, url: str, at: str, tasks: int) -> int:
    """Come to a half-open breaker with many runs; return how many were let through."""
    now = datetime.fromisoformat(at)
    async with open_database(url) as database:
        health = Health(database, lambda: now)
        await health.known("fake")
        gate()
        passages = await asyncio.gather(
            *(health.may_pass("fake", "one", f"{my_number()}-{task}") for task in range(tasks))
        )
        return sum(passage.allowed for passage in passages)
