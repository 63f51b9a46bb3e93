"""Refusing what is written wrong in a declaration."""

from collections.abc import Iterable, Mapping
from typing import Final

MOST_SECONDS: Final = 366 * 86_400
"""A year: no delay and no rest is longer."""


def require(*, problems: Mapping[str, bool]) -> None:
    """Raise ValueError with the first reason that applies: msgspec adds where it stands."""
    for reason, applies in problems.items():
        if applies:
            raise ValueError(reason)


def unknown(names: Iterable[str], known: Iterable[str]) -> str:
    """Return the names that are not known, for a message; empty where there are none."""
    return ", ".join(sorted(set(names) - set(known)))
