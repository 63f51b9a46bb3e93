"""A database of a torture's own, of either kind, which it may mistreat."""

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from penstock.db.migrations import upgrade
from tests.databases import Kind
from tests.leftovers import make_folder
from tests.postgres import Cluster, administrator

BOTH: Final[tuple[Kind, ...]] = ("postgres", "sqlite")
NAME: Final = "tortured"


@dataclass(frozen=True, slots=True)
class Store:
    """A migrated database, and a private folder beside it. `cluster` is its PostgreSQL."""

    kind: Kind
    url: str
    folder: Path
    cluster: Cluster | None = None


@contextlib.contextmanager
def store(kind: Kind) -> Iterator[Store]:
    """Make a database; remove it, its server and the folder in the end. Raises Unavailable."""
    folder = make_folder("penstock-torture-")
    try:
        if kind == "sqlite":
            url = f"sqlite:///{folder / 'penstock.db'}"
            upgrade(url)
            yield Store(kind, url, folder)
            return
        cluster = Cluster()
        try:
            with administrator(cluster.port) as connection:
                connection.execute(f"CREATE DATABASE {NAME}".encode())
                # The server will be killed, and what it said was committed must then be there.
                connection.execute(f"ALTER DATABASE {NAME} SET synchronous_commit = on".encode())
            url = f"postgresql+psycopg://postgres@127.0.0.1:{cluster.port}/{NAME}"
            upgrade(url)
            yield Store(kind, url, folder, cluster)
        finally:
            cluster.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
