"""What people allowed programs of others, remembered until they take it back (security.md C4)."""

from datetime import datetime

import sqlalchemy as sa

from penstock.db import codes, consents, device_codes, sessions, users
from penstock.db.audit import AuditLog
from penstock.db.consents import ConsentRow
from penstock.db.lane import Database
from penstock.domain.audit import AuditEvent, AuditKind
from penstock.domain.clock import Clock
from penstock.identity.clients import Client
from penstock.identity.identity import Identity
from penstock.identity.redirect_uris import is_claimed
from penstock.identity.scopes import Scope, read_scopes, write_scopes
from penstock.identity.sessions import Ended
from penstock.observe.log import get_logger

_log = get_logger("penstock.identity")


class Consents:
    """Remembers what people allowed."""

    def __init__(
        self, database: Database, identity: Identity, audit: AuditLog, clock: Clock
    ) -> None:
        self._database = database
        self._identity = identity
        self._audit = audit
        self._clock = clock

    async def covers(
        self, user_id: int, client: Client, redirect_uri: str, scopes: frozenset[Scope]
    ) -> bool:
        """Say whether a person need not be asked again.

        They are always asked where another program of the machine could take the client's place
        at `redirect_uri` (RFC 8252 §8.6): our own command line is such a client.
        """
        if client.is_ours or not is_claimed(redirect_uri):
            return False
        given = await self._database.read(consents.scope_of, owner_id=user_id, client_id=client.id)
        return given is not None and scopes <= read_scopes(given)

    async def give(self, user_id: int, client: Client, scopes: frozenset[Scope]) -> None:
        """Remember what a person allows, beside what they allowed before; not of our own program.

        Of that a yes is written down, and asked for again each time.
        """
        await self._database.write(self._give, user_id, client, scopes)
        _log.info("consent_given", user=user_id, client=client.id)

    async def page(self, user_id: int, *, after: int = 0, limit: int = 100) -> list[ConsentRow]:
        """Return what a person allowed."""
        return await self._database.read(consents.page, owner_id=user_id, after=after, limit=limit)

    async def withdraw(self, user_id: int, consent_id: int) -> None:
        """Forget a consent, and end the person's sessions of that program. Raises NotFound."""
        ended = await self._database.write(self._withdraw, user_id, consent_id)
        self._identity.forget(ended)
        _log.info("consent_withdrawn", user=user_id, consent=consent_id)

    def _give(
        self, connection: sa.Connection, user_id: int, client: Client, scopes: frozenset[Scope]
    ) -> None:
        now = self._clock()
        if not client.is_ours:
            _remember(connection, user_id, client.id, scopes, now)
        facts = {"scope": write_scopes(scopes)}
        event = AuditEvent(AuditKind.CONSENT_GIVEN, user_id, client.id, facts)
        self._audit.record(connection, event, now=now)

    def _withdraw(self, connection: sa.Connection, user_id: int, consent_id: int) -> list[int]:
        now = self._clock()
        row = consents.get(connection, consent_id, owner_id=user_id)
        consents.delete(connection, consent_id, owner_id=user_id)
        codes.delete_of(connection, user_id=user_id, client_id=row.client_id)
        device_codes.delete_of(connection, user_id=user_id, client_id=row.client_id)
        ended = sessions.end_of_client(
            connection, row.client_id, user_id=user_id, why=Ended.WITHDRAWN, now=now
        )
        event = AuditEvent(AuditKind.CONSENT_WITHDRAWN, user_id, row.client_id)
        self._audit.record(connection, event, now=now)
        return ended


def _remember(
    connection: sa.Connection,
    user_id: int,
    client_id: str,
    scopes: frozenset[Scope],
    now: datetime,
) -> None:
    users.hold(connection, user_id)
    before = consents.scope_of(connection, owner_id=user_id, client_id=client_id)
    kept = read_scopes(before) if before else frozenset()
    scope = write_scopes(kept | scopes)
    consents.save(connection, owner_id=user_id, client_id=client_id, scope=scope, now=now)
