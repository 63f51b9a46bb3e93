"""Changing the master key while everything goes on (security.md K2).

First each data key is wrapped by the new master key too, so that both open the database; then the
new one is the present one; then what the old one wrapped is deleted, and counted. Each step is a
short transaction or one change of a file, and whatever step a crash comes after, some master key
that is there opens all, and the next run goes on from where this one was.

Files of a home: `key` is the present one always; `key.new` waits to become it; `key.ID.old` was it.
An old one opens nothing any more but the backups from its time.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import sqlalchemy as sa

from penstock.db import sealed, sealing_keys, vault_check
from penstock.db.lane import Database
from penstock.db.sealing_keys import DataKeyRow
from penstock.db.vault_check import LEAVING, NEXT, PRESENT
from penstock.domain.errors import Conflict, KeyMissing, KeyWrong
from penstock.domain.remedy import fix_code
from penstock.engine.reseal import Pause
from penstock.engine.sealing_keys import context_of
from penstock.vault.key_files import KeyFiles
from penstock.vault.keys import read_key_file
from penstock.vault.source import KeySource, LocalKey

_AT_ONCE: Final = 50


@dataclass(frozen=True, slots=True)
class Turn:
    """What was done: which master key is in force, and which opened the database before."""

    master_id: str
    left: Sequence[str] = ()
    begun: bool = False
    """Whether both open the database now, and the old one leaves when this is done again."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """Moves data keys from one master key to another. `pause` is awaited between steps."""

    database: Database
    pause: Pause
    openers: list[KeySource] = field(default_factory=list)

    async def change_file(self, files: KeyFiles) -> Turn:
        """Take a new key file, or go on with a change of it that was not ended.

        Raises Conflict where a move elsewhere has begun, KeyMissing and KeyWrong.
        """
        present = LocalKey(read_key_file(files.present))
        self._know(present, *map(LocalKey, files.all()))
        states = await self.database.read(vault_check.states)
        self._check_no_move(states, present.id)
        if states.keys() == {present.id} or files.next.exists():
            new = LocalKey(files.draw())
            await self.pause()
            self._know(new)
            await self.begin(new)
            files.publish()
            await self.pause()
            present = new
        return await self.finish(present)

    async def begin(self, target: KeySource) -> None:
        """Let `target` open the database beside the present master key."""
        await self.database.write(self._admit, target.id)
        await self.pause()
        self._know(target)
        await self._wrap_all(target)

    async def finish(self, target: KeySource) -> Turn:
        """Let `target` alone open the database. Raises Conflict if something still needs another.

        It must open the database already.
        """
        self._know(target)
        others = await self.database.write(_take_over, target.id)
        await self.pause()
        await self._wrap_all(target)
        for other in others:
            while await self.database.write(
                sealing_keys.unwrap_from, other, keeper=target.id, limit=_AT_ONCE
            ):
                await self.pause()
            await self.pause()
            await self.database.write(_forget, other)
        return Turn(target.id, others)

    async def rewrap(self, source: KeySource) -> int:
        """Wrap each data key anew by the same master key, by its newest version if it has some."""
        count, after = 0, ""
        while rows := await self.database.read(sealing_keys.page, after=after, limit=_AT_ONCE):
            after = rows[-1].id
            count += await self._wrap(source, rows, [source])
            await self.pause()
        return count

    async def _wrap_all(self, target: KeySource) -> None:
        while rows := await self.database.read(
            sealing_keys.not_wrapped_by, target.id, limit=_AT_ONCE
        ):
            await self._wrap(target, rows, self.openers)
            await self.pause()

    async def _wrap(
        self, target: KeySource, rows: Sequence[DataKeyRow], openers: Sequence[KeySource]
    ) -> int:
        wrapped = [
            (row.id, await asyncio.to_thread(_wrapped_anew, target, row, openers)) for row in rows
        ]
        return await self.database.write(_store, target.id, wrapped)

    def _know(self, *openers: KeySource) -> None:
        known = {one.id for one in self.openers}
        self.openers.extend(one for one in openers if one.id not in known)

    def _admit(self, connection: sa.Connection, target_id: str) -> None:
        vault_check.lock(connection)
        values = vault_check.values(connection)
        if target_id not in values:
            vault_check.save(connection, target_id, next(iter(values.values())), state=NEXT)

    def _check_no_move(self, states: dict[str, str], present_id: str) -> None:
        far = [one for one, state in states.items() if state == NEXT and ":" in one]
        if far and far[0] != present_id:
            raise Conflict(
                f"A move to {far[0]} has begun, and the key file would go on beside it.",
                remedy=fix_code(
                    "End it: set PENSTOCK_KEY_SOURCE, and run `penstock keys rotate` again. Or "
                    "stay: `penstock keys rotate --to file`."
                ),
            )


def hanging(connection: sa.Connection, master_id: str) -> int:
    """Count what a master key still opens: data keys, and secrets that it sealed itself."""
    wraps = sealing_keys.wraps_by_master(connection).get(master_id, 0)
    return wraps + sealed.by_key(connection).get(f"v1.{master_id}", 0)


def _wrapped_anew(target: KeySource, row: DataKeyRow, openers: Sequence[KeySource]) -> str:
    """Return a data key wrapped by `target`, having seen that it opens again."""
    context = context_of(row)
    opener = next((one for one in openers if one.id in row.wraps), None)
    if opener is None:
        raise KeyMissing(
            f"The data key {row.id} is wrapped by the master key {', '.join(row.wraps)}, "
            "which is not here.",
            remedy=fix_code(
                "Run `penstock keys rotate --to` the new source once more where the old key is. "
                "Nothing was lost."
            ),
        )
    raw = opener.unwrap(row.wraps[opener.id], context)
    wrapped = target.wrap(raw, context)
    if target.unwrap(wrapped, context) != raw:
        raise KeyWrong(f"The master key {target.id} does not open what it has just wrapped.")
    return wrapped


def _store(connection: sa.Connection, master_id: str, wrapped: Sequence[tuple[str, str]]) -> int:
    there = sealing_keys.existing(connection, [key_id for key_id, _ in wrapped])
    for key_id, text in wrapped:
        if key_id in there:  # else its owner has just gone
            sealing_keys.add_wrap(connection, key_id, master_id, text)
    return len(there)


def _take_over(connection: sa.Connection, target_id: str) -> list[str]:
    vault_check.lock(connection)
    states = vault_check.states(connection)
    if target_id not in states:
        raise KeyWrong(
            f"The master key {target_id} does not open this database.",
            remedy=fix_code("Run `penstock keys rotate --to` it where the present key is."),
        )
    for master_id in states:
        vault_check.set_state(connection, master_id, PRESENT if master_id == target_id else LEAVING)
    return sorted(states.keys() - {target_id})


def _forget(connection: sa.Connection, master_id: str) -> None:
    left = sealing_keys.wraps_by_master(connection).get(master_id, 0)
    if left:
        raise Conflict(f"The master key {master_id} still wraps {left} data keys: run it again.")
    vault_check.forget(connection, master_id)
