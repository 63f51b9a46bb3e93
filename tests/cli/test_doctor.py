"""The doctor: each check says ok, warn or fail, what it found, and what to do."""

import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from secrets import token_hex

import httpx2
import pytest
from pydantic import SecretStr

from penstock.cli.doctor import banks, home, machine, prices, server, store
from penstock.cli.doctor.check import Check, State
from penstock.db.connect import open_database
from penstock.db.connections import ConnectionRow
from penstock.db.migrations import upgrade
from penstock.domain.consent import ConsentState
from penstock.settings import Profile, Settings
from tests.cli.conftest import Bank, Terminal, in_front_of
from tests.cli.modes import posix

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def by_name(terminal: Terminal, code: int) -> dict[str, dict[str, str]]:
    """Run the doctor; return the last check of each name."""
    result = terminal.run("doctor", "--json")
    assert result.exit_code == code, result.output
    return {check["what"]: check for check in json.loads(result.stdout)["checks"]}


def test_a_sound_installation_is_all_ok(sound_ada: Terminal) -> None:
    """Where nothing is wrong, nothing but ok is said, and it ends with 0."""
    checks = by_name(sound_ada, 0)
    assert {check["state"] for check in checks.values()} == {"ok"}
    assert {"python", "home", "key", "schema", "integrity", "disk", "clock"} <= checks.keys()
    assert {"connector", "connection", "prices", "rates"} <= checks.keys()


def test_nothing_yet_is_a_warning(tmp_path: Path) -> None:
    """On a bare machine it says how to begin, and changes nothing."""
    bare = in_front_of(tmp_path / "bare")
    checks = by_name(bare, 0)
    assert checks["database"]["state"] == "warn"
    assert "penstock user add" in checks["database"]["remedy"]
    assert not bare.home.exists()


def test_a_foreign_key_is_found(stranger: Terminal) -> None:
    """A key that does not open this database, and one that is missing, are failures."""
    stranger.sign_in()
    key = stranger.home / "key"
    mine = key.read_text()
    key.write_text("MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=\n")
    assert by_name(stranger, 1)["key"]["state"] == "fail"
    key.unlink()
    assert "backup" in by_name(stranger, 1)["key"]["remedy"]
    key.write_text(mine)
    key.chmod(0o600)
    assert by_name(stranger, 0)["key"]["state"] == "ok"


def test_a_key_that_nobody_makes_is_a_warning(sqlite_url: str, tmp_path: Path) -> None:
    """Before the first secret: a key that is given is named; in production none makes itself."""
    upgrade(sqlite_url)
    database = open_database(sqlite_url)
    bare = Settings(home=tmp_path)
    strict = Settings(home=tmp_path, profile=Profile.PRODUCTION)
    given = Settings(home=tmp_path, profile=Profile.PRODUCTION, key=SecretStr(token_hex(32)))
    broken = Settings(home=tmp_path, key=SecretStr("short"))
    try:
        states = [store.key(one, database).state for one in (bare, strict, given, broken)]
    finally:
        database.close()
    assert states == [State.OK, State.WARN, State.OK, State.FAIL]


@posix
def test_an_open_secret_is_found(stranger: Terminal) -> None:
    """A key that others can read is a failure; a home that they can look into a warning."""
    stranger.sign_in()
    (stranger.home / "session.json").chmod(0o644)
    assert "chmod 600" in by_name(stranger, 1)["modes"]["remedy"]
    (stranger.home / "session.json").chmod(0o600)
    stranger.home.chmod(0o755)
    assert by_name(stranger, 0)["modes"]["state"] == "warn"


def test_an_old_schema_is_found_and_upgraded(stranger: Terminal) -> None:
    """A database of an older program is a failure that names `penstock db upgrade`."""
    stranger.sign_in()
    with closing(sqlite3.connect(stranger.home / "penstock.db")) as connection, connection:
        connection.execute("UPDATE alembic_version SET version_num = 'older'")
    schema = by_name(stranger, 1)["schema"]
    assert schema["state"] == "fail"
    assert "penstock db upgrade" in schema["remedy"]
    assert stranger.run("db", "check").exit_code == 1


