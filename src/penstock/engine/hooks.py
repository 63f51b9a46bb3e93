"""Webhooks as they come in: verified, stored once, answered at once; then the bank is asked.

A delivery that can be verified by itself is. One whose provider's key has to be fetched is stored,
a bounded number of them, and verified by a worker: nothing is asked of anybody before the answer
(sync.md 28). What a good one does is the same as a person's wish for a sync, but that it waits for
whatever keeps the connection from being asked: a pause, a bank that wants to be left alone, a
consent that has ended.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

import sqlalchemy as sa

from penstock.db import connections, turns
from penstock.db import hooks as store
from penstock.db.hooks import EventRow
from penstock.db.lane import Database
from penstock.domain.clock import Clock
from penstock.domain.errors import (
    ContractBroken,
    HookRefused,
    NotFound,
    OAuthError,
    OAuthUnavailable,
    SealBroken,
    TooManyAttempts,
    TransportFailure,
    VaultError,
)
from penstock.domain.hook import Delivery, Event, Hooks
from penstock.domain.protocol import Connector, Sender, SenderFor
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from penstock.engine.seal import Seals
from penstock.oauth.run import run
from penstock.observe.log import get_logger
from penstock.observe.metrics import Metrics

MOST_WAITING: Final = 100
"""So many deliveries of one connection may wait to be verified; more are to come again later."""
MOST_BYTES: Final = 64 * 1024
GIVEN_UP_AFTER: Final = timedelta(hours=24)

_AT_ONCE: Final = 20
_AGAIN: Final = timedelta(minutes=1)
_FULL: Final = 60.0
_KEYS_KEPT: Final = timedelta(minutes=10)
_MOST_KEYS: Final = 100

log = get_logger(__name__)


class Heard(StrEnum):
    """What became of a delivery."""

    HEARD = "heard"
    DUPLICATE = "duplicate"
    WAITING = "waiting"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Inbox:
    """Takes deliveries, and verifies those that wait."""

    database: Database
    connectors: Mapping[str, Connector]
    seals: Seals
    send_for: SenderFor
    metrics: Metrics
    clock: Clock
    _keys: dict[tuple[str, str, bytes], tuple[datetime, Response]] = field(default_factory=dict)

    def headers_of(self, connector: str) -> tuple[str, ...]:
        """Return the headers that a connector's deliveries are known by. Raises NotFound."""
        return self._hooks(connector).headers

    async def take(
        self, connector: str, connection_id: int, headers: Mapping[str, str], body: bytes
    ) -> Heard:
        """Take a delivery. Asks nobody anything.

        Raises NotFound where no such thing is expected, HookRefused for what the provider did not
        send, and TooManyAttempts where too many wait to be verified already.
        """
        hooks = self._hooks(connector)
        secret = await self.database.read(self._secret, connection_id, connector)
        delivery = Delivery(headers, body, self.clock())
        try:
            event = _verified_by_itself(hooks, delivery, secret)
        except HookRefused as refused:
            self._count(connector, Heard.REFUSED)
            log.warning("hook.refused", connector=connector, reason=refused.message)
            raise
        if event is None:
            heard = await self.database.write(self._keep, connection_id, delivery)
        else:
            heard = await self.database.write(self._hear, connection_id, event)
        self._count(connector, heard)
        return heard

    async def verify_waiting(self) -> int:
        """Verify deliveries that wait, as many as there are at once; return how many there were."""
        rows = await self.database.read(store.waiting, now=self.clock(), limit=_AT_ONCE)
        for row in rows:
            try:
                await self._verify(row)
            except Exception:
                log.exception("hook.not_verified")  # it keeps nobody else's waiting
                await self._put_off(row, "", "it could not be verified")
        return len(rows)

    async def _verify(self, row: EventRow) -> None:
        connector = await self.database.read(_connector_of, row.connection_id)
        try:
            hooks = self._hooks(connector)
            secret = await self.database.read(self._secret, row.connection_id, connector)
            delivery = Delivery(row.headers or {}, row.body or b"", row.received_at)
            event = await run(hooks.verify(delivery, secret), self._kept(connector))
        except SealBroken as refused:
            await self._refuse(row, connector, refused.message)
        except (TransportFailure, OAuthUnavailable, VaultError) as away:
            await self._put_off(row, connector, away.message)
        except (HookRefused, NotFound, OAuthError, ContractBroken) as refused:
            await self._refuse(row, connector, refused.message)
        else:
            heard = await self.database.write(self._settle, row, event)
            self._count(connector, heard)

    async def _refuse(self, row: EventRow, connector: str, why: str) -> None:
        if await self.database.write(store.drop, row.id):
            self._count(connector, Heard.REFUSED)
            log.warning("hook.refused", connector=connector, reason=why)

    async def _put_off(self, row: EventRow, connector: str, why: str) -> None:
        """Try again in a while; after a day nobody needs to know any more."""
        now = self.clock()
        if now - row.received_at < GIVEN_UP_AFTER:
            await self.database.write(store.put_off, row.id, until=now + _AGAIN)
        elif await self.database.write(store.drop, row.id):
            log.warning("hook.given_up", connector=connector, reason=why)

    def _kept(self, connector: str) -> Sender:
        """Return a sender that asks for the same key once in a while only."""
        send = self.send_for(connector)

        async def ask(request: Request) -> Response:
            name = connector, request.url, request.body or b""
            known = self._keys.get(name)
            if known is not None and self.clock() - known[0] < _KEYS_KEPT:
                return known[1]
            response = await send(request)
            if response.status == 200:  # noqa: PLR2004  OK
                if len(self._keys) >= _MOST_KEYS:
                    self._keys.clear()
                self._keys[name] = self.clock(), response
            return response

        return ask

    def _hooks(self, connector: str) -> Hooks:
        found = self.connectors.get(connector)
        if found is None or found.hooks is None:
            raise NotFound("No webhooks are expected here.")
        return found.hooks

    def _secret(
        self, connection: sa.Connection, connection_id: int, connector: str
    ) -> Secret | None:
        """Return what the connection's deliveries are signed with. Raises NotFound, VaultError."""
        owner_id = store.find_owner(connection, connection_id, connector)
        if owner_id is None:
            raise NotFound("No webhooks are expected here.")
        row = store.find_subscription(connection, connection_id)
        if row is None or row.secret is None:
            return None
        return self.seals.open_hook(row.secret, connection_id, owner_id)

    def _keep(self, connection: sa.Connection, connection_id: int, delivery: Delivery) -> Heard:
        kept = store.keep_waiting(
            connection,
            connection_id,
            _mark(delivery),
            delivery.headers,
            delivery.body,
            now=delivery.received_at,
            most=MOST_WAITING,
        )
        if not kept:
            raise TooManyAttempts("Too many webhooks wait here already.", retry_after=_FULL)
        return Heard.WAITING

    def _hear(self, connection: sa.Connection, connection_id: int, event: Event) -> Heard:
        """Store a good event; where it is new, and there is news, have the bank asked."""
        now = self.clock()
        if not store.hear(connection, connection_id, event.id, event.kind, now=now):
            return Heard.DUPLICATE
        if event.news:
            turns.request_sync(connection, connection_id, now=now)
        return Heard.HEARD

    def _settle(self, connection: sa.Connection, row: EventRow, event: Event) -> Heard:
        if not store.drop(connection, row.id):
            return Heard.DUPLICATE
        return self._hear(connection, row.connection_id, event)

    def _count(self, connector: str, heard: Heard) -> None:
        self.metrics.hook_heard(connector, heard)


def _verified_by_itself(hooks: Hooks, delivery: Delivery, secret: Secret | None) -> Event | None:
    """Return what a delivery says, or None where something has to be asked first."""
    verifying = hooks.verify(delivery, secret)
    try:
        next(verifying)
    except StopIteration as end:
        event: Event = end.value
        return event
    verifying.close()
    return None


def _mark(delivery: Delivery) -> str:
    """Return a name for a delivery that nobody has read yet."""
    content = hashlib.sha256(delivery.body)
    for name, value in sorted(delivery.headers.items()):
        content.update(f"\0{name}\0{value}".encode())
    return f"unread:{content.hexdigest()}"


def _connector_of(connection: sa.Connection, connection_id: int) -> str:
    return connections.get(connection, connection_id).connector
