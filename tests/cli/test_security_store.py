"""What `penstock doctor --security` sees of keys, files, the database and banks, good and bad."""

from datetime import timedelta
from pathlib import Path

import pytest

from penstock.cli.doctor.security import files, keys, postgres
from penstock.cli.doctor.security.around import Around
from penstock.cli.doctor.security.finding import Grade
from penstock.db import signing_keys, vault_check
from penstock.db.lane import Database
from penstock.domain.errors import KeyMissing
from penstock.domain.secret import Secret
from penstock.vault.cipher import Cipher, Place
from penstock.vault.key import Key, check_value
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

OK, ATTENTION, FAILED = Grade.OK, Grade.ATTENTION, Grade.FAILED
OTHER = Key(bytes((one * one + 3 * one) % 253 for one in range(32)))
LOST = Around(around().settings, NOW, KeyMissing("There is no key."))


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
    assert grades(keys.source(LOST)) == [FAILED]


def test_a_foreign_key_is_seen(store: Database) -> None:
    """K5: the key of another database is a failure, whatever it says its name is."""

    def known(key: Key, value: str) -> Story:
        return lambda c: vault_check.save(c, key.id, value)

    assert seen(store, keys.fits) == [OK]
    assert seen(store, keys.fits, known(KEY, check_value(KEY))) == [OK]
    assert seen(store, keys.fits, known(OTHER, check_value(OTHER))) == [FAILED]
    assert seen(store, keys.fits, known(KEY, check_value(OTHER))) == [FAILED]


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


def test_a_clock_that_is_behind_is_seen(store: Database) -> None:
    """T3: a session that was used tomorrow is a failure, and half a minute is let off."""

    def used(ahead: timedelta) -> Story:
        return lambda c: session(c, person(c), used_at=NOW + ahead)

    assert seen(store, postgres.clock)[-1] is OK
    assert seen(store, postgres.clock, used(timedelta(seconds=20)))[-1] is OK
    assert seen(store, postgres.clock, used(timedelta(days=1)))[-1] is FAILED
    assert postgres.apart(NOW + timedelta(seconds=20), NOW, "x").grade is OK
    assert postgres.apart(NOW - timedelta(seconds=40), NOW, "x").grade is FAILED
