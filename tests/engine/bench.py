"""A syncer over a real database, whose bank is a script: for what no real bank does on command."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from penstock.db import connections, credentials, cursors, leases, runs
from penstock.db.accounts import accounts
from penstock.db.connect import open_database
from penstock.db.feeds import open_feed
from penstock.db.lane import Database
from penstock.db.runs import RunRow
from penstock.db.transactions import transactions
from penstock.db.users import users
from penstock.domain.consent import Credentials
from penstock.domain.outcome import Ending
from penstock.domain.protocol import Sender
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from penstock.engine.drive import Limits
from penstock.engine.seal import Seals
from penstock.engine.sync import Syncer
from penstock.observe.metrics import Metrics
from penstock.vault.cipher import Cipher
from penstock.vault.key import Key
from tests.engine.crowd import KEY
from tests.engine.fake_bank import FakeBank
from tests.engine.house import no_wait

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
SEALS = Seals(Cipher(Key.parse(Secret(KEY))))


@dataclass
class Watch:
    """A clock that stands still until it is told otherwise."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def later(self, **span: float) -> None:
        """Let time pass."""
        self.now += timedelta(**span)


@dataclass(slots=True)
class Wire:
    """What the bank answers: `says` in turn, then nothing but good answers."""

    says: list[int | Exception] = field(default_factory=list)
    sent: list[Request] = field(default_factory=list)

    async def send(self, request: Request) -> Response:
        """Answer one request."""
        self.sent.append(request)
        said = self.says.pop(0) if self.says else 200
        if isinstance(said, Exception):
            raise said
        return Response(said, {}, b"", request.url)


@dataclass(slots=True)
class Bench:
    """One person's connections to scripted banks."""

    database: Database
    syncer: Syncer
    watch: Watch
    wire: Wire
    owner_id: int
    connection_id: int

    async def sync(self, *, from_start: bool = False) -> tuple[Ending, RunRow]:
        """Sync the first connection; return how it ended, and its record."""
        run = await self.syncer.start(self.connection_id, trigger="test", from_start=from_start)
        assert run is not None
        ending, _ = await run.finish()
        return ending, await self.run(run.run_id)

    async def run(self, run_id: int) -> RunRow:
        """Return a run's record."""
        return await self.database.read(runs.get, run_id, owner_id=self.owner_id)

    async def ids(self) -> list[str]:
        """Return the provider's ids of the rows that stand, in order."""
        t = transactions.c
        query = sa.select(t.external_id).where(t.removed_at.is_(None)).order_by(t.external_id)
        return [row[0] for row in await self.all(query)]

    async def cursors(self) -> dict[str, str]:
        """Return the stored cursors by stream."""
        return {row.stream: row.cursor for row in await self.all(cursors.cursors.select())}

    async def connection(self) -> Any:
        """Return the first connection's row."""
        table = connections.connections
        return (await self.all(table.select().where(table.c.id == self.connection_id)))[0]

    async def active(self) -> dict[str, bool]:
        """Say of each account whether the bank still lists it."""
        return {row.external_id: row.active for row in await self.all(accounts.select())}

    async def all(self, query: sa.Select[Any]) -> list[Any]:
        """Return every row of a query."""
        return await self.database.read(lambda connection: list(connection.execute(query)))

    async def write(self, statement: sa.Executable) -> None:
        """Run one statement."""
        await self.database.write(lambda connection: connection.execute(statement))

    async def connect(self, connector: str = "fake") -> int:
        """Make one more connection, due at once."""
        return await self.database.write(_connect, self.owner_id, connector, self.watch())


@asynccontextmanager
async def bench(
    url: str,
    bank: FakeBank,
    *,
    opening: Callable[[str], Database] = open_database,
    seals: Seals = SEALS,
    **more: Any,
) -> AsyncIterator[Bench]:
    """Open a bench over the migrated database at `url`; `more` are fields of the syncer."""
    async with opening(url) as database:
        watch, wire = Watch(), Wire()

        def send_for(_name: str) -> Sender:
            return wire.send

        fields: dict[str, Any] = {
            "database": database,
            "connectors": {bank.name: bank},
            "seals": seals,
            "fingerprint": str,
            "send_for": send_for,
            "metrics": Metrics(),
            "clock": watch,
            "sleep": no_wait,
            "limits": Limits(wait_at_most=1000),
            "link_twice": True,  # many stories want more than one connection
        }
        owner_id = await database.write(_add_person)
        connection_id = await database.write(_connect, owner_id, bank.name, watch())
        syncer = Syncer(**(fields | more))
        yield Bench(database, syncer, watch, wire, owner_id, connection_id)


def _add_person(connection: sa.Connection) -> int:
    values = {"username": "ann", "password_hash": "", "created_at": NOON}
    added = connection.execute(users.insert().values(values).returning(users.c.id))
    owner_id = int(added.scalar_one())
    open_feed(connection, owner_id)
    return owner_id


def _connect(connection: sa.Connection, owner_id: int, connector: str, now: datetime) -> int:
    connection_id = connections.create(connection, owner_id=owner_id, connector=connector, now=now)
    leases.open_lease(connection, connection_id)
    opened = Credentials(Secret("token"))
    sealed = SEALS.seal(opened, connection_id, owner_id, plan=0, version=1)
    credentials.save(connection, sealed)
    return connection_id
