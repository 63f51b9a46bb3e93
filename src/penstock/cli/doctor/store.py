"""The database and the key that opens its secrets."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from penstock.cli.doctor import walls
from penstock.cli.doctor.check import Check, fail, ok, warn
from penstock.db import runs, vault_check
from penstock.db.connect import open_database, scheme_of
from penstock.db.lane import Database
from penstock.db.migrations import revisions
from penstock.domain.errors import KeyMissing, PenstockError
from penstock.engine import unlock
from penstock.settings import Profile, Settings
from penstock.store import key_place

_AHEAD: Final = timedelta(minutes=2)
_FIRST_YEAR: Final = 2025


@contextlib.contextmanager
def opened(settings: Settings) -> Iterator[Database | None]:
    """Open the database as it is; None where there is none yet, or no way to open one."""
    try:
        there = settings.database_url or file_of(settings).is_file()
        database = open_database(settings.database) if there else None
    except PenstockError:
        database = None
    try:
        yield database
    finally:
        if database is not None:
            database.close()


def file_of(settings: Settings) -> Path:
    """Return the SQLite file of the home folder."""
    return settings.database_file


def checks(
    settings: Settings,
    database: Database | None,
    *,
    now: datetime,
    more: Callable[[Database], Iterable[Check]] | None = None,
) -> Iterator[Check]:
    """Look at the database, its schema, its soundness, its key and its clock.

    `more` looks further, where the schema is the newest.
    """
    if database is None:
        yield _absent(settings)
        return
    try:
        yield from _examined(settings, database, now)
        if more is not None and database.read_now(revisions).newest:
            yield from more(database)
    except (sa.exc.SQLAlchemyError, sqlite3.Error) as error:  # a part of it may still be readable
        remedy = (
            "See that it runs and that PENSTOCK_DATABASE_URL is right; restore a backup if not."
        )
        yield fail("database", f"cannot be read: {_first_line(error)}", remedy)


def _examined(settings: Settings, database: Database, now: datetime) -> Iterator[Check]:
    found = database.read_now(revisions)
    yield ok("database", database.kind)
    if not found.newest:
        remedy = "Run `penstock db upgrade`; a SQLite file is copied first."
        yield fail("schema", f"{found.stored or 'none'}; {found.wanted} is wanted", remedy)
        return
    yield ok("schema", found.wanted)
    yield integrity(database)
    if database.kind == "postgresql":
        yield database.read_now(walls.check)
    yield key(settings, database)
    yield clock(database, now)


def integrity(database: Database) -> Check:
    """Let the database look at itself.

    Not all that refers to something is a foreign key: what a transaction belongs to is none, so
    that merging stays fast, and books.py looks at it (`penstock db check`).
    """
    if database.kind != "sqlite":
        return ok("integrity", "PostgreSQL looks after its own")
    faults = database.read_now(sqlite_faults)
    if faults:
        remedy = "Stop Penstock, keep a copy of the file, and restore the last backup."
        return fail("integrity", "; ".join(faults), remedy)
    return ok("integrity", "every page and every foreign key is sound")


def sqlite_faults(connection: sa.Connection) -> list[str]:
    """Return what is wrong with a SQLite file, a few lines at the most."""
    pages = connection.exec_driver_sql("PRAGMA integrity_check(3)").scalars().all()
    orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchmany(3)
    return [str(one) for one in pages if one != "ok"] + [
        f"a row of {one[0]} belongs to nothing in {one[2]}" for one in orphans
    ]


def key(settings: Settings, database: Database) -> Check:
    """See that the key is there and is the one that the database was sealed with."""
    known = database.read_now(vault_check.values)
    if not known:
        return _first_key(settings, database)
    try:
        found = key_place(settings).look()
        unlock.check(database, found)
        return ok("key", f"key {found.id} opens the database")
    except PenstockError as error:
        return fail("key", error.message, error.remedy.text if error.remedy else "")


def _first_key(settings: Settings, database: Database) -> Check:
    """See that a database in which nothing is sealed yet has a key, or will make itself one."""
    try:
        return ok("key", f"key {key_place(settings).look().id} is ready; nothing was sealed yet")
    except KeyMissing:
        if database.kind == "sqlite" and settings.profile is not Profile.PRODUCTION:
            return ok("key", "nothing was sealed yet; the key is made when something is")
        remedy = "Set PENSTOCK_KEY to 32 random bytes in base64 (`openssl rand -base64 32`)."
        return warn("key", "there is none yet, and none is made by itself here", remedy)
    except PenstockError as error:
        return fail("key", error.message, error.remedy.text if error.remedy else "")


def clock(database: Database, now: datetime) -> Check:
    """Compare our clock with what is stored, and with the database server's own."""
    found = f"{now:%Y-%m-%d %H:%M} UTC"
    remedy = "Set this machine's clock: tokens, waits and freshness depend on it."
    if now.year < _FIRST_YEAR:
        return fail("clock", f"{found}: that is long ago", remedy)
    last = database.read_now(_last_start)
    if last is not None and last > now + _AHEAD:
        return fail("clock", f"{found}, but a sync began at {last:%Y-%m-%d %H:%M}", remedy)
    if database.kind == "postgresql":
        there = database.read_now(_server_time)
        if abs(there - now) > _AHEAD:
            return warn("clock", f"{found}, but the database has {there:%H:%M}", remedy)
    return ok("clock", found)


def _absent(settings: Settings) -> Check:
    if settings.database_url:
        scheme = scheme_of(settings.database_url)
        remedy = "Write PENSTOCK_DATABASE_URL as sqlite:///PATH or postgresql://USER@HOST/NAME."
        return fail("database", f"a URL that begins with {scheme!r} cannot be opened", remedy)
    if settings.url is not None:
        return ok("database", "none here: the commands use the server at PENSTOCK_URL")
    return warn("database", "there is none yet", "Make the first person: `penstock user add NAME`.")


def _last_start(connection: sa.Connection) -> datetime | None:
    last: datetime | None = connection.execute(
        sa.select(sa.func.max(runs.runs.c.started_at))
    ).scalar_one()
    return last


def _server_time(connection: sa.Connection) -> datetime:
    there: datetime = connection.execute(sa.select(sa.func.clock_timestamp())).scalar_one()
    return there


def _first_line(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