def test_a_broken_file_is_found(stranger: Terminal) -> None:
    """A file that is no database is a failure in words, not a traceback."""
    stranger.sign_in()
    (stranger.home / "penstock.db").write_bytes(b"this is no database, and never was" * 400)
    for name in ("penstock.db-wal", "penstock.db-shm"):
        (stranger.home / name).unlink(missing_ok=True)
    assert by_name(stranger, 1)["database"]["state"] == "fail"
    used = stranger.run("accounts")
    assert used.exit_code == 1
    assert "penstock doctor" in used.stderr


def test_a_file_that_broke_in_the_middle_is_found(stranger: Terminal) -> None:
    """Where only a part of the file can be read, all that could be examined is still said."""
    stranger.sign_in()
    path = stranger.home / "penstock.db"
    with closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = database.execute(
            "SELECT rootpage FROM sqlite_master WHERE name = 'vault_check'"
        ).fetchone()
        (size,) = database.execute("PRAGMA page_size").fetchone()
    content = bytearray(path.read_bytes())
    content[(page - 1) * size : page * size] = b"\xa5" * size
    path.write_bytes(content)
    checks = by_name(stranger, 1)
    assert checks["python"]["state"] == "ok"
    assert any(one["state"] == "fail" and one["remedy"] for one in checks.values())
    assert checks["disk"]["what"] == "disk"


def test_orphans_are_found(sqlite_url: str) -> None:
    """A row that belongs to nothing is a fault of integrity, named with its table."""
    database = open_database(sqlite_url)
    assert database.read_now(store.sqlite_faults) == []
    with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))) as connection, connection:
        connection.execute("INSERT INTO feeds (owner_id, last) VALUES (77, 0)")
    assert "feeds" in store.integrity(database).found
    assert store.integrity(database).state is State.FAIL
    database.close()


def test_a_clock_that_runs_behind_is_found(sqlite_url: str) -> None:
    """Long ago, or before the last sync began: tokens and waits would be wrong."""
    database = open_database(sqlite_url)
    assert store.clock(database, NOW).state is State.OK
    assert store.clock(database, NOW.replace(year=1970)).state is State.FAIL
    database.close()


@pytest.fixture
def sqlite_url(tmp_path: Path) -> str:
    """Return a migrated SQLite database of the test's own."""
    url = f"sqlite:///{(tmp_path / 'a.db').as_posix()}"
    upgrade(url)
    return url


def row(**different: object) -> ConnectionRow:
    """Return a connection that is fresh, but for what is given."""
    values: dict[str, object] = {
        "id": 1,
        "owner_id": 1,
        "connector": "sandbox",
        "institution_id": "sandbox",
        "institution_name": "Sandbox Bank",
        "label": None,
        "consent": ConsentState.ACTIVE,
        "consent_expires_at": NOW + timedelta(days=60),
        "created_at": NOW - timedelta(days=9),
        "disconnected_at": None,
        "last_outcome": "done",
        "last_run_id": 1,
        "last_success_at": NOW - timedelta(minutes=5),
        "remedy_kind": None,
        "remedy_text": None,
        "failures": 0,
        "next_sync_at": NOW,
        "sync_requested_at": None,
        "not_before": None,
        "paused_at": None,
        "paused_reason": None,
        "starts": 0,
        "parked_at": None,
        "pace_seconds": None,
        "queued_run_id": None,
        "queued_from_start": False,
    }
    return ConnectionRow(**{**values, **different})  # type: ignore[arg-type]  # as the table has them


def connection_check(**different: object) -> Check:
    """Return what the doctor says of such a connection."""
    return banks.connection(row(**different), now=NOW, every=timedelta(hours=6))


def test_a_fresh_connection_is_ok() -> None:
    """What was read well a moment ago needs nothing."""
    assert connection_check().state is State.OK


