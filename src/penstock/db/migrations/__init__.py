"""How a database comes to the newest schema, and how one knows that it is there (Alembic)."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from penstock.db.connect import open_database
from penstock.domain.errors import Conflict
from penstock.domain.remedy import fix_code


@dataclass(frozen=True, slots=True)
class Revisions:
    """Which schema a database has, and which one this program wants."""

    stored: str | None
    wanted: str

    @property
    def newest(self) -> bool:
        """Whether nothing is to be done."""
        return self.stored == self.wanted


def revisions(connection: sa.Connection) -> Revisions:
    """Return the schema's revision and the one that this program wants."""
    wanted = ScriptDirectory.from_config(_config()).get_current_head()
    stored = MigrationContext.configure(connection).get_current_revision()
    return Revisions(stored, wanted or "")


def upgrade(url: str) -> None:
    """Bring the database at `url` to the newest schema. Two at once on PostgreSQL take turns."""
    database = open_database(url)
    try:
        with database.engine.connect() as connection:
            writer = connection.execution_options(sqlite_begin="IMMEDIATE")
            with writer.begin():
                if database.kind == "postgresql":
                    writer.exec_driver_sql("SELECT pg_advisory_xact_lock(7235102)")
                config = _config()
                config.attributes["connection"] = writer
                command.upgrade(config, "head")
    finally:
        database.close()


def prepare(url: str) -> None:
    """Make a usable schema where that is safe to do unasked.

    An empty database gets its tables. An older SQLite file is copied beside itself, then
    upgraded. An older PostgreSQL schema may be in use by other machines: raises Conflict.
    """
    database = open_database(url)
    try:
        found = database.read_now(revisions)
    finally:
        database.close()
    if found.newest:
        return
    if found.stored is not None:
        if database.kind == "postgresql":
            raise Conflict(
                f"The database has schema {found.stored}, this program wants {found.wanted}.",
                remedy=fix_code("Stop the other programs on it, then run `penstock db upgrade`."),
            )
        path = Path(database.engine.url.database or "")
        back_up(path, path.with_name(f"{path.name}.before-{found.wanted}"))
    upgrade(url)


def back_up(path: Path, to: Path) -> None:
    """Copy a SQLite file, whole and consistent even while it is in use."""
    with (
        closing(sqlite3.connect(path)) as source,
        closing(sqlite3.connect(to)) as target,
    ):
        source.backup(target)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(files(__name__)))
    return config
