"""The keys that sign access tokens: made at the first run, sealed in the database (T4).

All that are not retired are good. Every process keeps them in memory, looks again once a minute,
and at once (but not more than every five seconds) for a name it never heard. A new key signs once
it is a minute old: by then every process knows it, so that no token is refused by one that does
not. The key before it signs until then, and retires when the last token it signed has expired.
"""

import asyncio
import base64
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from joserfc.jwk import OctKey

from penstock.db import signing_keys
from penstock.db.audit import AuditLog
from penstock.db.lane import Database
from penstock.db.signing_keys import KeyRow
from penstock.domain.audit import AuditEvent, AuditKind
from penstock.domain.clock import Clock
from penstock.domain.errors import SealBroken
from penstock.domain.secret import Secret
from penstock.identity.tokens import LIFETIME, Signer, TokenBad
from penstock.vault.cipher import Cipher, Place

_KEY_BYTES: Final = 32
_LOOK_AGAIN_AFTER: Final = timedelta(minutes=1)
_LOOK_AT_MOST_EVERY: Final = timedelta(seconds=5)
_KNOWN_AFTER: Final = _LOOK_AGAIN_AFTER
"""How old a key is before it signs: whoever looked before it was there has looked again."""

_RETIRES_AFTER: Final = _KNOWN_AFTER + _LOOK_AGAIN_AFTER + LIFETIME
_FEWEST_DIFFERENT: Final = 8
_LONG_AGO: Final = timedelta(days=1)

RandomBytes = Callable[[int], bytes]


class Keyring:
    """The signing keys of this installation."""

    def __init__(
        self,
        database: Database,
        cipher: Cipher,
        clock: Clock,
        random: RandomBytes = secrets.token_bytes,
        *,
        audit: AuditLog | None = None,
    ) -> None:
        self._database = database
        self._cipher = cipher
        self._clock = clock
        self._audit = audit or AuditLog(cipher)
        self._random = random
        self._rows: list[KeyRow] = []
        self._keys: dict[str, OctKey] = {}
        self._looked_at = clock() - _LONG_AGO
        self._looking = asyncio.Lock()

    async def signer(self) -> Signer:
        """Return the key that signs. Raises VaultError where it cannot be opened."""
        await self._look(_LOOK_AGAIN_AFTER)
        chosen = _signing(self._rows, self._clock())
        return Signer(chosen.kid, self._keys[chosen.kid])

    async def check(self) -> None:
        """Open every key that there is. Raises SealBroken for a weak one, and VaultError."""
        for row in await self._database.read(signing_keys.good, now=self._clock()):
            self._open(row)

    async def key(self, kid: str) -> OctKey:
        """Return the key of this name. Raises TokenBad where there is none, or it is retired."""
        await self._look(_LOOK_AGAIN_AFTER if kid in self._keys else _LOOK_AT_MOST_EVERY)
        now = self._clock()
        for row in self._rows:
            if row.kid == kid and (row.retired_at is None or row.retired_at > now):
                return self._keys[kid]
        raise TokenBad

    async def rotate(self) -> str:
        """Make a new key, which signs in a minute, and return its name.

        The others retire when their last token expires.
        """
        kid = await self._database.write(self._add, self._clock())
        await self._look(timedelta(0))
        return kid

    async def _look(self, longest_ago: timedelta) -> None:
        if self._rows and self._clock() - self._looked_at < longest_ago:
            return
        async with self._looking:
            now = self._clock()
            if self._rows and now - self._looked_at < longest_ago:
                return
            rows = await self._database.read(signing_keys.good, now=now)
            if not rows:
                rows = await self._database.write(self._first, now)
            self._keys = {row.kid: self._keys.get(row.kid) or self._open(row) for row in rows}
            self._rows, self._looked_at = rows, now

    def _first(self, connection: sa.Connection, now: datetime) -> list[KeyRow]:
        signing_keys.lock_all(connection)
        if not signing_keys.good(connection, now=now):
            self._store(connection, now)
        return signing_keys.good(connection, now=now)

    def _add(self, connection: sa.Connection, now: datetime) -> str:
        signing_keys.lock_all(connection)
        for row in signing_keys.good(connection, now=now):
            if row.retired_at is None:
                signing_keys.retire(connection, row.kid, at=now + _RETIRES_AFTER)
        kid = self._store(connection, now)
        event = AuditEvent(AuditKind.SIGNING_KEY_ROTATED, facts={"new": kid})
        self._audit.record(connection, event, now=now)
        return kid

    def _store(self, connection: sa.Connection, now: datetime) -> str:
        kid = base64.urlsafe_b64encode(self._random(9)).decode()
        key = Secret(base64.b64encode(self._random(_KEY_BYTES)).decode())
        sealed = self._cipher.seal(key, _place(kid))
        signing_keys.create(connection, kid=kid, sealed=sealed, now=now)
        return kid

    def _open(self, row: KeyRow) -> OctKey:
        raw = base64.b64decode(self._cipher.open(row.sealed, _place(row.kid)).reveal())
        if len(raw) < _KEY_BYTES:
            raise SealBroken(f"The signing key {row.kid} has fewer than {_KEY_BYTES} bytes.")
        if len(set(raw)) < _FEWEST_DIFFERENT:
            raise SealBroken(f"The signing key {row.kid} is not random.")
        return OctKey.import_key(raw)


def _signing(rows: Sequence[KeyRow], now: datetime) -> KeyRow:
    """Return the newest key that every process knows, and whose tokens will outlive no key."""
    for row in rows:
        is_known = row.created_at + _KNOWN_AFTER <= now
        if is_known and (row.retired_at is None or now + LIFETIME < row.retired_at):
            return row
    return min(reversed(rows), key=lambda row: row.created_at)


def _place(kid: str) -> Place:
    return Place("installation", f"signing_key:{kid}", "key")
