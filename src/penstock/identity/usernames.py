"""User names: one way of writing each, so that nobody can look like somebody else."""

import re
from typing import Final

from penstock.domain.errors import InvalidInput

_SHAPE: Final = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}")


def new_username(text: str) -> str:
    """Return a name as it is stored. Raises InvalidInput for what cannot be one."""
    name = known_username(text)
    if not name:
        raise InvalidInput(
            "A user name is 1 to 64 of a-z, 0-9 and . _ @ + - and begins with a letter or a digit."
        )
    return name


def known_username(text: str) -> str:
    """Return a name as it is looked up: capitals count as small letters.

    What can be nobody's name is the empty text: it finds nobody, and troubles no database.
    """
    name = text.strip().lower()
    return name if _SHAPE.fullmatch(name) else ""
