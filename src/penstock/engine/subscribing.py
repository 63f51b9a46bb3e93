"""Asking providers to tell us by themselves, and no longer to, in the name of a connection.

Who cannot be told is read in turn as before: a provider that says no to this stops no sync.
"""

import sqlalchemy as sa

from penstock.db import hooks as store
from penstock.db import leases
from penstock.db.hooks import SubscriptionRow
from penstock.db.leases import Lease
from penstock.domain.consent import Credentials
from penstock.domain.errors import ContractBroken, TransportFailure
from penstock.domain.ids import public_id
from penstock.domain.outcome import Halt
from penstock.domain.protocol import Connector, Sender
from penstock.domain.request import Request, Response
from penstock.engine.drive import CursorLost, Driver, Restart
from penstock.engine.gear import Gear, HookUrl
from penstock.oauth.dpop import bound
from penstock.oauth.proving import Proving
from penstock.oauth.run import run
from penstock.observe.log import get_logger

log = get_logger(__name__)


def hook_url(public_url: str | None) -> HookUrl:
    """Return how webhooks are addressed where the world reaches us at `public_url`."""

    def address(connector: str, connection_id: int) -> str | None:
        if public_url is None:
            return None
        return f"{public_url.rstrip('/')}/v1/hooks/{connector}/{public_id('con', connection_id)}"

    return address


async def keep_subscribed(gear: Gear, lease: Lease, owner_id: int, driver: Driver) -> None:
    """Ask for webhooks, unless they come to where we are already. Raises LeaseLost."""
    connector, connection_id = driver.connector, lease.connection_id
    url = gear.hook_url(connector.name, connection_id)
    subscribe = connector.hooks.subscribe if connector.hooks else None
    if url is None or subscribe is None:
        return
    known = await gear.database.glance(store.find_subscription, connection_id)
    if known is not None and known.url == url:
        return
    try:
        made = await driver.run(subscribe(url))
    except (Halt, CursorLost, Restart) as refused:
        log.warning("hook.not_subscribed", connector=connector.name, reason=f"{refused}")
        return
    secret = made.secret
    sealed = gear.seals.seal_hook(secret, connection_id, owner_id) if secret else None
    row = SubscriptionRow(connection_id, url, made.external_id, sealed, gear.clock())
    await gear.database.write(_save, lease, row)
    log.info("hook.subscribed", connector=connector.name)


def _save(connection: sa.Connection, lease: Lease, row: SubscriptionRow) -> None:
    leases.lock(connection, lease)
    store.save_subscription(connection, row)


async def unsubscribe(
    connector: Connector, external_id: str, opened: Credentials, send: Sender, proving: Proving
) -> None:
    """Ask for no more webhooks; where the provider does not hear it, they lead nowhere."""
    end = connector.hooks.unsubscribe if connector.hooks else None
    if end is None:
        return

    async def signed(request: Request) -> Response:
        return await run(bound(connector.sign(request, opened), opened, proving), send)

    try:
        await run(end(external_id), signed)
    except (ContractBroken, TransportFailure) as error:
        log.warning("hook.not_unsubscribed", connector=connector.name, reason=error.message)
