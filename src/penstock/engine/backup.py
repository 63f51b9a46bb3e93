"""Backing an installation up while it runs, and restoring it into an empty place.

A backup is one instant of the database (security.md K4): SQLite reads beside its writer (WAL),
PostgreSQL in one REPEATABLE READ transaction, so neither waits and neither is waited for. It can be
restored on either kind of database. The key that opens the secrets is not in it unless it is asked
for, and then only under a passphrase.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

import sqlalchemy as sa

from penstock.db import dump, migrations, vault_check
from penstock.db.lane import Database
from penstock.db.metadata import instant_text
from penstock.domain.errors import Conflict
from penstock.domain.remedy import fix_code
from penstock.engine.backup_file import BackupDamaged, Head, Reader, Writer
from penstock.vault.passphrase import Sealed


@dataclass(frozen=True, slots=True)
class Contents:
    """What a backup holds."""

    head: Head
    tables: int
    rows: int


@dataclass(frozen=True, slots=True)
class Stamp:
    """What is written on a backup: when it was made, by which version, and the key if wanted."""

    now: datetime
    version: str
    key: Sealed | None = None


def back_up(database: Database, file: BinaryIO, stamp: Stamp) -> Contents:
    """Write a backup into `file`. Raises Conflict where there is no schema, and OSError."""
    return database.snapshot_now(_write, file, stamp)


def restore(
    database: Database, file: BinaryIO, then: Callable[[sa.Connection], None] | None = None
) -> Contents:
    """Fill an empty database from a backup, and bring it to the newest schema; all or nothing.

    `then` is called last, in the same transaction.

    Raises Conflict where the database is not empty or the backup's schema is newer than this
    program knows, BackupDamaged where the file was altered or cut short.
    """
    return database.write_now(_read, file, then)


def check_empty(database: Database) -> None:
    """Make sure that there is nothing yet to which a backup could be added. Raises Conflict."""
    database.read_now(_check_empty)


def _write(connection: sa.Connection, file: BinaryIO, stamp: Stamp) -> Contents:
    schema = migrations.revisions(connection).stored
    if schema is None:
        raise Conflict(
            "There is nothing to back up: the database has no tables.",
            remedy=fix_code("See that PENSTOCK_HOME or PENSTOCK_DATABASE_URL is the right one."),
        )
    head = Head(
        schema=schema,
        made_at=instant_text(stamp.now),
        made_by=stamp.version,
        database=connection.dialect.name,
        key_ids=sorted(vault_check.values(connection)),
        key=stamp.key.as_json() if stamp.key else None,
    )
    writer = Writer(file, head)
    layouts = dump.layouts(connection)
    rows = sum(writer.table(layout, dump.rows(connection, layout)) for layout in layouts)
    writer.end()
    return Contents(head, len(layouts), rows)


def _read(
    connection: sa.Connection, file: BinaryIO, then: Callable[[sa.Connection], None] | None
) -> Contents:
    _check_empty(connection)
    reader = Reader(file)
    _check_known(reader.head)
    migrations.bring(connection, to=reader.head.schema)
    counts = list(_load(connection, reader))
    orphans = dump.orphans(connection)
    if orphans:
        raise BackupDamaged(f"a row of {orphans[0]} belongs to nothing")
    migrations.bring(connection)
    if then is not None:
        then(connection)
    return Contents(reader.head, len(counts), sum(counts))


def _load(connection: sa.Connection, reader: Reader) -> Iterator[int]:
    known = dump.tables(connection)
    for layout, rows in reader.tables():
        yield dump.load(connection, known, layout, rows)


def _check_known(head: Head) -> None:
    if not migrations.knows(head.schema):
        raise Conflict(
            f"The backup has schema {head.schema}, which this program does not know: Penstock "
            f"{head.made_by} made it.",
            remedy=fix_code("Install that version or a newer one, and restore with it."),
        )


def _check_empty(connection: sa.Connection) -> None:
    if not dump.is_empty(connection):
        raise Conflict(
            "There is an installation here already: a backup is restored into an empty place only.",
            remedy=fix_code(
                "Restore into a new home (--home FOLDER), or into a new, empty database. "
                "Nothing was changed."
            ),
        )
