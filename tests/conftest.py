"""What every test can ask for.

`database`           a fresh, migrated database of the test's own, once on SQLite and once on
                     PostgreSQL: `.kind` is "sqlite" or "postgres", `.url` is for SQLAlchemy
`empty_database`     the same without any table, for tests of the migrations
`sqlite_database`, `postgres_database`
                     a fresh, migrated database of that kind only
`superuser_databases`
                     makes such on PostgreSQL whose user walks through row-level security
`prism`              what holds a face to its provider's specification; skips where it is absent
`clients`            providers' own clients that need an environment of their own; likewise
`peers`              programs of Node's that ours must agree with; likewise
`databases`          makes many in one test, on both kinds (for hypothesis, which runs a test's body
                     many times): `with databases.fresh() as database:`, or `.empty()`

PostgreSQL is started once for the whole run, when the first test needs it. Where that is
impossible, its tests are skipped with the reason; in CI they fail. Tests reach this machine only,
and see none of the caller's `PENSTOCK_…` variables (`PENSTOCK_TEST_PRISM` is read before that, and
`PENSTOCK_TEST_CLIENTS` and `PENSTOCK_TEST_PEERS`).

The default run ends within minutes, so what takes long is marked `long`, and the gate runs that
too: races and kills of real processes, and the same stories in greater numbers (beside each of
these stands the same test with a few). Where a test can say so, passwords are hashed at bcrypt's
least cost.
"""

import os
import shutil
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from tests import compiled, loopback, node_peers, own_clients, prism
from tests.databases import Database, Databases, PostgresDatabases, SqliteDatabases
from tests.leftovers import make_folder, quick_place
from tests.postgres import Cluster, Unavailable
from tests.programs import share_byte_code

Started = Cluster | Unavailable
CLUSTER = pytest.StashKey[Started]()
HOME = pytest.StashKey[Path]()
PRISM = pytest.StashKey[str]()
CLIENTS = pytest.StashKey[str]()
PEERS = pytest.StashKey[str]()

POSTGRES = pytest.param("postgres", marks=pytest.mark.postgres)


def migrate(url: str) -> None:
    """Bring the empty database at `url` to the newest schema."""
    from penstock.db.migrations import upgrade  # noqa: PLC0415 - most tests need no database

    upgrade(url)


def pytest_configure(config: pytest.Config) -> None:
    """Make the surroundings the same everywhere, before anything of the program is imported."""
    told = getattr(config, "workerinput", {}).get("prism", "")
    config.stash[PRISM] = os.environ.get("PENSTOCK_TEST_PRISM", told)
    told = getattr(config, "workerinput", {}).get("clients", "")
    config.stash[CLIENTS] = os.environ.get("PENSTOCK_TEST_CLIENTS", told)
    told = getattr(config, "workerinput", {}).get("peers", "")
    config.stash[PEERS] = os.environ.get("PENSTOCK_TEST_PEERS", told)
    for name in [name for name in os.environ if name.startswith("PENSTOCK_")]:
        del os.environ[name]
    config.stash[HOME] = make_folder("penstock-tests-", quick_place())
    cache: pytest.Cache | None = getattr(config, "cache", None)  # none with `-p no:cacheprovider`
    share_byte_code(cache.mkdir("byte-code") if cache else config.stash[HOME] / "byte code")
    os.environ["PENSTOCK_HOME"] = str(config.stash[HOME] / "home")
    # Workers ask the central bank for rates by themselves: no test leaves this machine.
    os.environ["PENSTOCK_PRICE_EVERY_MINUTES"] = "0"
    loopback.install()
    compiled.share()
    # The time a test takes is no promise: two cores are shared with whatever else runs.
    parent = hypothesis.settings.get_profile("ci" if in_ci() else "default")
    hypothesis.settings.register_profile("penstock", parent, deadline=None)
    hypothesis.settings.load_profile("penstock")


