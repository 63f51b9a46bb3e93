"""K1: a sealed value opens in its own place, under its owner's data key, and nowhere else."""

import itertools
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.db import sealed, sealing_keys
from penstock.db.connect import open_database
from penstock.db.lane import Database
from penstock.db.sealed import SEALED
from penstock.db.tables import metadata
from penstock.domain.errors import SealBroken, VaultError
from penstock.domain.secret import Secret
from penstock.engine.key_place import KeyPlace
from penstock.engine.unlock import Vault, unlock
from penstock.vault.cipher import Cipher, OneKey
from penstock.vault.cipher import Place as At
from tests.databases import Database as Place
from tests.databases import Databases
from tests.engine.crowd import KEY
from tests.engine.house import house, play
from tests.person import add_person

GIVEN = KeyPlace(Secret(KEY), Path("no file"), may_make=False)
SEAL = re.compile(r"v[12]\.[0-9a-f]{8,16}\.[A-Za-z0-9_-]{20,}")
NAMED_SO = re.compile(r"sealed|secret|verifier|^access$|^refresh$|token$|^key$|private")
NOT_SEALED = {
    "budgets.key": "it names a budget",
    "clients.secret_hash": "a hash of 256 random bits opens nothing",
}
"""Columns whose name sounds so, and why they hold no secret."""

owners = st.sampled_from(["user:1", "user:2", "installation"])
rows = st.sampled_from(["connection:1", "connection:2", "connection:11", "link:1"])
fields = st.sampled_from(["access", "refresh", "hook", "verifier"])
places = st.builds(At, owners, rows, fields, st.integers(1, 3))


@pytest.fixture(scope="module")
def vault(sqlite_databases: Databases) -> Iterator[Vault]:
    """Open a vault with two people in it."""
    with sqlite_databases.fresh() as place:
        database = open_database(place.url)
        for name in ("ann", "ben"):
            database.write_now(add_person, name)
        yield unlock(database, GIVEN)
        database.close()


@given(st.lists(places, min_size=2, max_size=6, unique=True), st.booleans())
@settings(max_examples=60)
def test_no_two_can_be_swapped(vault: Vault, found: list[At], old: bool) -> None:
    """K1: of any secrets, each opens in its own place; every pair that is swapped fails closed.

    Over owners, rows, fields and versions, under data keys and as it was before there were any.
    """
    cipher = Cipher(OneKey(vault.root)) if old else vault.cipher
    texts = {place: cipher.seal(Secret(f"of {place}"), place) for place in found}
    for place in found:
        assert vault.cipher.open(texts[place], place) == Secret(f"of {place}")
    for one, other in itertools.permutations(found, 2):
        with pytest.raises(SealBroken):
            vault.cipher.open(texts[one], other)


def test_no_bit_can_be_flipped(vault: Vault) -> None:
    """K1: a sealed text of which any bit was altered does not open."""
    place = At("user:1", "connection:1", "access", 7)
    text = vault.cipher.seal(Secret("a bank's token"), place).encode()
    for position, bit in itertools.product(range(len(text)), range(8)):
        altered = bytearray(text)
        altered[position] ^= 1 << bit
        with pytest.raises(VaultError):
            vault.cipher.open(altered.decode("latin-1"), place)


def test_no_data_key_opens_for_another(database: Place) -> None:
    """K1: a data key that is given to another owner, or another's wrapped text, fails closed."""
    opened = open_database(database.url)
    try:
        numbers = [opened.write_now(add_person, name) for name in ("ann", "ben")]
        vault = unlock(opened, GIVEN)
        one, two = (At(f"user:{number}", "row:1", "x") for number in numbers)
        texts = [vault.cipher.seal(Secret("x"), place) for place in (one, two)]
        rows = [opened.read_now(sealing_keys.present, number) for number in numbers]
        ids = [row.id for row in rows if row is not None]
        for place, text in ((one, texts[1]), (two, texts[0])):
            with pytest.raises(SealBroken):
                vault.cipher.open(text, place)
        opened.write_now(_swap_wraps, ids)
        stranger = unlock(opened, GIVEN)
        for place, text in zip((one, two), texts, strict=True):
            with pytest.raises(VaultError):
                stranger.cipher.open(text, place)
        opened.write_now(_swap_wraps, ids)
        opened.write_now(_swap_owners, ids, numbers)
        stranger = unlock(opened, GIVEN)
        for place, text in itertools.product((one, two), texts):
            with pytest.raises(VaultError):
                stranger.cipher.open(text, place)
    finally:
        opened.close()


def _swap_wraps(connection: sa.Connection, ids: list[str]) -> None:
    table = sealing_keys.wrapped_keys
    first, second = (
        connection.execute(
            sa.select(table.c.wrapped).where(table.c.data_key_id == one)
        ).scalar_one()
        for one in ids
    )
    for key_id, wrapped in zip(ids, (second, first), strict=True):
        changed = table.update().where(table.c.data_key_id == key_id)
        connection.execute(changed.values(wrapped=wrapped))


def _swap_owners(connection: sa.Connection, ids: list[str], numbers: list[int]) -> None:
    table = sealing_keys.data_keys
    for owners_of in ([None, None], list(reversed(numbers))):
        for key_id, owner_id in zip(ids, owners_of, strict=True):
            values = {"owner_id": owner_id, "purpose": "seal" if owner_id else key_id}
            connection.execute(table.update().where(table.c.id == key_id).values(values))


def test_every_sealed_column_is_known(database: Place) -> None:
    """K1, K2: no column with sealed texts is missing in `SEALED`, and each of its places is right.

    In an installation that is lived in, every text that looks sealed stands in a column that a
    change of keys finds, and each of those opens where the registry says.
    """
    known = {which.name for which in SEALED}

    async def story() -> None:
        async with house(database.url) as home:
            await home.sync(await home.link())
            await home.penstock.linker.begin(home.owner_id, "sandbox", redirect_uri="http://x/y")
            await home.penstock.identity.keyring.signer()
            lanes = home.penstock.database
            found = await lanes.read(_looks_sealed)
            assert found >= {"credentials.access", "links.verifier", "signing_keys.sealed"}
            assert found <= known
            assert await opened_all(lanes, home.penstock.cipher) >= 4

    play(story())


async def opened_all(lanes: Database, cipher: Cipher) -> int:
    """Open every sealed text in the place that the registry says; return how many."""
    count = 0
    for which in SEALED:
        for row in await lanes.read(sealed.page, which, after=None, limit=100):
            cipher.open(row.text, row.at)
            count += 1
    return count


def _looks_sealed(connection: sa.Connection) -> set[str]:
    found = set()
    for table in metadata.tables.values():
        for row in connection.execute(table.select()).mappings():
            found |= {
                f"{table.name}.{name}"
                for name, value in row.items()
                if isinstance(value, str) and SEAL.fullmatch(value)
            }
    return found


def test_every_column_that_sounds_secret_is_sealed() -> None:
    """K1: a column with the name of a secret is among the sealed ones."""
    known = {which.name for which in SEALED} | set(NOT_SEALED)
    sounding = {
        f"{table.name}.{column.name}"
        for table in metadata.tables.values()
        for column in table.columns
        if NAMED_SO.search(column.name) and isinstance(column.type, sa.Text)
    }
    assert sounding <= known, sounding - known