@pytest.mark.parametrize(
    ("different", "state", "words"),
    [
        ({"failures": 2, "remedy_kind": "ask_person", "remedy_text": "Renew."}, "fail", "Renew."),
        ({"failures": 2, "remedy_kind": "wait", "remedy_text": "Later."}, "warn", "Later."),
        ({"last_success_at": NOW - timedelta(days=3)}, "warn", "penstock sync"),
        ({"last_success_at": None}, "warn", "penstock sync"),
        ({"paused_at": NOW, "paused_reason": "undone"}, "warn", "penstock sync con_"),
        ({"consent": ConsentState.EXPIRED}, "fail", "--renew"),
        ({"consent": ConsentState.EXPIRING}, "warn", "--renew"),
    ],
)
def test_what_is_not_fresh_is_never_ok(
    different: dict[str, object], state: str, words: str
) -> None:
    """Failing, stale, never read or about to expire: each says what to do."""
    check = connection_check(**different)
    assert check.state == state
    assert words in check.remedy


def test_an_old_python_or_sqlite_is_a_failure() -> None:
    """What the program cannot run on is said."""
    assert machine.python((3, 10, 2), "Linux").state is State.FAIL
    assert machine.python((3, 11, 0), "Linux").state is State.OK
    assert machine.sqlite((3, 34, 1)).state is State.FAIL
    assert machine.sqlite((3, 40, 1)).state is State.OK


def test_a_home_that_is_no_folder_is_a_failure(tmp_path: Path) -> None:
    """A file in its place, or a folder that cannot be written to, is said."""
    file = tmp_path / "file"
    file.write_text("")
    assert home.folder(file).state is State.FAIL
    assert home.folder(tmp_path).state is State.OK
    assert home.folder(tmp_path / "not there").state is State.WARN


def test_a_source_that_is_unknown_is_a_failure(tmp_path: Path) -> None:
    """PENSTOCK_QUOTE_SOURCES is checked, and an empty one is only a warning."""

    def state(*sources: str) -> State:
        (check,) = prices.checks(Settings(home=tmp_path, quote_sources=sources))
        return check.state

    assert state("ecb") is State.OK
    assert state("ecb", "nobody") is State.FAIL
    assert state() is State.WARN


def test_a_server_that_is_not_there_is_a_failure(tmp_path: Path) -> None:
    """Where PENSTOCK_URL leads nowhere, it says what to look at."""
    settings = Settings(home=tmp_path, url="http://127.0.0.1:9")
    (check,) = server.checks(settings, now=NOW)
    assert check.state is State.FAIL
    assert "penstock serve" in check.remedy


@pytest.mark.parametrize(
    ("status", "body", "state"),
    [
        (200, {"status": "ok", "database": "ok", "schema": "ok", "key": "ok"}, "ok"),
        (503, {"status": "failed", "database": "ok", "schema": "ok", "key": "failed"}, "fail"),
        (200, ["not", "ours"], "fail"),
        (200, {"status": "ok"}, "fail"),
        (200, {"status": "failed", "database": "ok", "schema": "ok", "key": "ok"}, "fail"),
    ],
)
def test_what_a_server_says_of_itself_is_read(status: int, body: object, state: str) -> None:
    """Only a server that says that all is well is well."""
    answer = httpx2.Response(status, json=body)
    assert server.readiness("http://here", answer).state == state


def test_clocks_that_differ_are_a_warning() -> None:
    """A server whose clock is far from ours is named; a small difference is not."""
    late = httpx2.Response(200, headers={"date": "Sat, 21 Nov 2026 11:00:00 GMT"})
    near = httpx2.Response(200, headers={"date": "Sat, 21 Nov 2026 12:00:30 GMT"})
    none = httpx2.Response(200, headers={"date": "yesterday"})
    assert [check.state for check in server.clocks(late, NOW)] == [State.WARN]
    assert list(server.clocks(near, NOW)) == []
    assert list(server.clocks(none, NOW)) == []


def test_a_failing_connection_fails_the_doctor(ada: Terminal, bank: Bank) -> None:
    """Never falsely green: a consent that ended makes it end with 1."""
    ada.link()
    assert by_name(ada, 0)["connection"]["state"] == "warn"
    ada.good("sync")
    assert by_name(ada, 0)["connection"]["state"] == "ok"
    bank.control("consent", state="revoked")
    ada.run("sync")
    assert by_name(ada, 1)["connection"]["state"] == "fail"
