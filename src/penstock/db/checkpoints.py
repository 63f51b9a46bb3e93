"""SQLite's log goes back into the file beside the work, so that few commits wait for it.

A commit appends pages to the write-ahead log. By itself SQLite lets the commit after which the log
has become long write all of it back into the file, which takes as long as a large sync.
"""

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Final

import apsw

LONG: Final = 4_000
"""Pages of 4 kB: so long a log is written back beside the work."""

TOO_LONG: Final = 32_000
"""So long a one by the commit itself: what writes it back cannot keep up."""


class Checkpoints:
    """Writes the log of one database back. `after_commit` is what APSW calls a WAL hook."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="checkpoint")
        self._under_way = False

    def after_commit(self, connection: apsw.Connection, schema: str, pages: int) -> int:
        """Have the log written back where it is long; the commit is good whatever comes of it."""
        if pages >= TOO_LONG:
            with suppress(apsw.Error):
                connection.wal_checkpoint(schema)
        elif pages >= LONG and not self._under_way:
            self._under_way = True
            with suppress(RuntimeError):  # It is closed: whoever closes the file writes it back.
                self._thread.submit(self._write_back, connection.filename)
        return apsw.SQLITE_OK

    def close(self) -> None:
        """Wait for what is under way."""
        self._thread.shutdown()

    def _write_back(self, path: str) -> None:
        """Write back as much as nobody still reads; the next commit has the rest written."""
        try:
            with suppress(apsw.Error):
                connection = apsw.Connection(path, flags=apsw.SQLITE_OPEN_READWRITE)
                try:
                    connection.pragma("schema_version")  # Until it reads, it knows of no log.
                    connection.wal_checkpoint()
                finally:
                    connection.close()
        finally:
            self._under_way = False
