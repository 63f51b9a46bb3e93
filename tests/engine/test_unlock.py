"""The key that opens an installation: found, made once, or missed by name."""

import asyncio
import stat
from pathlib import Path

import pytest
import sqlalchemy as sa

from penstock.db import vault_check
from penstock.db.connect import open_database
from penstock.domain.errors import KeyMissing, KeyWrong, VaultError
from penstock.domain.remedy import RemedyKind
from penstock.domain.secret import Secret
from penstock.engine.key_place import KeyPlace
from penstock.engine.unlock import Vault, unlock
from penstock.settings import Profile, Settings
from penstock.store import open_store
from penstock.vault.key import Key
from tests.databases import Database
from tests.engine.crowd import crowd
from tests.engine.house import KEY, play

OTHER = "1b7e42c09fd365a8e0741c2b5d9836fa7c5e20b1d8496af3027be9c4156d83a0"


def place(home: Path, *, given: str | None = None, may_make: bool = True) -> KeyPlace:
    """Say where the key is looked for."""
    return KeyPlace(Secret(given) if given else None, home / "key", may_make)


def open_with(database: Database, where: KeyPlace) -> Vault:
    """Unlock a database."""
    opened = open_database(database.url)
    try:
        return unlock(opened, where)
    finally:
        opened.close()


def known(database: Database) -> dict[str, str]:
    """Return what the database remembers of its keys."""
    opened = open_database(database.url)
    try:
        return opened.read_now(vault_check.values)
    finally:
        opened.close()


def content(database: Database) -> bytes:
    """Return the bytes of a SQLite file that nobody has open."""
    return Path(database.url.removeprefix("sqlite:///")).read_bytes()


def test_a_key_is_made_once_for_an_empty_home(sqlite_database: Database, tmp_path: Path) -> None:
    """security.md K5: the first start makes a private key file, and every later one finds it."""
    first = open_with(sqlite_database, place(tmp_path))
    made = tmp_path / "key"
    assert stat.S_IMODE(made.stat().st_mode) == 0o600
    text = made.read_bytes()
    assert open_with(sqlite_database, place(tmp_path)).id == first.id
    assert open_with(sqlite_database, place(tmp_path, may_make=False)).id == first.id
    assert made.read_bytes() == text
    assert [path.name for path in tmp_path.iterdir()] == ["key"], "a draft was left behind"
    assert list(known(sqlite_database)) == [first.id]
    assert text.strip() not in content(sqlite_database)


def test_a_given_key_needs_no_file(database: Database, tmp_path: Path) -> None:
    """security.md K5: a key from the environment is used as it is, and written nowhere."""
    ids = {open_with(database, place(tmp_path, given=KEY, may_make=False)).id for _ in range(2)}
    assert set(known(database)) == ids
    assert len(ids) == 1
    assert list(tmp_path.iterdir()) == []
    assert KEY not in str(known(database))


MISTAKES = ["no key", "another key", "no file", "an empty file", "not a key", "for all to read"]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_missing_or_wrong_key_loses_nothing(
    sqlite_database: Database, tmp_path: Path, mistake: str
) -> None:
    """security.md K5: it is said what is wrong and what to do; not one byte is changed by it.

    No new key is made for a database in which something was sealed, and with the right key back in
    its place everything opens.
    """
    right = open_with(sqlite_database, place(tmp_path))
    file = tmp_path / "key"
    text = file.read_bytes()
    before = content(sqlite_database)
    given = OTHER if mistake == "another key" else None
    if mistake in {"no key", "no file"}:
        file.unlink()
    elif mistake == "an empty file":
        file.write_bytes(b"")
    elif mistake == "not a key":
        file.write_bytes(b"correct horse battery staple\n")
    elif mistake == "for all to read":
        file.chmod(0o644)
    with pytest.raises(VaultError) as caught:
        open_with(sqlite_database, place(tmp_path, given=given, may_make=mistake != "no key"))
    assert isinstance(caught.value, KeyMissing if mistake in {"no key", "no file"} else KeyWrong)
    assert caught.value.remedy is not None
    assert caught.value.remedy.kind is RemedyKind.FIX_CODE
    assert OTHER not in str(caught.value) + caught.value.remedy.text
    assert content(sqlite_database) == before
    assert file.exists() == (mistake not in {"no key", "no file"}), "a new key was made"
    if file.exists():
        file.chmod(0o600)
    file.write_bytes(text)
    file.chmod(0o600)
    assert open_with(sqlite_database, place(tmp_path)).id == right.id


