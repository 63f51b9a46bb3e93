"""What the processes of a crowd do: `python -m tests.engine.crowd_acts PROCESSES ACT ARGUMENTS`.

The program is imported once; the processes are forked from it where the system can do that. An
act is told to wait at the gate when it is ready, and returns what is printed as JSON.
"""

import asyncio
import contextlib
import json
import multiprocessing
import sys
import traceback
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from penstock import connectors
from penstock.connectors import ConnectorSettings
from penstock.db import connections, credentials, feeds, leases
from penstock.db.balances import balances
from penstock.db.connect import open_database
from penstock.db.lane import Database
from penstock.db.leases import Lease
from penstock.db.runs import Tally
from penstock.domain.clock import utc_now
from penstock.domain.errors import PenstockError
from penstock.domain.secret import Secret
from penstock.engine.refresh import ConnectionTokens
from penstock.engine.seal import Seals
from penstock.engine.sync import Syncer
from penstock.engine.unlock import KeyPlace, unlock
from penstock.observe.metrics import Metrics
from penstock.outbound.client import Outbound
from penstock.vault.cipher import Cipher
from penstock.vault.hashing import KeyedHash
from penstock.vault.key import Key
from tests import loopback
from tests.engine.crowd import KEY

Gate = Callable[[], object]


@dataclass(frozen=True, slots=True)
class Branch:
    """What one process has opened: the shared database, and the bank."""

    database: Database
    outbound: Outbound
    connector: Any
    key: Key

    @property
    def seals(self) -> Seals:
        return Seals(Cipher(self.key))

    def tokens(self, connection_id: int, owner_id: int) -> ConnectionTokens:
        """Return the tokens of a connection as one run has them."""
        return ConnectionTokens(
            connection_id=connection_id,
            owner_id=owner_id,
            connector=self.connector,
            database=self.database,
            seals=self.seals,
            send=self.outbound.send,
            metrics=Metrics(),
            tally=Tally(),
            clock=utc_now,
            sleep=asyncio.sleep,
        )

    def syncer(self, lease_seconds: float) -> Syncer:
        """Return a syncer whose lease runs out after so long."""
        return Syncer(
            database=self.database,
            connectors={"sandbox": self.connector},
            seals=self.seals,
            fingerprint=KeyedHash(self.key, "account identity"),
            send_for=lambda name: partial(self.outbound.send, connector=name),
            metrics=Metrics(),
            clock=utc_now,
            lease_time=timedelta(seconds=lease_seconds),
        )


@contextlib.asynccontextmanager
async def open_branch(url: str, bank_url: str) -> AsyncIterator[Branch]:
    """Open what a worker process has."""
    connector = connectors.build(ConnectorSettings(sandbox_url=bank_url))["sandbox"]
    allowed = [bank_url.partition("//")[2]]
    async with open_database(url) as database, Outbound(allow=allowed) as outbound:
        yield Branch(database, outbound, connector, Key.parse(Secret(KEY)))


async def refresh(
    gate: Gate, *, url: str, bank_url: str, connection_id: int, owner_id: int, tasks: int
) -> list[str]:
    """Renew refused credentials in many tasks; return a mark of the token that each one got."""
    async with open_branch(url, bank_url) as branch:
        stored = await branch.database.read(credentials.find, connection_id)
        assert stored is not None
        refused = branch.seals.open(stored, owner_id)
        gate()
        renewals = [branch.tokens(connection_id, owner_id).renew(refused) for _ in range(tasks)]
        found = await asyncio.gather(*renewals)
    return [sha256(one.access.reveal().encode()).hexdigest() for one in found]


async def sync(
    gate: Gate, *, url: str, bank_url: str, connection_id: int, lease_seconds: float, times: int
) -> list[tuple[str, int]]:
    """Sync a connection again and again; return each outcome with the rows that it inserted."""
    told: list[tuple[str, int]] = []
    async with open_branch(url, bank_url) as branch:
        syncer = branch.syncer(lease_seconds)
        gate()
        for _ in range(times):
            run = await syncer.start(connection_id, trigger="crowd")
            if run is None:
                told.append(("busy", 0))
                continue
            ending, _ = await run.finish()
            told.append((ending.outcome, run.tally.inserted))
    return told


