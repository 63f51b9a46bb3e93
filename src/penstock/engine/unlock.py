"""Finding the master key of this installation, and refusing any other (security.md K5).

The database remembers which master keys open it, and a value that only the right root gives. A key
file is made by itself only for a SQLite home in which nothing was ever sealed; a key that is
missing or wrong later is an error that loses nothing.

The root, from which the pepper and the keyed hashes are derived, is random, and wrapped by the
master key like any data key. An installation from before there were data keys hashed with its
master key itself: those bytes are its root, so that its hashes stay what they are.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from penstock.db import sealing_keys, vault_check
from penstock.db.lane import Database
from penstock.db.sealing_keys import ROOT, SEAL, DataKeyRow
from penstock.domain.clock import Clock, utc_now
from penstock.domain.errors import KeyWrong
from penstock.domain.remedy import fix_code
from penstock.engine.key_place import KeyPlace
from penstock.engine.sealing_keys import DataKeys, context_of, new_row, wrapped_by
from penstock.vault.cipher import Cipher
from penstock.vault.key import KEY_BYTES, Key, check_value, confirm
from penstock.vault.source import KeySource, LocalKey


@dataclass(frozen=True, slots=True)
class Vault:
    """An opened installation: what seals, and what peppers and keyed hashes are derived from."""

    root: Key
    keys: DataKeys

    @property
    def cipher(self) -> Cipher:
        """Return what seals and opens."""
        return Cipher(self.keys)

    @property
    def id(self) -> str:
        """Return the name of the master key."""
        return self.keys.source.id


def unlock(database: Database, place: KeyPlace, clock: Clock = utc_now) -> Vault:
    """Open an installation, and set an empty one up. Raises KeyMissing, KeyWrong, VaultError."""
    known = database.read_now(vault_check.values)
    source = place.look(empty=not known)
    if known and source.id not in known:  # master keys may be changing this very moment
        source, known = place.look(), database.read_now(vault_check.values)
    _check_ours(source, known)
    row = database.read_now(sealing_keys.root) or _set_up(database, source, clock)
    root = open_root(row, source, database.read_now(vault_check.values))
    return Vault(root, DataKeys(database, root, place.look, source, clock))


def peek(database: Database, place: KeyPlace, clock: Clock = utc_now) -> Vault:
    """Open an installation as `unlock` does, and set nothing up. Raises KeyMissing, KeyWrong."""
    source, known = place.look(), database.read_now(vault_check.values)
    _check_ours(source, known)
    row = database.read_now(sealing_keys.root)
    root = open_root(row, source, known) if row else _root_of_old(source, known)
    return Vault(root, DataKeys(database, root, place.look, source, clock))


def unlock_on(connection: sa.Connection, place: KeyPlace, clock: Clock = utc_now) -> Vault:
    """Do what `unlock` does within an open transaction, and all that the vault does later too."""
    source, known = place.look(), vault_check.values(connection)
    _check_ours(source, known)
    row = sealing_keys.root(connection)
    if row is None:
        row = _store(connection, source, *_drawn(source, known, clock))
    root = open_root(row, source, vault_check.values(connection))
    return Vault(root, DataKeys(connection, root, place.look, source, clock))


def open_root(row: DataKeyRow, source: KeySource, known: Mapping[str, str]) -> Key:
    """Return the root as a source opens it. Raises KeyWrong, VaultError."""
    if source.id not in row.wraps or source.id not in known:
        raise _not_ours()
    root = Key(source.unwrap(row.wraps[source.id], context_of(row)))
    confirm(root, known[source.id], opened_by=source.id)
    return root


def check(database: Database, source: KeySource) -> None:
    """Make sure that a source opens this installation, and change nothing. Raises VaultError."""
    known = database.read_now(vault_check.values)
    _check_ours(source, known)
    row = database.read_now(sealing_keys.root)
    if row is not None:
        open_root(row, source, known)


def _check_ours(source: KeySource, known: Mapping[str, str]) -> None:
    if known and source.id not in known:
        raise _not_ours()


def _set_up(database: Database, source: KeySource, clock: Clock) -> DataKeyRow:
    """Make the root, unless another process that starts now has made it."""
    known, there = database.read_now(_state)
    if there is not None:
        return there
    return database.write_now(_store, source, *_drawn(source, known, clock))


def _drawn(
    source: KeySource, known: Mapping[str, str], clock: Clock
) -> tuple[list[DataKeyRow], str]:
    """Return the first data keys, the root before all, and the root's check value."""
    root = _root_of_old(source, known) if known else Key(secrets.token_bytes(KEY_BYTES))
    rows = [
        wrapped_by(new_row(None, ROOT, clock), source, root.raw()),
        wrapped_by(new_row(None, SEAL, clock), source, secrets.token_bytes(KEY_BYTES)),
    ]
    return rows, check_value(root)


def _root_of_old(source: KeySource, known: Mapping[str, str]) -> Key:
    """Return the root of an installation from before data keys: its master key."""
    if not isinstance(source, LocalKey):
        raise _not_ours()
    if known:
        confirm(source.key, known[source.id])
    return source.key


def _state(connection: sa.Connection) -> tuple[dict[str, str], DataKeyRow | None]:
    return vault_check.values(connection), sealing_keys.root(connection)


def _store(
    connection: sa.Connection, source: KeySource, rows: list[DataKeyRow], value: str
) -> DataKeyRow:
    vault_check.lock(connection)
    known = vault_check.values(connection)
    if known and source.id not in known:
        raise KeyWrong("Another process has just set this database up with another key.")
    there = sealing_keys.root(connection)
    if there is not None:
        return there
    if not known:
        vault_check.save(connection, source.id, value)
    for row in rows:
        sealing_keys.create(connection, row)
    return rows[0]


def _not_ours() -> KeyWrong:
    return KeyWrong(
        "The key is not the one that this database was sealed with.",
        remedy=fix_code(
            "Put the right key back (PENSTOCK_KEY, PENSTOCK_KEY_SOURCE, or the file `key` in the "
            "home folder). Nothing was changed."
        ),
    )
