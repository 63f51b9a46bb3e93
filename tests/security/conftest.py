"""What the tests of the checklist can ask for.

`api`, `sqlite_api`  a running app over a fresh database, as the tests of routes have it
`tenants`            the same over each wall there is: SQLite, PostgreSQL with row-level security,
                     and PostgreSQL as a superuser, for whom there is none
`server`, `sqlite_server`
                     the same as `api` and `sqlite_api`, as the world reaches it at `ISSUER`
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.conftest import api, sqlite_api
from tests.api.serving import Api, serving
from tests.conftest import POSTGRES
from tests.databases import Database, Databases
from tests.security.programs import ISSUER

__all__ = ["api", "sqlite_api"]

UNWALLED = pytest.param("superuser", marks=pytest.mark.postgres)


@pytest.fixture(params=["sqlite", POSTGRES, UNWALLED])
def tenants(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Api]:
    """Serve a fresh database behind one wall or two."""
    databases: Databases = request.getfixturevalue(f"{request.param}_databases")
    with databases.fresh() as database, serving(database.url, tmp_path) as running:
        yield running


@pytest.fixture
def server(database: Database, tmp_path: Path) -> Iterator[Api]:
    """Serve a fresh database, of each kind in turn, where the world reaches it."""
    with serving(database.url, tmp_path, public_url=ISSUER) as running:
        yield running


@pytest.fixture
def sqlite_server(sqlite_database: Database, tmp_path: Path) -> Iterator[Api]:
    """Serve a fresh SQLite database, where the kind does not matter."""
    with serving(sqlite_database.url, tmp_path, public_url=ISSUER) as running:
        yield running
