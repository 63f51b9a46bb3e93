"""The log of a SQLite file goes back into it beside the work."""

from collections.abc import Iterator
from pathlib import Path

import apsw
import pytest
import sqlalchemy as sa

from penstock.db.checkpoints import LONG, TOO_LONG, Checkpoints
from penstock.db.connect import open_database

PAGE = 4096


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the file is."""
    return tmp_path / "penstock.db"


@pytest.fixture
def writing(path: Path) -> Iterator[apsw.Connection]:
    """A connection that never writes its log back, to a file with a log."""
    connection = apsw.Connection(str(path))
    connection.execute("PRAGMA journal_mode=WAL")
    connection.wal_autocheckpoint(0)
    connection.execute("CREATE TABLE t (b)")
    connection.wal_checkpoint()
    yield connection
    connection.close()


def write(connection: apsw.Connection, pages: int) -> None:
    """Commit so many pages."""
    connection.execute("INSERT INTO t VALUES (zeroblob(?))", (pages * PAGE,))


def test_a_long_log_goes_back_by_itself(path: Path, writing: apsw.Connection) -> None:
    """After a commit that made the log long, all of it is in the file, and nobody closed that."""
    checkpoints = Checkpoints()
    writing.set_wal_hook(checkpoints.after_commit)
    write(writing, LONG + 1)
    checkpoints.close()
    assert path.stat().st_size > LONG * PAGE


def test_a_short_log_stays(path: Path, writing: apsw.Connection) -> None:
    """Pages that are written again and again are not written back each time."""
    checkpoints = Checkpoints()
    writing.set_wal_hook(checkpoints.after_commit)
    write(writing, LONG // 2)
    checkpoints.close()
    assert path.stat().st_size < LONG // 2 * PAGE


def test_the_log_is_bounded_where_the_thread_cannot_keep_up(
    path: Path, writing: apsw.Connection
) -> None:
    """Who commits to a log that is far too long writes it back before going on."""
    checkpoints = Checkpoints()
    checkpoints.close()
    write(writing, LONG)
    assert checkpoints.after_commit(writing, "main", LONG) == apsw.SQLITE_OK
    assert path.stat().st_size < LONG * PAGE
    assert checkpoints.after_commit(writing, "main", TOO_LONG) == apsw.SQLITE_OK
    assert path.stat().st_size > LONG * PAGE


def test_what_a_reader_still_needs_stays_in_the_log(path: Path, writing: apsw.Connection) -> None:
    """A reader sees what it saw, and the next commit has the rest written back."""
    checkpoints = Checkpoints()
    reading = apsw.Connection(str(path))
    reading.execute("BEGIN")
    assert list(reading.execute("SELECT count(*) FROM t")) == [(0,)]
    writing.set_wal_hook(checkpoints.after_commit)
    write(writing, LONG + 1)
    assert list(reading.execute("SELECT count(*) FROM t")) == [(0,)]
    reading.execute("COMMIT")
    reading.close()
    checkpoints.close()
    assert list(writing.execute("SELECT length(b) FROM t")) == [((LONG + 1) * PAGE,)]


def test_a_file_that_is_gone_harms_no_commit(path: Path, writing: apsw.Connection) -> None:
    """What cannot be written back now is tried again later; the commit is good."""
    checkpoints = Checkpoints()
    path.rename(path.with_suffix(".away"))
    assert checkpoints.after_commit(writing, "main", LONG) == apsw.SQLITE_OK
    assert checkpoints.after_commit(writing, "main", LONG) == apsw.SQLITE_OK
    checkpoints.close()
    assert not path.exists()


def test_a_database_does_it(path: Path, writing: apsw.Connection) -> None:
    """Whoever opens a database has it so, though the last to close would write all of it back."""
    database = open_database(f"sqlite:///{path}")
    with database.engine.connect() as connection:
        connection.execute(sa.text("INSERT INTO t VALUES (zeroblob(:n))"), {"n": (LONG + 1) * PAGE})
        connection.commit()
    database.close()
    assert path.stat().st_size > LONG * PAGE
    assert list(writing.execute("SELECT count(*) FROM t")) == [(1,)]
