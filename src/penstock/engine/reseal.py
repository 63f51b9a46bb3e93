"""Sealing anew, while all goes on, what is not sealed under the present data keys (K2).

A batch of rows is one short transaction, and a row that somebody writes meanwhile is theirs. It can
be stopped anywhere: what is left is found by the next run.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

import sqlalchemy as sa

from penstock.db import sealed, sealing_keys
from penstock.db.lane import Database
from penstock.db.sealed import SEALED, SealedColumn
from penstock.db.sealing_keys import SEAL, DataKeyRow
from penstock.domain.clock import Clock
from penstock.domain.errors import KeyAway, VaultError
from penstock.engine.sealing_keys import DataKeys
from penstock.vault.cipher import Cipher

KEPT_AFTER: Final = timedelta(days=1)
"""How long a retired data key stays at least.

A process may seal under it for the few seconds in which it does not know, and commit later.
"""
_AT_ONCE: Final = 100

Pause = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Resealed:
    """What was done: texts sealed anew, those that do not open, and data keys made and deleted."""

    texts: int = 0
    broken: int = 0
    made: int = 0
    deleted: int = 0


@dataclass(frozen=True, slots=True)
class Resealer:
    """Moves sealed texts to the present data keys. `pause` is awaited between batches."""

    database: Database
    keys: DataKeys
    clock: Clock
    pause: Pause

    async def renew(self) -> Resealed:
        """Give every owner a new data key, and seal all anew under it. Raises VaultError."""
        made = 0
        for row in await self._in_use():  # listed first, for those that are made are not renewed
            made += await self.database.write(self._renew_one, row)
            await self.pause()
        self.keys.look_again()
        done = await self.reseal()
        return Resealed(done.texts, done.broken, made, await self.tidy())

    async def reseal(self) -> Resealed:
        """Seal anew what is sealed under anything but the present data keys. Raises KeyAway."""
        texts = broken = 0
        for which in SEALED:
            after: tuple[Any, ...] | None = None
            while True:
                after, moved, failed = await self.database.write(self._batch, which, after)
                texts, broken = texts + moved, broken + failed
                await self.pause()
                if after is None:
                    break
        return Resealed(texts, broken)

    async def tidy(self) -> int:
        """Delete the data keys that were retired a day ago and seal nothing; say how many."""
        return await self.database.write(self._tidy)

    async def _in_use(self) -> list[DataKeyRow]:
        found: list[DataKeyRow] = []
        while rows := await self.database.read(
            sealing_keys.page, after=found[-1].id if found else "", limit=_AT_ONCE
        ):
            found.extend(rows)
        return [row for row in found if row.purpose == SEAL and row.retired_at is None]

    def _renew_one(self, connection: sa.Connection, row: DataKeyRow) -> bool:
        if not sealing_keys.retire(connection, row.id, at=self.clock()):
            return False
        self.keys.make(connection, row.owner_id)
        return True

    def _batch(
        self, connection: sa.Connection, which: SealedColumn, after: tuple[Any, ...] | None
    ) -> tuple[tuple[Any, ...] | None, int, int]:
        cipher = Cipher(self.keys)
        rows = sealed.page(connection, which, after=after, limit=_AT_ONCE)
        moved = broken = 0
        for row in rows:
            name, _ = self.keys.present(row.at.owner)
            if row.text.startswith(f"{name}."):
                continue
            try:
                new = cipher.seal(cipher.open(row.text, row.at), row.at)
            except KeyAway:
                raise
            except VaultError:
                broken += 1  # it stays as it is: whoever needs it is told
                continue
            moved += sealed.replace(connection, which, row, new)
        return (rows[-1].key if len(rows) == _AT_ONCE else None), moved, broken

    def _tidy(self, connection: sa.Connection) -> int:
        used, before = sealed.by_key(connection), self.clock() - KEPT_AFTER
        unused = [
            row.id
            for row in sealing_keys.retired(connection)
            if row.retired_at is not None
            and row.retired_at <= before
            and not used.get(f"v2.{row.id}")
        ]
        for key_id in unused:
            sealing_keys.delete(connection, key_id)
        return len(unused)