def test_an_altered_check_value_is_noticed(sqlite_database: Database, tmp_path: Path) -> None:
    """security.md K5: a key whose name fits but whose check value does not is refused."""
    key = open_with(sqlite_database, place(tmp_path))
    opened = open_database(sqlite_database.url)
    table = vault_check.vault_check
    try:
        opened.write_now(lambda one: one.execute(table.update().values(value="0" * 64)))
    finally:
        opened.close()
    with pytest.raises(KeyWrong) as caught:
        open_with(sqlite_database, place(tmp_path))
    assert key.id in caught.value.message


def test_production_makes_no_key(empty_database: Database, tmp_path: Path) -> None:
    """security.md K5: in production, and on PostgreSQL, a key is given by whoever runs it.

    The error says how to make one, and that it must be the same everywhere.
    """
    profile = Profile.PRODUCTION if empty_database.kind == "sqlite" else Profile.DEVELOPMENT
    given = Settings(home=tmp_path / "home", database_url=empty_database.url, profile=profile)
    for _ in range(2):
        with pytest.raises(KeyMissing) as caught:
            open_store(given)
        assert caught.value.remedy is not None
        assert "PENSTOCK_KEY" in caught.value.remedy.text
        assert not (tmp_path / "home" / "key").exists()
        assert known(empty_database) == {}
    settings = given.model_copy(update={"key": Settings(key=KEY).key})
    opened, key = open_store(settings)
    opened.close()
    assert list(known(empty_database)) == [key.id]


def test_a_first_start_makes_home_and_key(tmp_path: Path) -> None:
    """security.md K5: with nothing there at all, a private home, a database and a key are made."""
    home = tmp_path / "deep" / "home"
    settings = Settings(home=home)
    ids = set()
    for _ in range(2):
        opened, key = open_store(settings)
        opened.close()
        ids.add(key.id)
    assert len(ids) == 1
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE((home / "key").stat().st_mode) == 0o600
    assert (home / "penstock.db").exists()


def test_processes_that_start_at_once_make_one_key(
    sqlite_database: Database, tmp_path: Path
) -> None:
    """security.md K5: of several first starts at the same moment, all use the one key."""

    async def story() -> None:
        told = await crowd(
            4,
            "tests.engine.acts.unlock_home",
            url=sqlite_database.url,
            home=str(tmp_path),
            given=[None] * 4,
        )
        assert len(set(told)) == 1
        assert list(known(sqlite_database)) == [told[0]]

    play(story())


def test_processes_with_different_keys_do_not_both_begin(
    database: Database, tmp_path: Path
) -> None:
    """security.md K5: of first starts with different keys one wins; the same key is no quarrel."""

    async def story() -> None:
        told = await crowd(
            4,
            "tests.engine.acts.unlock_home",
            url=database.url,
            home=str(tmp_path),
            given=[KEY, OTHER, KEY, OTHER],
        )
        ids = known(database)
        assert len(ids) == 1
        assert sorted(told) == sorted([*ids, *ids, "KeyWrong", "KeyWrong"])

    play(story())


def test_a_second_key_waits_for_the_first_one(postgres_database: Database, tmp_path: Path) -> None:
    """security.md K5: a first start that is not yet committed is waited for, then compared with."""

    async def story() -> None:
        async with open_database(postgres_database.url) as lanes:
            key = Key.parse(Secret(KEY))
            with lanes.engine.connect() as connection, connection.begin():
                vault_check.lock(connection)
                vault_check.save(connection, key.id, "not committed yet")
                late = asyncio.create_task(
                    asyncio.to_thread(open_with, postgres_database, place(tmp_path, given=OTHER))
                )
                while not (late.done() or await lanes.read(somebody_waits)):
                    await asyncio.sleep(0)
            with pytest.raises(KeyWrong):
                await late

    play(story())


def somebody_waits(connection: sa.Connection) -> bool:
    """Say whether anybody stands before a lock."""
    waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
    return bool(connection.exec_driver_sql(waiting).scalar_one())
