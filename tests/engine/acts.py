"""What the processes of a crowd do with a bank and a vault (tests/engine/crowd.py)."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from penstock import connectors
from penstock.db import credentials
from penstock.db.connect import open_database
from penstock.db.lane import Database
from penstock.db.runs import Tally
from penstock.domain.clock import utc_now
from penstock.domain.errors import PenstockError
from penstock.domain.secret import Secret
from penstock.engine.key_place import KeyPlace
from penstock.engine.refresh import ConnectionTokens
from penstock.engine.seal import Seals
from penstock.engine.sync import Syncer
from penstock.engine.unlock import Vault, unlock
from penstock.observe.metrics import Metrics
from penstock.outbound.client import Outbound
from penstock.vault.hashing import KeyedHash
from tests.engine.crowd import KEY, Gate, my_number


@dataclass(frozen=True, slots=True)
class Branch:
    """What one process has opened: the shared database, and the bank."""

    database: Database
    outbound: Outbound
    connector: Any
    vault: Vault

    @property
    def seals(self) -> Seals:
        return Seals(self.vault.cipher)

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

    def syncer(self, ahead: timedelta) -> Syncer:
        """Return a syncer whose clock goes ahead by so much."""
        return Syncer(
            database=self.database,
            connectors={"sandbox": self.connector},
            seals=self.seals,
            fingerprint=KeyedHash(self.vault.root, "account identity"),
            send_for=lambda name: partial(self.outbound.send, connector=name),
            metrics=Metrics(),
            clock=lambda: utc_now() + ahead,
            link_twice=True,  # one person, many connections
        )


@contextlib.asynccontextmanager
async def open_branch(url: str, bank_url: str) -> AsyncIterator[Branch]:
    """Open what a worker process has."""
    connector = connectors.build({"sandbox_url": Secret(bank_url)})["sandbox"]
    allowed = [bank_url.partition("//")[2]]
    async with open_database(url) as database, Outbound(allow=allowed) as outbound:
        place = KeyPlace(Secret(KEY), Path("no file"), may_make=False)
        yield Branch(
            database, outbound, connector, await asyncio.to_thread(unlock, database, place)
        )


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
    gate: Gate, *, url: str, bank_url: str, connection_id: int, times: int
) -> list[tuple[str, int]]:
    """Sync a connection again and again; return each outcome with the rows that it inserted.

    Each run's clock is hours ahead of those before: to it, everybody else's lease has run out, and
    it takes the connection from them while they read and commit.
    """
    told: list[tuple[str, int]] = []
    async with open_branch(url, bank_url) as branch:
        ahead = timedelta(hours=my_number())
        gate()
        while len(told) < times:
            ahead += timedelta(hours=4)
            run = await branch.syncer(ahead).start(connection_id, trigger="crowd")
            if run is not None:
                ending, _ = await run.finish()
                told.append((ending.outcome, run.tally.inserted))
    return told


async def unlock_home(gate: Gate, *, url: str, home: str, given: list[str | None]) -> str:
    """Look for the key of an installation; return its id, or the kind of error.

    `given` are the keys that the processes were given, one after another.
    """
    mine = given[my_number()]
    async with open_database(url) as database:
        place = KeyPlace(Secret(mine) if mine else None, Path(home) / "key", may_make=not mine)
        gate()
        try:
            return unlock(database, place).id
        except PenstockError as error:
            return type(error).__name__
