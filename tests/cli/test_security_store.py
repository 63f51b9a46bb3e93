"""What `penstock doctor --security` sees of keys, files, the database and banks, good and bad."""

import asyncio
import os
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from penstock.cli.doctor.security import files, keys, postgres
from penstock.cli.doctor.security.around import Around, cipher_of
from penstock.cli.doctor.security.finding import Grade
from penstock.db import sealing_keys, signing_keys, vault_check
from penstock.db.connect import open_database
from penstock.db.lane import Database
from penstock.db.sealing_keys import SEAL, DataKeyRow
from penstock.db.vault_check import NEXT, PRESENT
from penstock.domain.errors import KeyMissing
from penstock.domain.secret import Secret
from penstock.engine import unlock
from penstock.engine.key_place import KeyPlace
from penstock.vault.cipher import Cipher, Place
from penstock.vault.key import Key
from tests.cli.modes import posix
from tests.cli.stored import (
    KEY,
    NOW,
    Story,
    around,
    grades,
    in_production,
    linked,
    person,
    seen,
    session,
)
from tests.conftest import migrate
from tests.databases import Database as Made
from tests.databases import PostgresDatabases

OK, ATTENTION, FAILED = Grade.OK, Grade.ATTENTION, Grade.FAILED
OTHER = Key(bytes((one * one + 3 * one) % 253 for one in range(32)))
GONE = KeyMissing("There is no key.")
LOST = replace(around(), master=GONE, cipher=GONE)


def test_a_key_that_somebody_typed_is_seen() -> None:
    """K5: text, or bytes that follow from one another, are a failure; drawn ones are not."""
    assert keys.strength(KEY).grade is OK
    assert keys.strength(Key(b"correct horse battery staple, ok")).grade is FAILED
    assert keys.strength(Key(bytes(range(100, 132)))).grade is FAILED


def test_a_key_among_the_settings_is_seen(tmp_path: Path) -> None:
    """K5: in .env it wants attention, in the environment it does not; a lost one is a failure."""
    given = around(tmp_path, key=KEY.written().reveal())
    assert grades(keys.source(around(tmp_path))) == [OK, OK]
    assert grades(keys.source(given)) == [OK, OK]
    (tmp_path / ".env").write_text("PENSTOCK_KEY=x\n")
    assert grades(keys.source(given)) == [OK, ATTENTION]
    assert grades(keys.source(replace(given, master=GONE))) == [ATTENTION]
    (tmp_path / "penstock.db").touch()
    assert grades(keys.source(replace(given, master=GONE))) == [FAILED]


def test_a_foreign_key_is_seen(database: Made) -> None:
    """K5: the key of another database is a failure; the doctor itself makes nothing."""

    async def story() -> None:
        async with open_database(database.url) as store:
            for made in (False, True):
                if made:
                    unlock.unlock(store, place(KEY))
                assert seen(store, keys.fits, at=opened(store, KEY)) == [OK]
                assert seen(store, keys.fits, at=opened(store, OTHER)) == [FAILED if made else OK]
                assert seen(store, keys.fits, at=LOST) == ([] if made else [OK])
                assert store.read_now(sealing_keys.count) == (2 if made else 0)

    asyncio.run(story())


def place(key: Key) -> KeyPlace:
    """Return where a key is that was given."""
    return KeyPlace(given=key.written(), file=Path("/nowhere/key"), may_make=False)


def opened(store: Database, key: Key) -> Around:
    """Return what the doctor knows of a database with this key."""
    return replace(around(), cipher=cipher_of(store, place(key)))


def test_a_change_of_keys_that_waits_is_seen(store: Database) -> None:
    """K2: one that was begun, or a key older than a year, wants attention; a stray is a failure."""

    def wrapped(by: str, days: int = 1, *, states: Mapping[str, str]) -> Story:
        def story(connection: sa.Connection) -> None:
            then = NOW - timedelta(days=days)
            row = DataKeyRow("0" * 16, None, SEAL, then, None, {by: "w"})
            for master_id, state in states.items():
                vault_check.save(connection, master_id, "v", state=state)
            sealing_keys.create(connection, row)

        return story

    settled = {KEY.id: PRESENT}
    assert seen(store, keys.turning) == [OK]
    assert seen(store, keys.turning, wrapped(KEY.id, states=settled)) == [OK]
    assert seen(store, keys.turning, wrapped(KEY.id, 500, states=settled)) == [ATTENTION]
    begun = settled | {OTHER.id: NEXT}
    assert seen(store, keys.turning, wrapped(OTHER.id, states=begun)) == [ATTENTION, OK]
    assert seen(store, keys.turning, wrapped(OTHER.id, states=settled)) == [FAILED, OK]

    def retired(connection: sa.Connection) -> None:
        wrapped(KEY.id, states=settled)(connection)
        sealing_keys.retire(connection, "0" * 16, at=NOW)

    assert seen(store, keys.turning, retired) == [OK]  # nothing is sealed under it
    assert seen(store, keys.turning, linked()) == [ATTENTION, OK]  # sealed before data keys


def test_a_moved_secret_is_seen(store: Database) -> None:
    """K1: what is sealed for another row, or by another key, is a failure."""
    assert seen(store, keys.opens) == [OK]
    assert seen(store, keys.opens, linked()) == [OK]
    assert seen(store, keys.opens, linked(moved_by=1)) == [FAILED]
    assert seen(store, keys.opens, linked(OTHER)) == [FAILED]
    assert seen(store, keys.opens, linked(), LOST) == [FAILED]


