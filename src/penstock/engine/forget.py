"""Ending a connection: revoke at the bank, wipe the credentials, keep or delete the history.

The credentials are wiped even where the bank cannot be reached; whether it confirmed is said.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from penstock.db import (
    accounts,
    balances,
    connections,
    credentials,
    cursors,
    erasures,
    feeds,
    holdings,
    hooks,
    leases,
    transactions,
    waiting,
)
from penstock.db.credentials import SealedCredentials
from penstock.db.lane import Database
from penstock.domain.clock import Clock
from penstock.domain.consent import Credentials
from penstock.domain.errors import KeyAway, VaultError
from penstock.domain.protocol import Connector, SenderFor
from penstock.engine.refresh import plan_of
from penstock.engine.revoking import revoke_at_bank
from penstock.engine.seal import Seals
from penstock.engine.subscribing import unsubscribe
from penstock.observe.log import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Disconnected:
    """Whether the bank confirmed that our access has ended; None where there was none any more."""

    revoked: bool | None


@dataclass(frozen=True, slots=True)
class Forgetter:
    """Ends connections."""

    database: Database
    connectors: Mapping[str, Connector]
    seals: Seals
    send_for: SenderFor
    clock: Clock

    async def disconnect(self, connection_id: int, *, owner_id: int, delete: bool) -> Disconnected:
        """End a connection. A sync that runs at this moment commits nothing more.

        Where `delete`, accounts, balances, holdings and transactions go too, and leave stubs in the
        change feed. Raises NotFound.
        """
        row = await self.database.read(connections.get, connection_id, owner_id=owner_id)
        hooked = await self.database.read(hooks.find_subscription, connection_id)
        had, opened = await self.database.write(self._end, connection_id, owner_id)
        revoked = False if had else None
        connector = self.connectors.get(row.connector)
        if opened and hooked and connector:
            send = self.send_for(row.connector)
            await unsubscribe(connector, hooked.external_id, opened[1], send)
        if opened:
            revoked = await self._revoke(row.connector, *opened)
        if delete:
            await self.database.write(_delete, connection_id, owner_id)
        return Disconnected(revoked)

    def _end(
        self, connection: sa.Connection, connection_id: int, owner_id: int
    ) -> tuple[bool, tuple[int, Credentials] | None]:
        """Take the fence from whoever syncs, wipe what opens the bank, and close the connection.

        Return whether there was anything, and what opened the bank: no newer token can have been
        stored meanwhile. One that the bank is just giving is revoked by whoever asked for it
        (refresh.py).
        """
        leases.seize(connection, connection_id)
        sealed = credentials.find(connection, connection_id)
        opened = self._open(sealed, owner_id) if sealed else None
        credentials.delete(connection, connection_id)
        cursors.delete_all(connection, connection_id)
        hooks.forget_subscription(connection, connection_id)
        connections.mark_disconnected(connection, connection_id, now=self.clock())
        why = "The connection was disconnected first."
        waiting.drop(connection, connection_id, why, now=self.clock())
        return sealed is not None, opened

    def _open(self, sealed: SealedCredentials, owner_id: int) -> tuple[int, Credentials] | None:
        try:
            return sealed.plan, self.seals.open(sealed, owner_id)
        except KeyAway:
            raise  # it can be opened later, and then be revoked
        except VaultError as error:  # what cannot be opened can still be wiped
            log.warning("disconnect.unopened", reason=error.message)
            return None

    async def _revoke(self, name: str, plan: int, opened: Credentials) -> bool:
        connector = self.connectors.get(name)
        chosen = plan_of(connector, plan) if connector else None
        return await revoke_at_bank(chosen, opened, self.send_for(name), connector=name)


def _delete(connection: sa.Connection, connection_id: int, owner_id: int) -> None:
    number = feeds.next_change(connection, owner_id)
    ours = sa.select(accounts.accounts.c.id).where(
        accounts.accounts.c.connection_id == connection_id
    )
    for kind, table in (
        ("transaction", transactions.transactions),
        ("balance", balances.balances),
        ("holding", holdings.holdings),
    ):
        rows = sa.select(table.c.id).where(table.c.account_id.in_(ours))
        erasures.note(connection, owner_id=owner_id, kind=kind, rows=rows, change_number=number)
    erasures.note(connection, owner_id=owner_id, kind="account", rows=ours, change_number=number)
    transactions.delete_of(connection, ours)
    connections.delete(connection, connection_id)
