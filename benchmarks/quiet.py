"""How many syncs a second there are when nothing is new, which is what most syncs find.

    uv run python benchmarks/quiet.py [--json] [--quick]

2,000 connections to one sandbox bank (a process of its own), 8 at the same time; medians of five
turns:

    penstock      the real engine: lease, fence, run record, schedule, tie-out, cap
    bare          the same requests by the same client, and one transaction of two statements each
    statements    how many statements and transactions one quiet sync needs
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import sqlalchemy as sa

from benchmarks import processes, sync_penstock
from benchmarks.sync import Fresh, postgres, sqlite_in
from penstock.db.connections import connections
from penstock.db.cursors import cursors
from penstock.db.prepared import Prepared
from penstock.domain.clock import utc_now
from penstock.domain.request import Request, Response
from penstock.engine.opening import SCHEDULE, Bounds
from penstock.wiring import Penstock

AT_ONCE = 8
TURNS = 5


def main() -> None:
    """Run both contestants and print the figures."""
    parser = argparse.ArgumentParser(description="Syncs a second when nothing is new.")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--quick", action="store_true", help="fewer connections; ends within 50 s")
    given = parser.parse_args()
    many = 100 if given.quick else 2_000
    figures: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        figures["sqlite"] = asyncio.run(compete(sqlite_in(Path(folder)), many))
    with postgres() as fresh:
        figures["postgres"] = asyncio.run(compete(fresh, many))
    report(figures, as_json=given.json)


async def compete(fresh: Fresh, many: int) -> dict[str, float]:
    """Return syncs a second by contestant on one kind of database."""
    with processes.bank(15) as bank_url:
        async with sync_penstock.linked_to(bank_url, fresh()) as (penstock, first):
            numbers = [first, *await _link(penstock, first, many - 1)]
            syncer = replace(penstock.syncer, bounds=Bounds(cap=10_000))

            async def sync(number: int) -> None:
                await sync_penstock.sync(syncer, number, trigger=SCHEDULE)

            await _all(numbers, sync)  # the first copy
            requests = await _requests_of(penstock, first)
            counted = await _count(penstock, lambda: sync(first))
            send = penstock.syncer.send_for("sandbox")

            async def bare(number: int) -> None:
                for request in requests:
                    await send(request)
                await penstock.database.write(_two_statements, number)

            await _all(numbers[:20], bare)
            turns = [(await _all(numbers, bare), await _all(numbers, sync)) for _ in range(TURNS)]
            slow, ours = (statistics.median(one) for one in zip(*turns, strict=True))
            return {"penstock": many / ours, "bare": many / slow, **counted}


async def _all(numbers: list[int], work: Callable[[int], Awaitable[None]]) -> float:
    """Do the work for each, some at the same time; return the seconds it took."""
    waiting = iter(numbers)

    async def hand() -> None:
        for number in waiting:
            await work(number)

    began = time.perf_counter()
    await asyncio.gather(*(hand() for _ in range(AT_ONCE)))
    return time.perf_counter() - began


async def _link(penstock: Penstock, first: int, many: int) -> list[int]:
    c = connections.c
    query = sa.select(c.owner_id).where(c.id == first)
    owner = await penstock.database.read(lambda one: int(one.execute(query).scalar_one()))
    made = []
    for _ in range(many):
        callback = sync_penstock.CALLBACK
        begun = await penstock.linker.begin(owner, "sandbox", redirect_uri=callback)
        back = await sync_penstock.consent(begun.url)
        made.append(await penstock.linker.finish("sandbox", back, owner_id=owner))
    return made


async def _requests_of(penstock: Penstock, number: int) -> list[Request]:
    """Return what one quiet sync asks, signed as it was."""
    send = penstock.syncer.send_for("sandbox")
    asked: list[Request] = []

    async def listen(request: Request) -> Response:
        asked.append(request)
        return await send(request)

    await sync_penstock.sync(replace(penstock.syncer, send_for=lambda _: listen), number)
    return asked


def _two_statements(connection: sa.Connection, number: int) -> None:
    """Do what who promises nothing would do: move the cursor, and say when."""
    now = utc_now()
    connection.execute(
        cursors.update().where(cursors.c.connection_id == number).values(updated_at=now)
    )
    c = connections.c
    connection.execute(connections.update().where(c.id == number).values(last_success_at=now))


async def _count(penstock: Penstock, work: Callable[[], Awaitable[None]]) -> dict[str, float]:
    """Return how many statements and transactions the work needs."""
    counts = {"statements": 0.0, "transactions": 0.0}
    engine = penstock.database.engine

    def statement(*_: object) -> None:
        counts["statements"] += 1

    def begun(_: object) -> None:
        counts["transactions"] += 1

    def prepared(self: Prepared, *given: Any) -> Any:  # noqa: ANN401 - as the method is
        statement()
        return run(self, *given)

    run = Prepared._run  # noqa: SLF001 - what is prepared goes past SQLAlchemy's events
    setattr(Prepared, "_run", prepared)  # noqa: B010 - mypy lets nobody assign to a method
    sa.event.listen(engine, "before_cursor_execute", statement)
    sa.event.listen(engine, "begin", begun)
    try:
        await work()
    finally:
        setattr(Prepared, "_run", run)  # noqa: B010 - as above
        sa.event.remove(engine, "before_cursor_execute", statement)
        sa.event.remove(engine, "begin", begun)
    return counts


def report(figures: dict[str, dict[str, float]], *, as_json: bool) -> None:
    """Print syncs/s, and how Penstock compares."""
    if as_json:
        rounded = {
            kind: {who: round(n, 1) for who, n in one.items()} for kind, one in figures.items()
        }
        print(json.dumps(rounded))
        return
    for kind, one in figures.items():
        print(f"{kind}: " + "  ".join(f"{who} {n:,.1f}" for who, n in one.items()))
        print(f"  penstock is {one['penstock'] / one['bare']:.2f} x bare")


if __name__ == "__main__":
    main()
