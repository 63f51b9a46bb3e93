"""How a database comes to the newest schema, and how one knows that it is there (Alembic).

`scripts` is the folder of the steps everywhere; it is this one unless a test says otherwise.
"""

import functools
from contextlib import closing
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Final

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from penstock.db import sqlite_driver
from penstock.db.connect import open_database
from penstock.domain.errors import Conflict
from penstock.domain.remedy import fix_code

SCRIPTS: Final = str(files(__name__))


@dataclass(frozen=True, slots=True)
class Revisions:
    """Which schema a database has, and which one this program wants."""

    stored: str | None
    wanted: str

    @property
    def newest(self) -> bool:
        """Whether nothing is to be done."""
        return self.stored == self.wanted


def revisions(connection: sa.Connection, scripts: str = SCRIPTS) -> Revisions:
    """Return the schema's revision and the one that this program wants."""
    stored = MigrationContext.configure(connection).get_current_revision()
    return Revisions(stored, _newest(scripts))


def upgrade(url: str, scripts: str = SCRIPTS) -> None:
    """Bring the database at `url` to the newest schema. Several at once take turns.

    An older SQLite file is copied beside itself first. Raises Conflict for a newer schema.
    """
    database = open_database(url)
    try:
        database.write_now(_upgrade, scripts)
    finally:
        database.close()


def prepare(url: str, scripts: str = SCRIPTS) -> None:
    """Make a usable schema where that is safe to do unasked.

    An empty database gets its tables, an older SQLite file is upgraded. An older PostgreSQL schema
    may be in use by other machines: raises Conflict, as for a schema that is newer than ours.
    """
    database = open_database(url)
    try:
        found = database.read_now(revisions, scripts)
        if found.newest:
            return
        _refuse_newer(found, scripts)
        if found.stored is not None and database.kind == "postgresql":
            raise Conflict(
                f"The database has schema {found.stored}, this program wants {found.wanted}.",
                remedy=fix_code("Stop the other programs on it, then run `penstock db upgrade`."),
            )
        database.write_now(_upgrade, scripts)
    finally:
        database.close()


def back_up(path: Path, to: Path) -> None:
    """Copy a SQLite file, whole and consistent even while it is in use, for its owner's eyes."""
    to.touch(mode=0o600)
    with (
        closing(sqlite_driver.connect(str(path), timeout=30)) as source,
        closing(sqlite_driver.connect(str(to))) as target,
    ):
        source.copy_to(target)


def _upgrade(connection: sa.Connection, scripts: str) -> None:
    """Do what is to be done, once nobody else is at it; all of it or nothing."""
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql("SELECT pg_advisory_xact_lock(7235102)")
    found = revisions(connection, scripts)  # another program may just have done it
    if found.newest:
        return
    _refuse_newer(found, scripts)
    if found.stored is not None and connection.dialect.name == "sqlite":
        path = Path(connection.engine.url.database or "")
        back_up(path, path.with_name(f"{path.name}.before-{found.wanted}"))
    bring(connection, scripts=scripts)


def bring(connection: sa.Connection, *, to: str = "head", scripts: str = SCRIPTS) -> None:
    """Take the steps up to schema `to`, one that it `knows`, in the transaction that is open."""
    config = _config(scripts)
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def knows(schema: str, scripts: str = SCRIPTS) -> bool:
    """Say whether this program knows a schema; not those that newer programs made."""
    steps = ScriptDirectory.from_config(_config(scripts)).walk_revisions()
    return schema in {step.revision for step in steps}


@functools.cache
def _newest(scripts: str) -> str:
    """Return the last of the steps: read once, for they stay the same while a program runs."""
    return ScriptDirectory.from_config(_config(scripts)).get_current_head() or ""


def _refuse_newer(found: Revisions, scripts: str) -> None:
    if found.stored is not None and not knows(found.stored, scripts):
        raise Conflict(
            f"The database has schema {found.stored}, which this program does not know: a newer "
            f"Penstock made it. This one knows schemas up to {found.wanted}.",
            remedy=fix_code("Install that newer version again. Nothing was changed."),
        )


def _config(scripts: str) -> Config:
    config = Config()
    config.set_main_option("script_location", scripts.replace("%", "%%"))
    return config
