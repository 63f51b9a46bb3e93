"""What the program runs on."""

import platform
import sys
from collections.abc import Iterator

from penstock.cli.doctor.check import Check, fail, ok
from penstock.db.sqlite_driver import sqlite_version_info

PYTHON = (3, 11)
SQLITE = (3, 35, 0)  # the first with RETURNING


def checks() -> Iterator[Check]:
    """Look at the interpreter and at the SQLite that is used."""
    yield python(sys.version_info[:3], f"{platform.system()} {platform.machine()}")
    yield sqlite(sqlite_version_info)


def python(version: tuple[int, ...], system: str) -> Check:
    """Look at the interpreter."""
    found = f"Python {_dotted(version)} on {system}"
    if version < PYTHON:
        return fail("python", found, f"Penstock needs Python {_dotted(PYTHON)} or newer.")
    return ok("python", found)


def sqlite(version: tuple[int, ...]) -> Check:
    """Look at the database library."""
    found = f"SQLite {_dotted(version)}"
    if version < SQLITE:
        remedy = f"Penstock needs SQLite {_dotted(SQLITE)} or newer: use a newer Python."
        return fail("sqlite", found, remedy)
    return ok("sqlite", found)


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))
