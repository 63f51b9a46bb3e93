"""Temporary folders that know whose they are, so that what a killed run left can be removed."""

import os
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Final

_MEMORY: Final = Path("/dev/shm")  # noqa: S108 - private folders are made in it
_ROOM: Final = 2 << 30


def make_folder(prefix: str, within: Path | None = None) -> Path:
    """Make a private folder, and remove those of runs that were killed."""
    within = within or Path(tempfile.gettempdir())
    _sweep(within, prefix)
    return Path(tempfile.mkdtemp(prefix=f"{prefix}{os.getpid()}-", dir=within))


def quick_place() -> Path:
    """Return a folder in memory where there is one with room, else the temporary folder.

    A database for each test is thousands of files: on a disk they are most of a run's time.
    """
    usual = Path(tempfile.gettempdir())
    if not sys.platform.startswith("linux") or not os.access(_MEMORY, os.W_OK):
        return usual
    found = os.statvfs(_MEMORY)
    room = found.f_bavail * found.f_frsize >= _ROOM
    return _MEMORY if room and not found.f_flag & os.ST_NOEXEC else usual


def _sweep(within: Path, prefix: str) -> None:
    for folder in within.glob(f"{prefix}*"):
        owner = re.match(rf"{re.escape(prefix)}(\d+)-", folder.name)
        if owner and not _is_alive(int(owner[1])):
            shutil.rmtree(folder, ignore_errors=True)


def _is_alive(process: int) -> bool:
    if sys.platform == "win32":
        return True  # to ask there with os.kill would end it
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
