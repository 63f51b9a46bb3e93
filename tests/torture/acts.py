"""What the processes of a torture do (tests/torture/nursery.py)."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any

from penstock.cli.stopping import asked_to_stop
from penstock.db import credentials
from penstock.db.connect import open_database
from penstock.domain.clock import utc_now
from penstock.domain.consent import Credentials
from penstock.domain.outcome import Halt
from penstock.domain.pricing import Quota, Visit
from penstock.domain.quote import QuotaSpent, RateLimited
from penstock.domain.request import Request
from penstock.engine.health import Health
from penstock.engine.ledger import SharedLedger
from penstock.engine.price_gate import PriceGate
from penstock.engine.refresh import ConnectionTokens
from penstock.engine.runner import Runner
from penstock.observe.log import configure
from penstock.observe.metrics import Metrics
from penstock.outbound.client import Outbound
from penstock.wiring import Penstock, open_penstock
from penstock.worker.jobs import JobEngine
from penstock.worker.schedule import kept_fresh
from tests.engine.acts import open_branch
from tests.torture.pause import briefly, pause
from tests.torture.site import settings_of
from tests.torture.telling import Telling


async def work(
    *,
    lease_seconds: float = 2,
    most_starts: int = 1_000,
    patient: bool = False,
    ahead: float = 0,
    **given: Any,
) -> None:
    """Be a worker until asked to stop: as `penstock worker`, with a lease of a given time.

    It never parks a connection, for here it is not the connection that kills. Unless it is
    `patient`, it waits hardly at all where a bank asks it to. Its clock is so many seconds `ahead`.
    """
    configure(json=True, level="WARNING", stream=sys.stderr)
    sleep = pause if patient else briefly
    with asked_to_stop() as asked:
        async with (
            open_penstock(
                settings_of(**given),
                clock=lambda: utc_now() + timedelta(seconds=ahead),
                sleep=sleep,
            ) as penstock,
            working(penstock, timedelta(seconds=lease_seconds), most_starts),
        ):
            await asked.wait()


@contextlib.asynccontextmanager
async def working(
    penstock: Penstock, lease_time: timedelta, most_starts: int
) -> AsyncIterator[None]:
    """Sync what is due, on either database, under leases of this time."""
    syncer = replace(
        penstock.syncer,
        lease_time=lease_time,
        bounds=replace(penstock.syncer.bounds, most_starts=most_starts),
    )
    runner = Runner(
        syncer, penstock.database, penstock.clock, at_once=penstock.settings.sync_at_once
    )
    if penstock.database.kind == "sqlite":
        hands: contextlib.AbstractAsyncContextManager[None] = kept_fresh(runner)
    else:
        hands = JobEngine(runner, penstock.database, tuple(penstock.connectors)).working()
    async with hands:
        yield


async def refresh(
    *,
    url: str,
    bank_url: str,
    connection_id: int,
    owner_id: int,
    tasks: int,
    claim_seconds: float,
    told: str,
) -> None:
    """Renew refused credentials in many tasks, all at the same moment (`told` is a Telling's path).

    Tells what each task got: a mark of the token, or what it was refused with.
    """
    configure(json=True, level="WARNING", stream=sys.stderr)
    async with open_branch(url, bank_url) as branch:
        stored = await branch.database.read(credentials.find, connection_id)
        if stored is None:
            raise RuntimeError("the connection has no credentials")
        refused = branch.seals.open(stored, owner_id)
        refreshers = [branch.tokens(connection_id, owner_id) for _ in range(tasks)]
        for one in refreshers:
            one.claim_time = timedelta(seconds=claim_seconds)
        telling = Telling(told)
        telling.say_ready()
        while not telling.may_go():
            await pause(0.01)
        found = await asyncio.gather(*(_renew(one, refused) for one in refreshers))
    telling.tell(found)


async def _renew(tokens: ConnectionTokens, refused: Credentials) -> str:
    try:
        renewed = await tokens.renew(refused)
    except Halt as halt:
        return str(halt.ending.outcome)
    return sha256(renewed.access.reveal().encode()).hexdigest()


async def ask_prices(
    *, url: str, port: int, calls: int, interval: float, lease: float, tasks: int = 3
) -> None:
    """Ask an exchange for prices, as fast as the gate lets one, until its quota is spent."""
    host = f"127.0.0.1:{port}"
    reset = (utc_now() + timedelta(hours=12)).strftime("%H:%M")
    visit = Visit(
        source="exchange",
        title="The Exchange",
        host=host,
        interval=timedelta(seconds=interval),
        quota=Quota(calls, at=reset),
    )
    async with open_database(url) as database, Outbound(allow=[host]) as outbound:
        gate = PriceGate(
            database=database,
            ledger=SharedLedger(database, utc_now),
            health=Health(database, utc_now),
            metrics=Metrics(),
            clock=utc_now,
            sleep=pause,
            lease=timedelta(seconds=lease),
        )

        async def ask() -> None:
            while True:
                try:
                    await _ask_price(gate, outbound, visit)
                except RateLimited as refused:
                    again = refused.retry_at or utc_now()
                    await pause(max((again - utc_now()).total_seconds(), 0.01))
                except QuotaSpent:
                    return

        await asyncio.gather(*(ask() for _ in range(tasks)))


async def _ask_price(gate: PriceGate, outbound: Outbound, visit: Visit) -> None:
    place = f"http://{visit.host}"
    async with gate.visit(visit):
        sent = {"x-sent": repr(utc_now().timestamp())}
        answer = await outbound.send(Request("GET", f"{place}/price", sent))
        await gate.heard(visit, answer, utc_now())
        if closing := answer.headers.get("x-closing"):
            await outbound.send(Request("GET", f"{place}/noted/{closing}"))