async def take_lease(
    gate: Gate, *, url: str, connection_id: int, now: str, rounds: int
) -> list[int | None]:
    """Try to take a lease at instants a minute apart; return the fences that were won."""
    won: list[int | None] = []
    async with open_database(url) as database:
        await database.read(connections.get, connection_id)
        for number in range(rounds):
            gate()
            moment = datetime.fromisoformat(now) + timedelta(minutes=number)
            lease: Lease | None = await database.write(
                leases.take,
                connection_id,
                holder=f"{multiprocessing.current_process().name}:{number}",
                now=moment,
                until=moment + timedelta(seconds=30),
            )
            won.append(lease.fence if lease else None)
    return won


async def count_up(gate: Gate, *, url: str, owner_id: int, times: int) -> int:
    """Read the owner's number and write it back one larger, many times; nobody may be lost."""

    def step(connection: sa.Connection) -> None:
        f = feeds.feeds
        seen = connection.execute(sa.select(f.c.last).where(f.c.owner_id == owner_id)).scalar_one()
        connection.execute(f.update().where(f.c.owner_id == owner_id).values(last=seen + 1))

    async with open_database(url) as database:
        await database.read(feeds_of, owner_id)
        gate()
        await asyncio.gather(*(database.write(step) for _ in range(times)))
    return times


async def write_feed(
    gate: Gate, *, url: str, owner_id: int, account_id: int, commits: int
) -> list[int]:
    """Commit numbered rows, some commits failing at their end; return the rows that are stored."""
    rows: list[int] = []
    now = datetime(2026, 11, 20, tzinfo=UTC)

    def commit(connection: sa.Connection, number: int) -> list[int]:
        change = feeds.next_change(connection, owner_id)
        values = {
            "owner_id": owner_id,
            "account_id": account_id,
            "run_id": 1,
            "kind": "current",
            "amount": number,
            "currency": "EUR",
            "as_of": now,
            "as_of_on": now.date(),
            "observed_at": now,
            "change_number": change,
        }
        insert = balances.insert().values(values).returning(balances.c.id)
        made = [int(connection.execute(insert).scalar_one()) for _ in range(1 + number % 3)]
        if number % 5 == 0:
            raise OSError("this commit ends badly")
        return made

    async with open_database(url) as database:
        await database.read(feeds_of, owner_id)
        gate()
        for number in range(commits):
            with contextlib.suppress(OSError):
                rows += await database.write(commit, number)
    return rows


async def unlock_home(gate: Gate, *, url: str, home: str, given: list[str | None]) -> str:
    """Look for the key of an installation; return its id, or the kind of error.

    `given` are the keys that the processes were given, one after another.
    """
    mine = given[int(multiprocessing.current_process().name)]
    async with open_database(url) as database:
        place = KeyPlace(Secret(mine) if mine else None, Path(home) / "key", may_make=not mine)
        gate()
        try:
            return unlock(database, place).id
        except PenstockError as error:
            return type(error).__name__


async def prepare(gate: Gate, *, url: str) -> str:
    """Bring a database to the newest schema."""
    from penstock.db import migrations  # noqa: PLC0415 - Alembic is slow to import

    gate()
    migrations.prepare(url)
    return "ready"


def feeds_of(connection: sa.Connection, owner_id: int) -> int:
    """Return the last number of a feed; a first look also opens the connection."""
    f = feeds.feeds
    found = connection.execute(sa.select(f.c.last).where(f.c.owner_id == owner_id))
    return int(found.scalar_one())


ACTS: dict[str, Any] = {
    act.__name__: act
    for act in (refresh, sync, take_lease, count_up, write_feed, unlock_home, prepare)
}


def _one(act: str, given: dict[str, Any], gate: Gate, tell: Callable[[Any], object]) -> None:
    try:
        tell((True, asyncio.run(ACTS[act](gate, **given))))
    except BaseException:  # noqa: BLE001 - whatever it was, the test must hear of it
        tell((False, traceback.format_exc()))


def main(processes: int, act: str, given: dict[str, Any]) -> int:
    """Run a crowd; print what each process returned, or the traces of those that failed."""
    loopback.install()
    method = "fork" if "fork" in multiprocessing.get_all_start_methods() else "spawn"
    context: Any = multiprocessing.get_context(method)
    gate, told = context.Barrier(processes, timeout=60), context.SimpleQueue()
    crowd = [
        context.Process(target=_one, args=(act, given, gate.wait, told.put), name=str(number))
        for number in range(processes)
    ]
    for process in crowd:
        process.start()
    results = [told.get() for _ in crowd]
    for process in crowd:
        process.join()
    failures = [trace for good, trace in results if not good]
    sys.stderr.write("\n".join(failures))
    sys.stdout.write(json.dumps([result for _, result in results]))
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])))
