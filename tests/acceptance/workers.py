"""An installation on PostgreSQL whose workers are processes of their own: `penstock worker`.

The test's own process syncs nothing: it links, and looks into the database, which notes by itself
whose hand began each run.
"""

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest
import sqlalchemy as sa

from penstock.db import leases
from penstock.db.connections import connections
from penstock.db.runs import RunRow, page
from penstock.domain.secret import Secret
from penstock.sandbox.bank import Bank, Options
from penstock.wiring import open_penstock
from tests.acceptance.processes import PASSWORD, Machine
from tests.engine.house import KEY, House
from tests.torture.pause import until
from tests.torture.site import settings_of

USERNAME = "ada"
posix = pytest.mark.skipif(sys.platform == "win32", reason="a worker is stopped by SIGTERM")
PATIENCE = 120.0
_NOTE_WHO_BEGINS = """
CREATE TABLE begun (run_id bigint NOT NULL, by_whom text NOT NULL);
CREATE FUNCTION note_who_begins() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO begun VALUES (NEW.id, current_setting('application_name'));
    RETURN NULL;
END $$;
CREATE TRIGGER note_who_begins AFTER INSERT OR UPDATE OF outcome ON runs
    FOR EACH ROW WHEN (NEW.outcome = 'running') EXECUTE FUNCTION note_who_begins();
"""


def play(story: Coroutine[Any, Any, None]) -> None:
    """Run a story to its end; one that hangs fails."""
    asyncio.run(asyncio.wait_for(story, 2 * PATIENCE))


@dataclass(frozen=True, slots=True)
class Worker:
    """A `penstock worker` under way; what it says goes to `log`."""

    name: str
    process: asyncio.subprocess.Process
    log: Path

    @property
    def said(self) -> str:
        """Everything that it has said until now."""
        return self.log.read_text(encoding="utf-8")

    async def works(self) -> bool:
        """Say whether it has begun to work. One that has ended instead fails."""
        assert self.process.returncode is None, self.said
        return "Penstock works" in self.said

    async def kill(self) -> None:
        """End it as a power cut would."""
        self.process.kill()
        await self.process.wait()

    async def ask_to_stop(self) -> None:
        """Ask it to end, and wait until it says that it will."""
        self.process.send_signal(signal.SIGTERM)

        async def heard() -> bool:
            return "Penstock stops" in self.said

        await until("the worker hears that it is to stop", heard, PATIENCE)

    async def stop(self) -> int:
        """Ask it to end, as a system does that shuts down; return its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.process.wait(), PATIENCE)


@dataclass(slots=True)
class Fleet:
    """An installation and its workers. `house` is this process's own hand in it."""

    house: House
    machine: Machine
    url: str
    workers: dict[str, Worker] = field(default_factory=dict)

    @contextlib.asynccontextmanager
    async def worker(self, name: str, **environment: str) -> AsyncIterator[Worker]:
        """Run a worker of this name, from when it says that it works; it is killed in the end."""
        log = self.machine.home / f"{name}.log"
        url = str(sa.make_url(self.url).update_query_dict({"application_name": name}))
        with log.open("wb") as told:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "penstock", "worker"),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=told,
                stderr=told,
                env=self.machine.surroundings({"PENSTOCK_DATABASE_URL": url, **environment}),
            )
        self.workers[name] = worker = Worker(name, process, log)
        try:
            await self.until("a worker works", worker.works)
            yield worker
        finally:
            if process.returncode is None:
                await worker.kill()

    async def until(self, what: str, holds: Callable[[], Awaitable[object]]) -> None:
        """Look again and again until it holds. What the workers said is told where it never does.

        Where the database is away it is too early to say.
        """

        async def look() -> bool:
            try:
                return bool(await holds())
            except sa.exc.DBAPIError:
                return False

        try:
            await until(what, look, PATIENCE)
        except AssertionError as never:
            for worker in self.workers.values():
                never.add_note(f"{worker.name} said: {worker.said[-4000:]}")
            raise

    async def history(self) -> list[RunRow]:
        """Return all runs, the oldest first."""
        found = await self.house.penstock.database.read(
            page, owner_id=self.house.owner_id, limit=1000
        )
        return found[::-1]

    async def by_whom(self) -> list[tuple[int, str]]:
        """Return which runs were begun, and by which process, in that order."""
        query = sa.text("SELECT run_id, by_whom FROM begun ORDER BY ctid")
        read = self.house.penstock.database.read
        return [(row[0], row[1]) for row in await read(lambda one: list(one.execute(query)))]

    async def ended(self, how_many: int) -> bool:
        """Say whether so many runs have ended, no other is under way, and no lease is held."""
        history = await self.history()
        return (
            len(history) >= how_many
            and all(run.finished_at for run in history)
            and await self.held() == 0
        )

    async def held(self) -> int:
        """Return how many leases have a holder, alive or dead."""
        return len(
            await self.house.all(leases.leases.select().where(leases.leases.c.holder.is_not(None)))
        )

    async def listening(self) -> list[int]:
        """Return the server's processes by which workers are told of work."""
        query = sa.text(
            "SELECT pid FROM pg_stat_activity"
            " WHERE datname = current_database() AND query LIKE 'LISTEN%'"
        )
        read = self.house.penstock.database.read
        return [row[0] for row in await read(lambda one: list(one.execute(query)))]

    async def let_be_due(self, connection_id: int, at: object) -> None:
        """Let a connection be due by itself from then on."""
        mine = connections.c.id == connection_id
        await self.house.penstock.database.write(
            lambda one: one.execute(connections.update().where(mine).values(next_sync_at=at))
        )

    async def asked(self, place: str) -> int:
        """Return how often the bank was asked there: accounts, balances or transactions."""
        counters = f"{self.machine.environment['PENSTOCK_SANDBOX_URL']}/control/counters"
        told = await asyncio.to_thread(httpx2.get, counters)
        return int(told.json().get(f"requests:{place}", 0))

    async def in_mid_sync(self, pages: int = 2) -> None:
        """Wait until so many pages were asked for, of a sync that has more than that."""

        async def asked() -> bool:
            return await self.asked("transactions") >= pages

        await self.until("a sync is under way", asked)


@contextlib.contextmanager
def bank_process(machine: Machine, options: Options) -> Iterator[str]:
    """Run `penstock sandbox` like this; yield where it listens."""
    like = asdict(options)
    flags = ("transactions", "page_size", "latency_ms")
    given = [f"--{flag.replace('_', '-')}={like[flag]}" for flag in flags]
    with machine.running("sandbox", "--port", "0", *given) as bank:
        yield bank.url


@contextlib.asynccontextmanager
async def fleet(url: str, home: Path, options: Options, bank_url: str) -> AsyncIterator[Fleet]:
    """Open an installation with one person over the migrated PostgreSQL at `url`."""
    given = {"PENSTOCK_KEY": KEY, "PENSTOCK_DATABASE_URL": url, "PENSTOCK_SANDBOX_URL": bank_url}
    given["PENSTOCK_LINK_TWICE"] = "true"  # one person, many connections
    settings = settings_of(home=str(home), url=url, bank_url=bank_url)
    async with open_penstock(settings) as penstock:
        await penstock.database.write(lambda one: one.exec_driver_sql(_NOTE_WHO_BEGINS))
        owner_id = await penstock.identity.add_user(USERNAME, Secret(PASSWORD))
        twin = Bank(options)  # its world is that of the bank, to the last cent
        yield Fleet(House(penstock, twin, owner_id), Machine(home, given), url)
