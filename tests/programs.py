"""What a program that a test runs is given to live in."""

import functools
import os
import tempfile
from collections.abc import Mapping

_NO_BYTE_CODE = "PYTHONDONTWRITEBYTECODE"


def surroundings(*more: Mapping[str, str]) -> dict[str, str]:
    """Return this process's environment with `more` in it.

    Where byte code may not be written, each program would compile all that it imports, which takes
    longer than most tests: then they share a folder for it, which goes when the tests end.
    """
    given = {**os.environ}  # noqa: TID251 - a program is given what this one was
    if given.pop(_NO_BYTE_CODE, ""):
        given.setdefault("PYTHONPYCACHEPREFIX", _byte_code().name)
    for each in more:
        given |= each
    return given


@functools.cache
def _byte_code() -> "tempfile.TemporaryDirectory[str]":
    return tempfile.TemporaryDirectory(prefix="penstock-byte-code-", ignore_cleanup_errors=True)
