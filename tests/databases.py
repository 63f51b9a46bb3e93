"""Fresh databases for tests, cheap enough for one a test: clones of a template migrated once."""

import contextlib
import itertools
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from psycopg import sql

from tests.postgres import OWNER, administrator

Kind = Literal["sqlite", "postgres"]
Migration = Callable[[str], None]
"""Brings the empty database at a SQLAlchemy URL to the newest schema, and leaves no connection."""


@dataclass(frozen=True, slots=True)
class Database:
    """A database of a test's own. `url` is for SQLAlchemy."""

    kind: Kind
    url: str


class Databases(Protocol):
    """Makes databases of one kind."""

    @property
    def kind(self) -> Kind:
        """Which kind it makes."""

    def fresh(self) -> contextlib.AbstractContextManager[Database]:
        """Make a migrated database, and drop it at the end."""

    def empty(self) -> contextlib.AbstractContextManager[Database]:
        """Make a database without any table, and drop it at the end."""


class SqliteDatabases:
    """SQLite files in a folder: a fresh one is a copy of the template."""

    kind: Kind = "sqlite"

    def __init__(self, folder: Path, migrate: Migration) -> None:
        self._folder = folder
        self._migrate = migrate
        self._template: Path | None = None
        self._numbers = itertools.count(1)

    @contextlib.contextmanager
    def fresh(self) -> Iterator[Database]:
        """Copy the template, which is made at the first call."""
        if self._template is None:
            template = self._folder / "template.sqlite"
            self._migrate(f"sqlite:///{template}")
            if template.with_name(f"{template.name}-wal").exists():
                raise AssertionError("the migration left a connection to its database open")
            self._template = template
        with self.empty() as database:
            shutil.copyfile(self._template, database.url.removeprefix("sqlite:///"))
            yield database

    @contextlib.contextmanager
    def empty(self) -> Iterator[Database]:
        """Name a file that is not there yet."""
        folder = self._folder / str(next(self._numbers))
        folder.mkdir()
        try:
            yield Database("sqlite", f"sqlite:///{folder / 'penstock.sqlite'}")
        finally:
            shutil.rmtree(folder)


class PostgresDatabases:
    """Databases of the run's own PostgreSQL: a fresh one is cloned from the template.

    They belong to an ordinary role. `walled=False` has a superuser use them, for whom there is no
    row-level security.
    """

    kind: Kind = "postgres"

    def __init__(self, port: int, worker: str, migrate: Migration, *, walled: bool = True) -> None:
        self._user = OWNER if walled else "postgres"
        self._port = port
        self._worker = worker
        self._migrate = migrate
        self._template: str | None = None
        self._numbers = itertools.count(1)

    @contextlib.contextmanager
    def fresh(self) -> Iterator[Database]:
        """Clone the template, which is made at the first call; about 30 ms."""
        if self._template is None:
            template = f"template_{self._worker}"
            self._drop(template)  # one that a failed migration left half-way
            self._create(template, like="template1")
            self._migrate(self._url(template))
            self._template = template
        with self._database(like=self._template) as database:
            yield database

    @contextlib.contextmanager
    def empty(self) -> Iterator[Database]:
        """Create a database without any table."""
        with self._database(like="template1") as database:
            yield database

    @contextlib.contextmanager
    def _database(self, like: str) -> Iterator[Database]:
        name = f"test_{self._worker}_{next(self._numbers)}"
        self._create(name, like=like)
        try:
            yield Database("postgres", self._url(name))
        finally:
            self._drop(name)

    def _drop(self, name: str) -> None:
        drop = sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)")
        with administrator(self._port) as connection:
            connection.execute(drop.format(sql.Identifier(name)))

    def _create(self, name: str, like: str) -> None:
        create = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY FILE_COPY")
        given = (sql.Identifier(one) for one in (name, OWNER, like))
        with administrator(self._port) as connection:
            connection.execute(create.format(*given))

    def _url(self, name: str) -> str:
        return f"postgresql+psycopg://{self._user}@127.0.0.1:{self._port}/{name}"
