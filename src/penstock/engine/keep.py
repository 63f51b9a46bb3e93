"""What a link has given is stored: a new connection opens, or one that was there is renewed.

What the bank handed out and cannot be kept is given back to it.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from penstock.db import connections, credentials, hooks, leases
from penstock.db.audit import AuditLog
from penstock.db.lane import Database
from penstock.domain.audit import AuditEvent, AuditKind
from penstock.domain.clock import Clock
from penstock.domain.errors import Conflict, InvalidInput, PenstockError
from penstock.domain.ids import public_id
from penstock.domain.link_plan import Granted, OAuthPlan, VisitPlan
from penstock.domain.protocol import Connector
from penstock.engine.revoking import Revoker, plan_of
from penstock.engine.seal import Seals


@dataclass(frozen=True, slots=True)
class Place:
    """For whom a link was made, with which of the connector's plans, and what it renews."""

    owner_id: int
    connector: str
    plan: int
    renewed: int | None


@dataclass(frozen=True, slots=True)
class Keeper:
    """Stores what links gave."""

    database: Database
    connectors: Mapping[str, Connector]
    seals: Seals
    clock: Clock
    revoker: Revoker
    audit: AuditLog

    async def keep(self, granted: Granted, place: Place) -> int:
        """Store it, even if the one who waits for us goes away now; return the connection.

        Raises NotFound, InvalidInput and Conflict where what was to be renewed no longer can be:
        then it is revoked again.
        """
        keeping = asyncio.ensure_future(self._keep(granted, place))
        try:
            return await asyncio.shield(keeping)
        finally:
            keeping.add_done_callback(_heard)

    async def _keep(self, granted: Granted, place: Place) -> int:
        try:
            return await self.database.write(self._open_connection, granted, place)
        except PenstockError:
            await self._give_back(granted, place)
            raise

    async def _give_back(self, granted: Granted, place: Place) -> None:
        opened, connector, plan = granted.credentials, place.connector, place.plan
        number = await self.database.write(
            self.revoker.queue, opened, owner_id=place.owner_id, connector=connector, plan=plan
        )
        if number is not None:
            await self.revoker.revoke(number, opened, connector=connector, plan=plan)

    def _open_connection(self, connection: sa.Connection, granted: Granted, place: Place) -> int:
        """Make the connection, or give the renewed one its new credentials; due at once.

        A sync that runs with the old ones is not to commit, nor to say that the consent has ended.
        """
        now = self.clock()
        owner_id, connector, plan = place.owner_id, place.connector, place.plan
        if place.renewed is None:
            connection_id = connections.create(
                connection, owner_id=owner_id, connector=connector, now=now
            )
            leases.open_lease(connection, connection_id)
            version = 1
        else:
            connection_id = place.renewed
            leases.seize(connection, connection_id)
            check_renewal(connection, connection_id, owner_id, connector)
            hooks.forget_subscription(connection, connection_id)  # it was of what was opened before
            known = credentials.find(connection, connection_id)
            version = known.version + 1 if known else 1
        credentials.save(
            connection,
            self.seals.seal(
                granted.credentials, connection_id, owner_id, plan=plan, version=version
            ),
        )
        connections.renew(
            connection,
            connection_id,
            consent_expires_at=granted.consent_expires_at or self._consent_ends(place, now),
            now=now,
        )
        kind = AuditKind.CONNECTION_RENEWED if place.renewed else AuditKind.CONNECTION_LINKED
        subject, facts = public_id("con", connection_id), {"connector": connector}
        self.audit.record(connection, AuditEvent(kind, owner_id, subject, facts), now=now)
        return connection_id

    def _consent_ends(self, place: Place, now: datetime) -> datetime | None:
        chosen = plan_of(self.connectors[place.connector], place.plan)
        days = chosen.consent_days if isinstance(chosen, OAuthPlan | VisitPlan) else None
        return now + timedelta(days=days) if days else None


def check_renewal(
    connection: sa.Connection, connection_id: int, owner_id: int, connector: str
) -> None:
    """Raise NotFound, InvalidInput or Conflict for a connection that cannot be renewed so."""
    row = connections.get(connection, connection_id, owner_id=owner_id)
    if row.connector != connector:
        raise InvalidInput(f"That connection was made with {row.connector}, not {connector}.")
    if row.disconnected_at is not None:
        raise Conflict("That connection was disconnected: link the institution anew.")


def _heard(keeping: asyncio.Future[int]) -> None:
    """Take notice of how it ended, also where nobody waits any more."""
    if not keeping.cancelled():
        keeping.exception()
