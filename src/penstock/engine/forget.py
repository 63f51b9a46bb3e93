"""Ending a connection: revoke at the bank, wipe the credentials, keep or delete the history.

The credentials are wiped even where the bank cannot be reached; whether it confirmed is said, and
where it did not it is asked again (revoking.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

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
    price_turns,
    transactions,
    waiting,
)
from penstock.db.audit import AuditLog
from penstock.db.credentials import SealedCredentials
from penstock.db.lane import Database
from penstock.domain.audit import AuditEvent, AuditKind
from penstock.domain.clock import Clock
from penstock.domain.consent import Credentials
from penstock.domain.errors import KeyAway, VaultError
from penstock.domain.ids import public_id
from penstock.domain.protocol import Connector, SenderFor
from penstock.engine import securities
from penstock.engine.revoking import Revoker
from penstock.engine.seal import Seals
from penstock.engine.subscribing import unsubscribe
from penstock.oauth.proving import Proving
from penstock.observe.log import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Disconnected:
    """Whether the bank confirmed that our access has ended; None where there was none any more.

    `retried`: it did not, and is asked again until it has.
    """

    revoked: bool | None
    retried: bool = False


@dataclass(frozen=True, slots=True)
class Forgetter:
    """Ends connections."""

    database: Database
    connectors: Mapping[str, Connector]
    seals: Seals
    send_for: SenderFor
    clock: Clock
    audit: AuditLog
    proving: Proving = field(default_factory=Proving)

    async def disconnect(self, connection_id: int, *, owner_id: int, delete: bool) -> Disconnected:
        """End a connection. A sync that runs at this moment commits nothing more.

        Where `delete`, accounts, balances, holdings and transactions go too, and leave stubs in the
        change feed. Raises NotFound.
        """
        row = await self.database.read(connections.get, connection_id, owner_id=owner_id)
        hooked = await self.database.read(hooks.find_subscription, connection_id)
        ended = await self.database.write(self._end, connection_id, owner_id, row.connector)
        revoked = False if ended.had else None
        connector = self.connectors.get(row.connector)
        if ended.opened and hooked and connector:
            send = self.send_for(row.connector)
            await unsubscribe(connector, hooked.external_id, ended.opened, send, self.proving)
        if ended.opened and ended.queued is not None:
            revoked = await self._revoker().revoke(
                ended.queued, ended.opened, connector=row.connector, plan=ended.plan
            )
        if delete:
            await self.database.write(self._delete, connection_id, owner_id)
        return Disconnected(revoked, retried=ended.queued is not None and not revoked)

    def _end(
        self, connection: sa.Connection, connection_id: int, owner_id: int, connector: str
    ) -> "_Ended":
        """Take the fence from whoever syncs, wipe what opens the bank, and close the connection.

        What opened the bank is queued to be revoked there. No newer token can have been stored
        meanwhile; one that the bank is just giving is revoked by whoever asked for it (refresh.py).
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
        ended = _Ended(had=sealed is not None)
        if sealed is not None and opened is not None:
            queued = self._revoker().queue(
                connection, opened, owner_id=owner_id, connector=connector, plan=sealed.plan
            )
            ended = _Ended(had=True, opened=opened, plan=sealed.plan, queued=queued)
        self._note(connection, AuditKind.DISCONNECTED, connection_id, owner_id)
        return ended

    def _delete(self, connection: sa.Connection, connection_id: int, owner_id: int) -> None:
        _delete(connection, connection_id, owner_id)
        now = self.clock()
        securities.work_out(connection, securities.Book(owner_id, now))
        price_turns.follow(connection, owner_id=owner_id, now=now)
        self._note(connection, AuditKind.HISTORY_DELETED, connection_id, owner_id)

    def _note(
        self, connection: sa.Connection, kind: AuditKind, connection_id: int, owner_id: int
    ) -> None:
        event = AuditEvent(kind, owner_id, public_id("con", connection_id))
        self.audit.record(connection, event, now=self.clock())

    def _revoker(self) -> Revoker:
        return Revoker(
            self.database, self.connectors, self.seals, self.send_for, self.clock, self.proving
        )

    def _open(self, sealed: SealedCredentials, owner_id: int) -> Credentials | None:
        try:
            return self.seals.open(sealed, owner_id)
        except KeyAway:
            raise  # it can be opened later, and then be revoked
        except VaultError as error:  # what cannot be opened can still be wiped
            log.warning("disconnect.unopened", reason=error.message)
            return None


@dataclass(frozen=True, slots=True)
class _Ended:
    """What there was, what of it could be opened, and its number in the queue, if it has one."""

    had: bool
    opened: Credentials | None = None
    plan: int = 0
    queued: int | None = None


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
