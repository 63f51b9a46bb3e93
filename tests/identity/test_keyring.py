"""The keys that sign."""

import asyncio
from base64 import b64encode

import pytest
import sqlalchemy as sa

from penstock.db import signing_keys
from penstock.domain.errors import SealBroken
from penstock.domain.secret import Secret
from penstock.identity.keyring import Keyring
from penstock.identity.tokens import TokenBad
from penstock.vault.cipher import Cipher, Place
from penstock.vault.key import Key
from tests.databases import Database
from tests.identity.house import KEY, House, play


def rows(connection: sa.Connection) -> list[tuple[str, str]]:
    """Return the names and sealed keys that are stored."""
    query = sa.select(signing_keys.signing_keys.c.kid, signing_keys.signing_keys.c.sealed)
    return [(row.kid, row.sealed) for row in connection.execute(query)]


def keyring(house: House) -> Keyring:
    """Return what another process has."""
    return Keyring(house.database, Cipher(KEY), house.clock)


def test_the_first_key_is_made_once(database: Database) -> None:
    """T4: many processes that start on a new database at once make one key between them."""

    async def story(house: House) -> None:
        names = await asyncio.gather(*(keyring(house).signer() for _ in range(8)))
        assert len({one.kid for one in names}) == 1
        assert len(await house.database.read(rows)) == 1

    play(database.url, story)


def test_keys_are_sealed(database: Database) -> None:
    """K4, K5: no signing key stands in the database, and a sealed one opens in its own row only."""

    async def story(house: House) -> None:
        signer = await house.identity.keyring.signer()
        raw = signer.key.raw_value
        assert len(raw) >= 32
        [(kid, sealed)] = await house.database.read(rows)
        assert kid == signer.kid
        assert b64encode(raw).decode() not in sealed

        def rename(connection: sa.Connection) -> None:
            connection.execute(signing_keys.signing_keys.update().values(kid="another"))

        await house.database.write(rename)
        with pytest.raises(SealBroken):
            await keyring(house).signer()

    play(database.url, story)


def test_a_weak_key_is_refused(sqlite_database: Database) -> None:
    """T4: a key of fewer than 32 bytes signs nothing, whoever put it there."""

    async def story(house: House) -> None:
        short = Secret(b64encode(b"sixteen bytes...").decode())
        sealed = Cipher(KEY).seal(short, Place("installation", "signing_key:weak", "key"))
        await house.database.write(
            signing_keys.create, kid="weak", sealed=sealed, now=house.clock()
        )
        with pytest.raises(SealBroken, match="fewer than 32 bytes"):
            await house.identity.keyring.signer()

    play(sqlite_database.url, story)


def test_old_tokens_outlive_a_rotation(database: Database) -> None:
    """T4: a minute later the new key signs; the old one is good until its tokens ran out."""

    async def story(house: House) -> None:
        ours, theirs = house.identity.keyring, keyring(house)
        old = await theirs.signer()
        new = await ours.rotate()
        assert (await ours.signer()).kid == old.kid != new
        house.clock.advance(minutes=1)
        assert (await ours.signer()).kid == new
        assert (await theirs.signer()).kid == new
        house.clock.advance(minutes=10)
        await ours.key(old.kid)
        house.clock.advance(minutes=1)
        for one in (ours, theirs):
            with pytest.raises(TokenBad):
                await one.key(old.kid)

    play(database.url, story)


def test_unknown_names_do_not_reach_the_database_each_time(sqlite_database: Database) -> None:
    """A flood of made-up key names costs one look every five seconds."""

    async def story(house: House) -> None:
        theirs = keyring(house)
        await theirs.signer()
        new = await house.identity.keyring.rotate()
        with pytest.raises(TokenBad):
            await theirs.key(new)
        house.clock.advance(seconds=5)
        await theirs.key(new)

    play(sqlite_database.url, story)


def test_the_wrong_vault_key_opens_no_signing_key(sqlite_database: Database) -> None:
    """K4: with the database and another key there is no way to sign."""

    async def story(house: House) -> None:
        await house.identity.keyring.signer()
        stranger = Keyring(house.database, Cipher(Key(bytes(range(1, 33)))), house.clock)
        with pytest.raises(Exception, match="sealed with the key"):
            await stranger.signer()

    play(sqlite_database.url, story)
