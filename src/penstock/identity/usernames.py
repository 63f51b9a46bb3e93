"""User names: one way of writing each, so that nobody can look like somebody else."""

import re
from typing import Final

from penstock.domain.errors import InvalidInput

_SHAPE: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")


def new_username(text: str) -> str:
    """Return a name as it is stored. Raises InvalidInput for what cannot be one."""
    name = plain_username(text)
    if not _SHAPE.fullmatch(name):
        raise InvalidInput(
            "A user name is 1 to 64 of a-z, 0-9 and . _ @ + - and begins with a letter or a digit."
        )
    return name


def plain_username(text: str) -> str:
    """Return a name as it is compared: capitals count as small letters."""
    return text.strip().lower()
