"""A lock between processes: whoever refreshes the session does so alone."""

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path`, waiting for whoever has it. The system frees it if we die.

    The file stays behind: removing it would let two processes hold two files of one name.
    """
    number = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
    try:
        _acquire(number)
        try:
            yield
        finally:
            _release(number)
    finally:
        os.close(number)


if sys.platform == "win32":
    import msvcrt

    def _acquire(number: int) -> None:
        while True:
            with contextlib.suppress(OSError):  # it gives up by itself after ten seconds
                msvcrt.locking(number, msvcrt.LK_LOCK, 1)
                return

    def _release(number: int) -> None:
        os.lseek(number, 0, os.SEEK_SET)
        msvcrt.locking(number, msvcrt.LK_UNLCK, 1)

else:
    import fcntl

    def _acquire(number: int) -> None:
        fcntl.flock(number, fcntl.LOCK_EX)

    def _release(number: int) -> None:
        fcntl.flock(number, fcntl.LOCK_UN)