def test_a_weak_or_old_signing_key_is_seen(store: Database) -> None:
    """T4: too short, or not to be opened, is a failure; older than a year wants attention."""

    def signs(content: str, days: int = 1, key: Key = KEY) -> Story:
        place = Place("installation", "signing_key:k", "key")
        sealed = Cipher(key).seal(Secret(content), place)
        then = NOW - timedelta(days=days)
        return lambda c: signing_keys.create(c, kid="k", sealed=sealed, now=then)

    long, short = "q" * 43 + "=", "cXE="
    assert seen(store, keys.signing) == [OK]
    assert seen(store, keys.signing, signs(long)) == [OK]
    assert seen(store, keys.signing, signs(long, days=500)) == [ATTENTION]
    assert seen(store, keys.signing, signs(short))[0] is FAILED
    assert seen(store, keys.signing, signs(long, key=OTHER))[0] is FAILED
    assert seen(store, keys.signing, signs(long), LOST) == [FAILED]


@posix
def test_a_file_that_others_can_read_is_seen(tmp_path: Path) -> None:
    """K4: in a folder that is open it is a failure; behind a shut one it wants attention."""
    home = tmp_path / "home"
    assert grades(files.modes(around(home).settings)) == [OK]
    home.mkdir(mode=0o700)
    (home / "backups").mkdir(mode=0o700)
    backup = home / "backups" / "monday"
    backup.touch(mode=0o600)
    assert grades(files.modes(around(home).settings)) == [OK]
    home.chmod(0o755)
    assert grades(files.modes(around(home).settings)) == [ATTENTION]
    backup.chmod(0o644)
    assert grades(files.modes(around(home).settings)) == [FAILED]
    home.chmod(0o700)
    assert grades(files.modes(around(home).settings)) == [ATTENTION]


@posix
def test_a_database_elsewhere_is_seen(tmp_path: Path) -> None:
    """K4: a SQLite file outside of the home folder is looked at as well."""
    home, path = tmp_path / "home", tmp_path / "ledger.db"
    home.mkdir(mode=0o700)
    path.touch(mode=0o600)
    settings = around(home, database_url=f"sqlite:///{path}").settings
    assert grades(files.modes(settings)) == [OK, OK]
    path.chmod(0o640)
    assert grades(files.modes(settings)) == [OK, FAILED]


@pytest.mark.parametrize(
    ("host", "mode", "encrypted", "plain", "strict"),
    [
        ("", "prefer", False, OK, OK),
        ("/run/postgresql", "prefer", False, OK, OK),
        ("127.0.0.1", "disable", False, OK, OK),
        ("db.lan", "prefer", False, ATTENTION, FAILED),
        ("db.lan", "require", True, ATTENTION, ATTENTION),
        ("db.lan", "verify-full", True, OK, OK),
    ],
)
def test_the_way_to_the_database_is_graded(
    host: str, mode: str, encrypted: bool, plain: Grade, strict: Grade
) -> None:
    """K4: to another machine without TLS is a failure in production; unproven wants attention."""

    def found(at: Around) -> Grade:
        return postgres.safe_way(host, mode, is_encrypted=encrypted, around=at).grade

    assert [found(around()), found(in_production())] == [plain, strict]


def test_the_way_is_read_from_the_connection(store: Database) -> None:
    """K4: on PostgreSQL the open connection itself says how it goes; here it stays at home."""
    assert seen(store, postgres.way) == ([OK] if store.kind == "postgresql" else [])


def test_a_wall_with_a_hole_is_seen(store: Database) -> None:
    """X1: on PostgreSQL a table without its policy in force is a failure."""

    def hole(connection: sa.Connection) -> None:
        connection.exec_driver_sql("ALTER TABLE accounts NO FORCE ROW LEVEL SECURITY")

    if store.kind == "sqlite":
        assert seen(store, postgres.role) == [OK]
    else:
        assert seen(store, postgres.role) == [OK, OK]
        assert seen(store, postgres.role, hole) == [OK, FAILED]


@pytest.mark.postgres
def test_a_role_above_the_wall_is_seen(postgres_port: int) -> None:
    """X1: a superuser is bound by no policy: that wants attention, and fails in production."""
    above = PostgresDatabases(postgres_port, f"above{os.getpid()}", migrate, walled=False)
    with above.fresh() as made, closing(open_database(made.url)) as store:
        assert seen(store, postgres.role)[0] is ATTENTION
        assert seen(store, postgres.role, at=in_production())[0] is FAILED


def test_a_clock_that_is_behind_is_seen(store: Database) -> None:
    """T3: a session that was used tomorrow is a failure, and half a minute is let off."""

    def used(ahead: timedelta) -> Story:
        return lambda c: session(c, person(c), used_at=NOW + ahead)

    assert seen(store, postgres.clock)[-1] is OK
    assert seen(store, postgres.clock, used(timedelta(seconds=20)))[-1] is OK
    assert seen(store, postgres.clock, used(timedelta(days=1)))[-1] is FAILED
    assert postgres.apart(NOW + timedelta(seconds=20), NOW, "x").grade is OK
    assert postgres.apart(NOW - timedelta(seconds=40), NOW, "x").grade is FAILED
