"""What more workers bring, and how fast what is due is found.

    uv run python benchmarks/fleet.py [--json] [--quick]

    one, two   syncs a second of one and of two `penstock worker`, each at most 8 at the same time,
               at a sandbox bank that takes 200 ms over every answer; two ought to be twice one
    due        milliseconds to find the next 100 among 100,000 connections: all of them due, 1 % of
               them due, and none

PostgreSQL and (for what is due) SQLite, each fresh.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import sqlalchemy as sa

from benchmarks import sync_penstock
from benchmarks.sync import Fresh, postgres, sqlite_in
from penstock.db import due, runs
from penstock.db.connect import open_database
from penstock.db.connections import connections
from penstock.db.lane import Database
from penstock.db.leases import leases
from penstock.db.metadata import Instant
from penstock.db.migrations import prepare
from penstock.db.users import users
from penstock.sandbox.bank import Options
from penstock.sandbox.server import running

LATENCY_MS = 200
HANDS = 8
MANY = 100_000
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description="What more workers bring.")
    parser.add_argument("--json", action="store_true", help="one JSON object on stdout")
    parser.add_argument("--quick", action="store_true", help="fewer syncs; ends within 50 s")
    given = parser.parse_args()
    figures: dict[str, dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        figures["sqlite"] = find_due(sqlite_in(Path(folder)))
    with postgres() as fresh:
        figures["postgres"] = find_due(fresh)
        figures["postgres"] |= asyncio.run(compete(fresh(), 96 if given.quick else 320))
    report(figures, as_json=given.json)


def find_due(fresh: Fresh) -> dict[str, float]:
    """Return the milliseconds that the next 100 of many connections take to be found."""
    url = fresh()
    prepare(url)
    database = open_database(url)
    try:
        database.write_now(_fill)
        told = {}
        for name, share in (("all", 1.0), ("some", 0.01), ("none", 0.0)):
            database.write_now(_make_due, share)
            with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as one:
                one.exec_driver_sql("ANALYZE")
            told[f"due_{name}_ms"] = 1000 * statistics.median(_look(database) for _ in range(30))
        return told
    finally:
        database.close()


def _look(database: Database) -> float:
    began = time.perf_counter()
    database.read_now(due.find, now=NOW, limit=100)
    return time.perf_counter() - began


def _fill(connection: sa.Connection) -> None:
    """Make many connections of four connectors, each with its lease."""
    person = {"username": "bench", "password_hash": "", "created_at": NOW}
    connection.execute(users.insert().values(person))
    rows = [
        {
            "id": number,
            "owner_id": 1,
            "connector": f"bank{number % 4}",
            "consent": "active",
            "created_at": NOW,
            "next_sync_at": NOW + timedelta(hours=1),
        }
        for number in range(1, MANY + 1)
    ]
    connection.execute(connections.insert(), rows)
    free = [{"connection_id": row["id"], "fence": 0, "dirty": False} for row in rows]
    connection.execute(leases.insert(), free)


def _make_due(connection: sa.Connection, share: float) -> None:
    """Let this share of the connections be due."""
    c = connections.c
    later = NOW + timedelta(hours=1)
    when = sa.case((c.id % 1000 < share * 1000, NOW), else_=later)
    connection.execute(connections.update().values(next_sync_at=sa.type_coerce(when, Instant)))


async def compete(url: str, many: int) -> dict[str, float]:
    """Return the syncs a second of one worker and of two."""
    async with running(Options(latency_ms=LATENCY_MS)) as bank:
        async with sync_penstock.linked_to(bank.url, url) as (penstock, first):
            number = await penstock.database.read(_owner, first)
            for _ in range(many - 1):
                begun = await penstock.linker.begin(
                    number, "sandbox", redirect_uri=sync_penstock.CALLBACK
                )
                back = await sync_penstock.consent(begun.url)
                await penstock.linker.finish("sandbox", back, owner_id=number)
        with tempfile.TemporaryDirectory() as home, open_kept(url) as database:
            with workers(2, url, bank.url, home):
                await _pass(database, many)  # the first copy warms everything up
            told = {}
            for name, count in (("one", 1), ("two", 2)):
                with workers(count, url, bank.url, home):
                    told[name] = many / await _pass(database, many)
            return told


@contextmanager
def open_kept(url: str) -> Iterator[Database]:
    """Open a database."""
    database = open_database(url)
    try:
        yield database
    finally:
        database.close()


def _last_run(connection: sa.Connection) -> int:
    newest = sa.select(sa.func.coalesce(sa.func.max(runs.runs.c.id), 0))
    return int(connection.execute(newest).scalar_one())


async def _pass(database: Database, many: int) -> float:
    """Let all connections be due; return the seconds from the first start to the last end."""
    await asyncio.sleep(2)  # the workers have begun to look
    last = await database.read(_last_run)
    past = datetime.now(UTC) - timedelta(seconds=1)
    await database.write(
        lambda one: one.execute(connections.update().values(next_sync_at=past, not_before=None))
    )
    r = runs.runs.c
    query = sa.select(sa.func.count(), sa.func.min(r.started_at), sa.func.max(r.finished_at)).where(
        r.id > last, r.outcome == "done"
    )
    while True:
        count, began, ended = await database.read(lambda one: one.execute(query).one())
        if count >= many:
            return float((ended - began).total_seconds())
        await asyncio.sleep(0.2)


@contextmanager
def workers(count: int, url: str, bank_url: str, home: str) -> Iterator[None]:
    """Run so many workers; each is asked to stop at the end."""
    surroundings = {
        **os.environ,
        "PENSTOCK_HOME": home,
        "PENSTOCK_DATABASE_URL": url,
        "PENSTOCK_KEY": sync_penstock.KEY,
        "PENSTOCK_SANDBOX_URL": bank_url,
        "PENSTOCK_LINK_TWICE": "true",
        "PENSTOCK_SYNC_AT_ONCE": str(HANDS),
        "PENSTOCK_PROVIDER_CAPS": "sandbox=1000",
        "PENSTOCK_LOG_LEVEL": "ERROR",
    }
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(_worker(surroundings))
        yield


@contextmanager
def _worker(surroundings: dict[str, str]) -> Iterator[None]:
    process: subprocess.Popen[Any] = subprocess.Popen(
        [sys.executable, "-m", "penstock", "worker"], env=surroundings, stderr=subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait(30)


def _owner(connection: sa.Connection, number: int) -> int:
    c = connections.c
    query = sa.select(c.owner_id).where(c.id == number)
    return int(connection.execute(query).scalar_one())


def report(figures: dict[str, dict[str, float]], *, as_json: bool) -> None:
    """Print the figures."""
    if as_json:
        print(
            json.dumps({who: {k: round(v, 2) for k, v in f.items()} for who, f in figures.items()})
        )
        return
    for kind, one in figures.items():
        print(f"{kind}: " + "  ".join(f"{name} {value:.2f}" for name, value in one.items()))
    both = figures["postgres"]
    print(f"two workers are {both['two'] / both['one']:.2f} x one")


if __name__ == "__main__":
    main()
