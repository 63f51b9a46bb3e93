"""What an error that nobody foresaw means for a run."""

import errno
import sqlite3
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from penstock.db.connect import open_database
from penstock.domain.outcome import Outcome
from penstock.domain.remedy import RemedyKind
from penstock.engine.fault import ending_of


def test_a_full_disk_is_named_and_tried_again() -> None:
    """Disk full, in staging: the run says so and what to do, and is tried again by itself."""
    ending = ending_of(OSError(errno.ENOSPC, "No space left on device"), connector="bank")
    assert ending.outcome is Outcome.TRANSIENT
    assert "no room" in (ending.message or "")
    assert ending.remedy is not None
    assert ending.remedy.kind is RemedyKind.FIX_CODE


def test_a_full_sqlite_file_is_named(tmp_path: Path) -> None:
    """Disk full, on SQLite: its own word for it is understood."""
    database = open_database(f"sqlite:///{tmp_path / 'full.db'}")

    def fill(connection: sa.Connection) -> None:
        connection.exec_driver_sql("CREATE TABLE t (x)")
        connection.exec_driver_sql("PRAGMA max_page_count = 3")
        connection.exec_driver_sql("INSERT INTO t VALUES (zeroblob(100000))")

    try:
        with pytest.raises(sa.exc.OperationalError) as full:
            database.write_now(fill)
    finally:
        database.close()
    assert "no room" in (ending_of(full.value, connector="bank").message or "")


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (psycopg.errors.DiskFull("could not extend file"), Outcome.TRANSIENT),
        (sqlite3.OperationalError("database is locked"), Outcome.TRANSIENT),
        (ValueError("a bug"), Outcome.CONTRACT),
    ],
)
def test_other_errors_are_told_apart(error: Exception, outcome: Outcome) -> None:
    """A database that was away is tried again soon; a bug of ours is not a success."""
    wrapped: Exception = error
    if not isinstance(error, ValueError):
        wrapped = sa.exc.OperationalError("INSERT", {}, error)
    ending = ending_of(wrapped, connector="bank")
    assert ending.outcome is outcome
    assert ("no room" in (ending.message or "")) is isinstance(error, psycopg.errors.DiskFull)
