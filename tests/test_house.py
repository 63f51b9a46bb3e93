"""The surroundings that the other tests rely on: databases of their own, and no way out."""

import os
import socket
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests import loopback
from tests.databases import Database, PostgresDatabases, SqliteDatabases
from tests.leftovers import make_folder
from tests.postgres import Cluster

Execute = Callable[[str, str], list[tuple[object, ...]]]


def on_sqlite(url: str, statement: str) -> list[tuple[object, ...]]:
    """Execute one statement in a connection of its own."""
    path = url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute(statement).fetchall()


def on_postgres(url: str, statement: str) -> list[tuple[object, ...]]:
    """Execute one statement in a connection of its own."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def one_table(execute: Execute) -> Callable[[str], None]:
    """Return a migration that makes one table with one row in it."""

    def migrate(url: str) -> None:
        execute(url, "CREATE TABLE thing (name TEXT PRIMARY KEY)")
        execute(url, "INSERT INTO thing VALUES ('first')")

    return migrate


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def made(
    request: pytest.FixtureRequest, tmp_path: Path
) -> tuple[SqliteDatabases | PostgresDatabases, Execute]:
    """Return a maker with a migration of our own, and a way to look at what it makes."""
    if request.param == "sqlite":
        return SqliteDatabases(tmp_path, one_table(on_sqlite)), on_sqlite
    port: int = request.getfixturevalue("postgres_port")
    worker = f"house{os.getpid()}_{abs(hash(request.node.name))}"
    return PostgresDatabases(port, worker, one_table(on_postgres)), on_postgres


def test_a_fresh_database_is_migrated_and_nobody_elses(
    made: tuple[SqliteDatabases | PostgresDatabases, Execute],
) -> None:
    """Two databases have the tables of the migration, and neither sees the other's rows."""
    databases, execute = made
    with databases.fresh() as one, databases.fresh() as other:
        execute(one.url, "INSERT INTO thing VALUES ('mine')")
        assert len(execute(one.url, "SELECT name FROM thing")) == 2
        assert execute(other.url, "SELECT name FROM thing") == [("first",)]


def test_an_empty_database_has_no_tables(
    made: tuple[SqliteDatabases | PostgresDatabases, Execute],
) -> None:
    """A database for tests of the migrations starts from nothing."""
    databases, execute = made
    with databases.empty() as database:
        assert execute(database.url, "CREATE TABLE thing (name TEXT)") == []


def test_a_database_is_gone_afterwards(
    made: tuple[SqliteDatabases | PostgresDatabases, Execute],
) -> None:
    """Nothing is left when the test ends, even where it forgot to close a connection."""
    databases, execute = made
    with databases.fresh() as database:
        execute(database.url, "SELECT 1")
    if database.kind == "sqlite":
        assert not Path(database.url.removeprefix("sqlite:///")).exists()
    else:
        with pytest.raises(psycopg.OperationalError, match="does not exist"):
            execute(database.url, "SELECT 1")


def test_the_database_fixture_gives_both_kinds(database: Database) -> None:
    """A test that asks for `database` runs on SQLite and on PostgreSQL, at the newest schema."""
    scheme = {"sqlite": "sqlite:///", "postgres": "postgresql+psycopg://"}[database.kind]
    assert database.url.startswith(scheme)
    execute = on_sqlite if database.kind == "sqlite" else on_postgres
    assert execute(database.url, "SELECT version_num FROM alembic_version")


@pytest.mark.postgres
@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
def test_postgresql_opens_nobodys_folder(postgres_port: int, tmp_path: Path) -> None:
    """A cluster changes the mode of no folder above it, and removes all that it wrote."""
    assert postgres_port
    above = [tmp_path, *tmp_path.parents]
    before = [stat.S_IMODE(folder.stat().st_mode) for folder in above]
    cluster = Cluster()
    try:
        home = cluster.home
        assert stat.S_IMODE(home.stat().st_mode) == stat.S_IRWXU
    finally:
        cluster.stop()
    assert not home.exists()
    assert [stat.S_IMODE(folder.stat().st_mode) for folder in above] == before


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1", "localhost", None]
)
def test_this_machine_is_ours(host: object) -> None:
    """The loopback addresses and names are not refused."""
    assert loopback.is_ours(host)


@pytest.mark.parametrize("host", ["192.0.2.1", "10.0.0.1", "::ffff:192.0.2.1", "example.org", "0"])
def test_everything_else_is_outside(host: str) -> None:
    """Public and private addresses and any other name are not this machine."""
    assert not loopback.is_ours(host)


def test_a_connection_to_the_outside_is_refused() -> None:
    """A test cannot leave the machine by TCP, UDP or a look-up, and the attempt is on record."""
    with socket.socket() as tcp, pytest.raises(loopback.OutsideRefused):
        tcp.connect(("192.0.2.1", 443))
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        pytest.raises(loopback.OutsideRefused),
    ):
        udp.sendto(b"", ("192.0.2.1", 53))
    with pytest.raises(loopback.OutsideRefused):
        socket.getaddrinfo("example.org", 443)
    assert len(loopback.refused) == 3
    loopback.refused.clear()


def test_a_connection_to_this_machine_works() -> None:
    """A server of the test's own is reached over the loopback."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        host, port = server.getsockname()
        with socket.create_connection((host, port)) as client:
            assert client.getpeername() == (host, port)
    assert loopback.refused == []


def test_the_callers_environment_is_not_seen() -> None:
    """No `PENSTOCK_…` variable of the caller reaches a test; two are set, for all of them."""
    ours = {name for name in os.environ if name.startswith("PENSTOCK_")}  # noqa: TID251 - the subject
    assert ours == {"PENSTOCK_HOME", "PENSTOCK_PRICE_EVERY_MINUTES"}


@pytest.mark.skipif(os.name != "posix", reason="whether a process lives is asked as POSIX does")
def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    """A folder goes when the process that made it is gone, and stays as long as it lives."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    left = tmp_path / f"thing-{ended.pid}-x"
    left.mkdir()
    ours = make_folder("thing-", tmp_path)
    assert make_folder("thing-", tmp_path) != ours
    assert ours.is_dir()
    assert not left.exists()
