"""The key, what it seals, and the keys that sign: K1, K2, K5, T4."""

import base64
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Final

import sqlalchemy as sa
from dotenv import dotenv_values

from penstock.cli.doctor.security.around import Around
from penstock.cli.doctor.security.finding import Finding, attention, counted, failed, named, ok
from penstock.db import signing_keys, vault_check
from penstock.db.connections import connections
from penstock.db.credentials import SealedCredentials, credentials
from penstock.db.sealing_keys import SEAL, data_keys
from penstock.domain.errors import KeyMissing, PenstockError, VaultError
from penstock.engine import keys_seen
from penstock.engine.seal import Seals
from penstock.vault.cipher import Place
from penstock.vault.key import Key
from penstock.vault.source import LocalKey

_TRIED: Final = 100
_OLD: Final = timedelta(days=365)
_LEAST_BYTES: Final = 32
_PRINTABLE: Final = frozenset(range(32, 127))


def source(around: Around) -> Iterator[Finding]:
    """K5: there is a key, it is a strong one, and it does not lie in a file of settings."""
    settings = around.settings
    nothing_yet = not settings.database_url and not settings.database_file.exists()
    if isinstance(around.master, KeyMissing) and nothing_yet:
        remedy = "Make the first person: `penstock user add NAME`. In production, make a key first."
        yield attention("there is no key yet, and nothing to open with it", remedy)
    elif isinstance(around.master, PenstockError):
        yield failed(around.master.message, _remedy(around.master))
    elif isinstance(around.master, LocalKey):
        yield strength(around.master.key)
        yield of_place(around)
    else:
        yield ok(f"the key stays where it is: {around.master.id}")


def of_place(around: Around) -> Finding:
    """K5: a key that is here is given by the environment, or stands in a file of its own."""
    given = around.settings.key is not None and around.settings.key_source != "file"
    if given and dotenv_values(around.settings.home / ".env").get("PENSTOCK_KEY"):
        remedy = "Give it by the service's environment, or as the file `key` with mode 600."
        return attention("the key stands among the settings, in .env", remedy)
    return ok("from the environment" if given else "from the file `key` in the home folder")


def strength(key: Key) -> Finding:
    """K5: the key was drawn, not typed and not counted up."""
    raw = key.raw()
    steps = {(after - before) % 256 for before, after in pairwise(raw)}
    remedy = "Change it for one that is drawn: `penstock keys rotate`."
    if set(raw) <= _PRINTABLE:
        return failed("the key is text that somebody typed", remedy)
    if len(steps) == 1:
        return failed("the key is a row of bytes that follow from one another", remedy)
    return ok(f"key {key.id}: {len(raw)} bytes, none of them to be guessed")


def fits(connection: sa.Connection, around: Around) -> Iterator[Finding]:
    """K5: the key is the one that this database was made with."""
    if not vault_check.values(connection):
        yield ok("nothing was sealed with it yet")
    elif not isinstance(around.cipher, PenstockError):
        yield ok("it opens this database")
    elif not isinstance(around.master, PenstockError):
        yield failed(around.cipher.message, _remedy(around.cipher))


def turning(connection: sa.Connection, around: Around) -> Iterator[Finding]:
    """K2: no change of keys waits to be ended, none that is gone is needed, none is too old."""
    if isinstance(around.master, PenstockError):
        yield failed("the keys cannot be looked at: there is none", "See K5.")
        return
    seen = keys_seen.seen(connection, around.master.id)
    lost = sorted(seen.wraps.keys() - {around.master.id} - seen.others.keys())
    if lost:
        remedy = "Somebody wrote into `wrapped_keys`: restore it from a backup."
        yield failed(f"data keys hang on a key that is none of ours: {named(lost)}", remedy)
    if seen.others:
        remedy = "Run `penstock keys rotate` again: it goes on where it was."
        yield attention("another master key opens the database too", remedy)
    if seen.behind:
        remedy = "Run `penstock keys rotate --data` again: it goes on where it was."
        yield attention(f"{counted(seen.behind, 'secret')} are under an older key", remedy)
    yield from _of_age(connection, around)


def _of_age(connection: sa.Connection, around: Around) -> Iterator[Finding]:
    c = data_keys.c
    query = sa.select(sa.func.min(c.created_at)).where(c.retired_at.is_(None), c.purpose == SEAL)
    oldest = connection.execute(query).scalar_one()
    if oldest is not None and oldest < around.now - _OLD:
        found = f"a data key is {(around.now - oldest).days} days old"
        yield attention(found, "Make new ones: `penstock keys rotate --data`.")
    else:
        yield ok("no key that seals is older than a year")


def opens(connection: sa.Connection, around: Around) -> Iterator[Finding]:
    """K1: what opens the banks opens in its own place, the newest of it tried."""
    if isinstance(around.cipher, PenstockError):
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
    if isinstance(around.cipher, PenstockError):
        yield failed("the signing keys cannot be opened: there is no key", "See K5.")
        return
    rows, cipher = signing_keys.good(connection, now=around.now), around.cipher
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


def _remedy(error: PenstockError) -> str:
    return error.remedy.text if error.remedy else "Put the right key back: nothing is lost by that."
