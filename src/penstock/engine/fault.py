"""What an error that nobody foresaw means for a run: a bug of ours never looks like a success."""

import errno
import sqlite3
from dataclasses import replace
from typing import Final

import sqlalchemy as sa

from penstock.domain import outcome
from penstock.domain.outcome import Ending
from penstock.domain.remedy import fix_code
from penstock.observe.log import get_logger

log = get_logger(__name__)

_DATABASE_AWAY: Final = (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError)
# A limit on the size of files says EFBIG, and SQLite calls what it could not write an I/O error.
_NO_ROOM: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NO_ROOM_IN_SQLITE: Final = frozenset({"database or disk is full", "disk I/O error"})
_NO_ROOM_IN_POSTGRESQL: Final = "53100"


def ending_of(error: Exception, *, connector: str) -> Ending:
    """Log the error whole, and return how the run or the stream ends that met it."""
    log.error("sync.failed", connector=connector, exc_info=error)
    if lacks_room(error):
        ending = outcome.transient("The disk cannot be written to: there is no room left.")
        told = "Make room on the disk. Nothing is lost, and it is tried again by itself."
        return replace(ending, remedy=fix_code(told))
    if isinstance(error, _DATABASE_AWAY):
        return outcome.transient(f"The database did not do its part ({type(error).__name__}).")
    return outcome.contract_broken(f"Penstock itself failed ({type(error).__name__}).")


def lacks_room(error: Exception) -> bool:
    """Say whether it is the disk that is full: the database's, or that of temporary files."""
    if isinstance(error, OSError):
        return error.errno in _NO_ROOM
    cause = error.orig if isinstance(error, sa.exc.DBAPIError) else None
    if isinstance(cause, sqlite3.Error):
        return str(cause) in _NO_ROOM_IN_SQLITE
    return getattr(cause, "sqlstate", None) == _NO_ROOM_IN_POSTGRESQL