def pytest_unconfigure(config: pytest.Config) -> None:
    """Leave nothing behind."""
    cluster = config.stash.get(CLUSTER, None)
    if isinstance(cluster, Cluster):
        cluster.stop()
    shutil.rmtree(config.stash[HOME], ignore_errors=True)


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell an xdist worker where PostgreSQL is, and where Prism and providers' clients.

    The controller runs PostgreSQL: a worker may end early.
    """
    node.workerinput["prism"] = node.config.stash[PRISM]
    node.workerinput["clients"] = node.config.stash[CLIENTS]
    node.workerinput["peers"] = node.config.stash[PEERS]
    started = start_once(node.config)
    port = started.port if isinstance(started, Cluster) else None
    node.workerinput["postgres"] = {"port": port, "why_not": str(started) if port is None else ""}


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Generator[None, object, object]:
    """Fail a test that tried to leave the machine, even if the program swallowed the refusal."""
    loopback.refused.clear()
    result = yield
    if loopback.refused:
        pytest.fail(f"this test tried to leave the machine: {'; '.join(loopback.refused)}")
    return result


def in_ci() -> bool:
    """Say whether nobody is watching: then nothing may be skipped for want of a database."""
    return bool(os.environ.get("CI"))


def start_once(config: pytest.Config) -> Started:
    """Start the run's PostgreSQL, or keep the reason why that is impossible here."""
    if CLUSTER not in config.stash:
        try:
            config.stash[CLUSTER] = Cluster()
        except (Unavailable, OSError) as error:
            config.stash[CLUSTER] = Unavailable(f"no PostgreSQL for these tests: {error}")
    return config.stash[CLUSTER]


@pytest.fixture(scope="session")
def postgres_port(request: pytest.FixtureRequest) -> int:
    """Return the port on which the run's own PostgreSQL listens."""
    told = getattr(request.config, "workerinput", {}).get("postgres")
    if told is None:
        started = start_once(request.config)
        told = {"port": getattr(started, "port", None), "why_not": str(started)}
    if told["port"] is None:
        (pytest.fail if in_ci() else pytest.skip)(told["why_not"])
    port: int = told["port"]
    return port


@pytest.fixture(scope="session")
def sqlite_databases(request: pytest.FixtureRequest) -> Databases:
    """Return the maker of SQLite databases."""
    folder = request.config.stash[HOME] / "sqlite"
    folder.mkdir()
    return SqliteDatabases(folder, migrate)


@pytest.fixture(scope="session")
def postgres_databases(postgres_port: int, request: pytest.FixtureRequest) -> Databases:
    """Return the maker of PostgreSQL databases."""
    worker = getattr(request.config, "workerinput", {}).get("workerid", "main")
    return PostgresDatabases(postgres_port, worker, migrate)


@pytest.fixture(scope="session")
def superuser_databases(request: pytest.FixtureRequest, postgres_port: int) -> Databases:
    """Return the maker of PostgreSQL databases without row-level security: a superuser's."""
    worker = getattr(request.config, "workerinput", {}).get("workerid", "main")
    return PostgresDatabases(postgres_port, f"{worker}_super", migrate, walled=False)


@pytest.fixture(scope="session", params=["sqlite", POSTGRES])
def databases(request: pytest.FixtureRequest) -> Databases:
    """Return the maker of databases, of each kind in turn."""
    made: Databases = request.getfixturevalue(f"{request.param}_databases")
    return made


@pytest.fixture(name="prism")
def prism_installed(request: pytest.FixtureRequest) -> prism.Prism:
    """Prism, where it is installed."""
    return prism.find(request.config.stash[PRISM])


@pytest.fixture(name="clients")
def clients_installed(request: pytest.FixtureRequest) -> own_clients.Clients:
    """Providers' own clients, each where it is installed."""
    return own_clients.Clients(request.config.stash[CLIENTS])


@pytest.fixture(name="peers")
def peers_installed(request: pytest.FixtureRequest) -> node_peers.NodePeers:
    """Node's programs that ours must agree with, where they are installed."""
    return node_peers.find(request.config.stash[PEERS])


@pytest.fixture
def database(databases: Databases) -> Iterator[Database]:
    """Make a migrated database, of each kind in turn."""
    with databases.fresh() as database:
        yield database


@pytest.fixture
def empty_database(databases: Databases) -> Iterator[Database]:
    """Make a database without any table, of each kind in turn."""
    with databases.empty() as database:
        yield database


@pytest.fixture
def sqlite_database(sqlite_databases: Databases) -> Iterator[Database]:
    """Make a migrated SQLite database."""
    with sqlite_databases.fresh() as database:
        yield database


@pytest.fixture
def postgres_database(postgres_databases: Databases) -> Iterator[Database]:
    """Make a migrated PostgreSQL database."""
    with postgres_databases.fresh() as database:
        yield database
