"""The key, what it seals, and the keys that sign: K1, K5, T4."""

import base64
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from dotenv import dotenv_values

from penstock.cli.doctor.security.around import Around
from penstock.cli.doctor.security.finding import Finding, attention, counted, failed, ok
from penstock.db import signing_keys, vault_check
from penstock.db.connections import connections
from penstock.db.credentials import SealedCredentials, credentials
from penstock.domain.errors import PenstockError, VaultError
from penstock.engine.seal import Seals
from penstock.vault.cipher import Place
from penstock.vault.key import Key, confirm

_TRIED: Final = 100
_OLD: Final = timedelta(days=365)
_LEAST_BYTES: Final = 32
_PRINTABLE: Final = frozenset(range(32, 127))


def source(around: Around) -> Iterator[Finding]:
    """K5: there is a key, it is a strong one, and it does not lie in a file of settings."""
    if isinstance(around.key, PenstockError):
        remedy = around.key.remedy.text if around.key.remedy else "Put the key back."
        yield failed(around.key.message, remedy)
        return
    if not isinstance(around.key, Key):
        yield ok(f"{around.key.id}: it wraps and unwraps where it is, and never leaves it")
        return
    yield strength(around.key)
    given = around.settings.key is not None
    if given and _is_in_file(around.settings.home / ".env"):
        remedy = "Give it by the service's environment, or as the file `key` with mode 600."
        yield attention("the key stands among the settings, in .env", remedy)
    else:
        yield ok("from the environment" if given else "from the file `key` in the home folder")


def strength(key: Key) -> Finding:
    """K5: the key was drawn, not typed and not counted up."""
    raw = base64.urlsafe_b64decode(key.written().reveal())
    steps = {(after - before) % 256 for before, after in pairwise(raw)}
    remedy = "Back up, and link into a new home with a key from `openssl rand -base64 32`."
    if set(raw) <= _PRINTABLE:
        return failed("the key is text that somebody typed", remedy)
    if len(steps) == 1:
        return failed("the key is a row of bytes that follow from one another", remedy)
    return ok(f"key {key.id}: {len(raw)} bytes, none of them to be guessed")


def fits(connection: sa.Connection, around: Around) -> Iterator[Finding]:
    """K5: the key is the one that this database was made with."""
    known = vault_check.values(connection)
    if isinstance(around.key, PenstockError):
        return  # `source` says so
    if not known:
        yield ok("nothing was sealed with it yet")
    elif around.key.id in known and _confirmed(around, known[around.key.id]):
        yield ok("it fits the database")
    else:
        remedy = "Put the right key back: nothing is lost by that."
        yield failed("it is not the key that this database was made with", remedy)


def opens(connection: sa.Connection, around: Around) -> Iterator[Finding]:
    """K1: what opens the banks opens in its own place, the newest of it tried."""
    if around.cipher is None:
        yield failed("nothing can be opened: there is no key", "See K5.")
        return
    names = SealedCredentials.__dataclass_fields__
    query = (
        sa.select(connections.c.owner_id, *(credentials.c[name] for name in names))
        .join_from(credentials, connections)
        .order_by(credentials.c.connection_id.desc())
        .limit(_TRIED)
    )
    seals, broken, tried = Seals(around.cipher), [], 0
    for owner_id, *fields in connection.execute(query):
        tried += 1
        try:
            seals.open(SealedCredentials(*fields), owner_id)
        except VaultError:
            broken.append(fields[0])
    if broken:
        remedy = "Look who wrote into the table; renew these with `penstock connect --renew`."
        found = f"{counted(len(broken), 'connection')} of {tried} do not open in their place"
        yield failed(found, remedy)
    else:
        yield ok(f"{counted(tried, 'connection')} tried, each opens in its own place")


def signing(connection: sa.Connection, around: Around) -> Iterator[Finding]:
    """T4: every key that signs opens, is long enough, and is not older than a year."""
    cipher = around.cipher
    if cipher is None:
        yield failed("the signing keys cannot be opened: there is no key", "See K5.")
        return
    rows = signing_keys.good(connection, now=around.now)
    for row in rows:
        try:
            sealed = cipher.open(row.sealed, Place("installation", f"signing_key:{row.kid}", "key"))
            length = len(base64.b64decode(sealed.reveal()))
        except (VaultError, ValueError):
            yield failed(f"the signing key {row.kid} does not open", "Look who wrote the row.")
            continue
        if length < _LEAST_BYTES:
            yield failed(f"the signing key {row.kid} has {length} bytes", "Rotate it.")
    signs = [row for row in rows if row.retired_at is None]
    if signs and around.now - signs[0].created_at > _OLD:
        found = f"the signing key is {(around.now - signs[0].created_at).days} days old"
        yield attention(found, "Rotate it: nobody is signed out by that.")
    elif signs:
        found = f"{counted(len(rows), 'signing key')}, the newest of {signs[0].created_at:%Y-%m-%d}"
        yield ok(found)
    else:
        yield ok("none yet: the first is made when somebody signs in")


def _confirmed(around: Around, value: str) -> bool:
    if around.vault is not None:
        return True  # it opened the root, which has that value
    try:
        if isinstance(around.key, Key):
            confirm(around.key, value)
    except VaultError:
        return False
    return isinstance(around.key, Key)


def _is_in_file(path: Path) -> bool:
    return bool(path.is_file() and dotenv_values(path).get("PENSTOCK_KEY"))
