"""What a program that a test runs is given to live in."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path

_NO_BYTE_CODE = "PYTHONDONTWRITEBYTECODE"


def surroundings(*more: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with `more` in it."""
    given = {**os.environ}  # noqa: TID251 - a program is given what this one was
    for each in more:
        given |= each
    return given


def share_byte_code(folder: Path) -> None:
    """Where byte code may not be written beside the sources, keep it in this folder.

    Else each worker, and each program that a test runs, would compile all that it imports, which
    takes longer than most tests. The folder may be an old one: what has changed is compiled again.
    """
    if sys.dont_write_bytecode:
        os.environ.pop(_NO_BYTE_CODE, None)  # noqa: TID251 - for those that are started later
        os.environ["PYTHONPYCACHEPREFIX"] = str(folder)  # noqa: TID251 - as above
        sys.pycache_prefix = str(folder)
        sys.dont_write_bytecode = False
