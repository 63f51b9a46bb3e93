"""K2: data keys are changed online too; and an installation from before there were any moves in."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from penstock.db import credentials, sealed, sealing_keys, vault_check
from penstock.db.connect import open_database
from penstock.db.lane import Database
from penstock.domain.errors import KeyMissing, VaultError
from penstock.domain.secret import Secret
from penstock.engine.key_place import KeyPlace
from penstock.engine.reseal import Resealed, Resealer
from penstock.engine.rotate import Rotation, hanging
from penstock.engine.seal import Seals
from penstock.engine.unlock import Vault, unlock
from penstock.identity.keyring import Keyring
from penstock.vault.cipher import Cipher
from penstock.vault.cipher import Place as Bound
from penstock.vault.hashing import KeyedHash
from penstock.vault.key import Key, check_value
from penstock.vault.key_files import KeyFiles
from penstock.vault.keys import keep_key
from tests.databases import Database as Place
from tests.engine.crowd import KEY
from tests.engine.house import house, play
from tests.identity.house import Clock

NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
GIVEN = KeyPlace(Secret(KEY), Path("no file"), may_make=False)


async def on() -> None:
    """Go on at once."""
    await asyncio.sleep(0)


def texts(database: Database) -> dict[str, int]:
    """Count what is sealed by the name of its key."""
    return database.read_now(sealed.by_key)


def test_every_secret_moves_to_new_data_keys(database: Place) -> None:
    """K2: under a load of syncs all is sealed anew, and what runs goes on with the new data keys.

    The old ones stay while a process may not know of them; a day later they are gone, and nothing
    was under them.
    """

    async def story() -> None:
        async with house(database.url) as home:
            connection = await home.link()
            await home.penstock.identity.keyring.signer()
            before = texts(home.penstock.database)
            other = home.penstock.database
            vault = unlock(other, GIVEN)
            clock = Clock()
            resealer = Resealer(other, vault.keys, clock, on)
            done, (ending, _) = await asyncio.gather(resealer.renew(), home.sync(connection))
            assert ending.outcome == "done"
            assert done.made == 2
            assert done.broken == done.deleted == 0
            after = texts(other)
            assert not before.keys() & after.keys()
            assert sum(after.values()) >= sum(before.values())
            assert len(other.read_now(sealing_keys.retired)) == 2
            clock.advance(days=2)
            assert await resealer.tidy() == 2
            assert other.read_now(sealing_keys.retired) == []
            home.expire_access()
            ending, _ = await home.sync(connection)
            assert ending.outcome == "done"

    play(story())


def test_what_is_under_an_old_data_key_keeps_it(database: Place) -> None:
    """K2: a data key that still seals something is not deleted, however old; the next run moves it.

    A process that slept through the change may have sealed under it.
    """

    async def story() -> None:
        async with house(database.url) as home:
            connection = await home.link()
            lanes = home.penstock.database
            late = await lanes.read(credentials.find, connection)
            assert late is not None
            other = home.penstock.database
            vault = unlock(other, GIVEN)
            clock = Clock()
            resealer = Resealer(other, vault.keys, clock, on)
            await resealer.renew()
            await lanes.write(credentials.save, late)
            clock.advance(days=2)
            assert await resealer.tidy() == 1
            assert len(other.read_now(sealing_keys.retired)) == 1
            assert (await resealer.reseal()).texts == 2
            assert await resealer.tidy() == 1
            stored = await lanes.read(credentials.find, connection)
            assert stored is not None
            assert Seals(vault.cipher).open(stored, home.owner_id).access.reveal()

    play(story())


def test_a_broken_secret_stops_nothing(sqlite_database: Place) -> None:
    """K2: one that does not open stays as it is and is counted; all others move."""

    async def story() -> None:
        async with house(sqlite_database.url) as home:
            await home.link()
            first, second = await home.link(), await home.link()
            table = credentials.credentials

            def swap(connection: sa.Connection) -> None:
                query = sa.select(table.c.access).where(table.c.connection_id == first)
                stolen = connection.execute(query).scalar_one()
                moved = table.update().where(table.c.connection_id == second)
                connection.execute(moved.values(access=stolen))

            lanes = home.penstock.database
            await lanes.write(swap)
            vault = unlock(lanes, GIVEN)
            done = await Resealer(lanes, vault.keys, Clock(), on).renew()
            assert done.broken == 1
            assert done.texts >= 5

    play(story())


def test_an_older_installation_moves_in(database: Place, tmp_path: Path) -> None:
    """K2: what its master key sealed opens, its hashes stay, and a change of keys ends all that.

    Afterwards the old key opens nothing that is in the database.
    """
    old = Key.parse(Secret(KEY))
    keep_key(tmp_path / "key", old)
    files = KeyFiles(tmp_path / "key")
    place = KeyPlace(None, files.present, may_make=False)
    opened = open_database(database.url)
    try:
        opened.write_now(vault_check.save, old.id, check_value(old))
        signed = asyncio.run(Keyring(opened, Cipher(old), lambda: NOW).signer())
        assert texts(opened) == {f"v1.{old.id}": 1}
        vault = unlock(opened, place)
        assert marks(vault.root) == marks(old)
        assert vault.root.derive("passwords") == old.derive("passwords")
        assert signer(opened, vault) == signed.key.raw_value
        assert opened.read_now(hanging, old.id) == 1 + 2
        done = asyncio.run(Resealer(opened, vault.keys, lambda: NOW, on).reseal())
        assert done == Resealed(texts=1)
        asyncio.run(Rotation(opened, on).change_file(files))
        assert opened.read_now(hanging, old.id) == 0
        files.old(old.id).unlink()
        vault = unlock(opened, place)
        assert marks(vault.root) == marks(old)
        assert signer(opened, vault) == signed.key.raw_value
        with pytest.raises(KeyMissing):
            asyncio.run(Keyring(opened, Cipher(old), lambda: NOW).signer())
    finally:
        opened.close()


def marks(root: Key) -> list[str]:
    """Return what the installation hashes with its root."""
    return [KeyedHash(root, one)("x") for one in ("account identity", "notice target")]


def signer(database: Database, vault: Vault) -> bytes:
    """Return the key that signs, as a process that starts now finds it."""
    raw: bytes = asyncio.run(Keyring(database, vault.cipher, lambda: NOW).signer()).key.raw_value
    return raw


def test_a_new_installation_has_a_root_of_its_own(database: Place) -> None:
    """K2: nothing is derived from a master key, so that one which is stolen later tells nothing."""
    opened = open_database(database.url)
    try:
        vault = unlock(opened, GIVEN)
        given = Key.parse(Secret(KEY))
        for purpose in ("passwords", "seal", "hash account identity"):
            assert vault.root.derive(purpose) != given.derive(purpose)
        assert unlock(opened, GIVEN).root.derive("passwords") == vault.root.derive("passwords")
    finally:
        opened.close()


def test_who_leaves_takes_the_data_key_along(database: Place) -> None:
    """K1: with a person goes the data key: what a copy still has of their secrets never opens."""

    async def story() -> None:
        async with house(database.url) as home:
            connection = await home.link()
            lanes = home.penstock.database
            copy = await lanes.read(credentials.find, connection)
            assert copy is not None
            await lanes.write(lambda one: one.exec_driver_sql("DELETE FROM users"))
            assert await lanes.read(sealing_keys.present, home.owner_id) is None
            with pytest.raises(VaultError):
                Seals(unlock(lanes, GIVEN).cipher).open(copy, home.owner_id)

    play(story())


def test_a_data_key_that_is_rolled_back_is_not_used(database: Place) -> None:
    """K1: where the transaction fails that made a data key, nothing is ever sealed under it."""

    async def story() -> None:
        async with house(database.url) as home:
            lanes, cipher = home.penstock.database, home.penstock.cipher
            place = Bound(f"user:{home.owner_id}", "row:1", "token")
            names: list[str] = []

            def fail(_connection: sa.Connection) -> None:
                names.append(cipher.seal(Secret("x"), place))
                raise RuntimeError

            with pytest.raises(RuntimeError):
                await lanes.write(fail)
            again = cipher.seal(Secret("x"), place)
            assert again.split(".")[1] != names[0].split(".")[1]
            row = await lanes.read(sealing_keys.present, home.owner_id)
            assert row is not None
            assert row.id == again.split(".")[1]

    play(story())


def test_many_who_begin_at_once_share_a_data_key(database: Place) -> None:
    """K1: of any number of first secrets of a person at the same moment, one makes the data key."""

    async def story() -> None:
        async with house(database.url) as home:
            cipher = home.penstock.cipher
            place = Bound(f"user:{home.owner_id}", "row:1", "token")

            def one(_connection: sa.Connection) -> str:
                return cipher.seal(Secret("x"), place)

            found = await asyncio.gather(*(home.penstock.database.write(one) for _ in range(8)))
            assert len({text.split(".")[1] for text in found}) == 1

    play(story())
