"""A connection that looks left behind, whose sealed token leads to ourselves (identity/decoys.py).

It was disconnected, and its credentials seem to have been forgotten. Whoever has the database and
the key opens them, and finds an address with a name and a password in it, as bridges to banks hand
out. It is our own: who asks there has opened the vault somewhere else. Without an address of ours
that the world can reach no such token is made, for nobody would see its use.
"""

import base64
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

import sqlalchemy as sa

from penstock.db import connections, credentials, leases
from penstock.domain.consent import Credentials
from penstock.domain.secret import Secret
from penstock.engine.seal import Seals


@dataclass(frozen=True, slots=True)
class Bait:
    """Plants the connection. `address` is ours, None where the world does not reach us."""

    seals: Seals
    connector: str
    address: str | None
    entropy: Callable[[int], bytes] = secrets.token_bytes

    def plant(self, connection: sa.Connection, owner_id: int, *, now: datetime) -> Secret | None:
        """Make it, if it is not there yet; return the password of its token, if that is new."""
        known = connections.page(connection, owner_id=owner_id)
        number = known[0].id if known else self._connect(connection, owner_id, now)
        if self.address is None or credentials.find(connection, number) is not None:
            return None
        password = Secret(base64.urlsafe_b64encode(self.entropy(24)).decode())
        parts = urlsplit(self.address.rstrip("/"))
        name = self.entropy(8).hex()
        access = f"{parts.scheme}://{name}:{password.reveal()}@{parts.netloc}{parts.path}/bridge"
        opened = Credentials(access=Secret(access), refresh=None, expires_at=None, scope="")
        sealed = self.seals.seal(opened, number, owner_id, plan=0, version=1)
        credentials.save(connection, sealed)
        return password

    def _connect(self, connection: sa.Connection, owner_id: int, now: datetime) -> int:
        number = connections.create(
            connection, owner_id=owner_id, connector=self.connector, now=now
        )
        leases.open_lease(connection, number)
        connections.mark_disconnected(connection, number, now=now)
        return number
