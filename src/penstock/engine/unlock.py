"""Finding the key that opens this installation's secrets, and refusing any other (security.md K5).

The database remembers a value that only its own key gives. A key file is made by itself only for a
SQLite home in which nothing was ever sealed; a key that is missing or wrong later is an error that
loses nothing.
"""

from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa

from penstock.db import vault_check
from penstock.db.lane import Database
from penstock.domain.errors import KeyMissing, KeyWrong
from penstock.domain.remedy import fix_code
from penstock.domain.secret import Secret
from penstock.vault.key import Key, check_value, confirm
from penstock.vault.keys import load_key


@dataclass(frozen=True, slots=True)
class KeyPlace:
    """Where the key is: given by the environment, or in a file; and whether one may be made."""

    given: Secret | None
    file: Path
    may_make: bool


def unlock(database: Database, place: KeyPlace) -> Key:
    """Return the key. Raises KeyMissing and KeyWrong."""
    known = database.read_now(vault_check.values)
    key = _find(place, empty=not known)
    if key.id in known:
        confirm(key, known[key.id])
    elif known:
        raise KeyWrong(
            "The key is not the one that this database was sealed with.",
            remedy=fix_code(
                "Put the right key back (PENSTOCK_KEY, or the file `key` in the home folder). "
                "Nothing was changed."
            ),
        )
    else:
        database.write_now(_remember, key)
    return key


def _find(place: KeyPlace, *, empty: bool) -> Key:
    if not (place.given or place.file.exists() or place.may_make) and empty:
        raise KeyMissing(
            "No key was given, and none is made by itself here.",
            remedy=fix_code(
                "Set PENSTOCK_KEY to 32 random bytes in base64 (`openssl rand -base64 32`), the "
                "same on every machine of this installation, and keep a copy in a safe place."
            ),
        )
    return load_key(place.file, text=place.given, may_create=place.may_make and empty)


def _remember(connection: sa.Connection, key: Key) -> None:
    """Store the check value, unless another process that starts now has stored its own."""
    vault_check.lock(connection)
    known = vault_check.values(connection)
    if known and key.id not in known:
        raise KeyWrong("Another process has just set this database up with another key.")
    if not known:
        vault_check.save(connection, key.id, check_value(key))
