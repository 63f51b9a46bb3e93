"""What every test of a route can ask for: `api`, a running app over a fresh database."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.serving import Api, serving
from tests.databases import Database


@pytest.fixture
def api(database: Database, tmp_path: Path) -> Iterator[Api]:
    """Serve a fresh database, of each kind in turn."""
    with serving(database.url, tmp_path) as api:
        yield api


@pytest.fixture
def sqlite_api(sqlite_database: Database, tmp_path: Path) -> Iterator[Api]:
    """Serve a fresh SQLite database, where the kind does not matter."""
    with serving(sqlite_database.url, tmp_path) as api:
        yield api
