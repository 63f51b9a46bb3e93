"""How a reader says what is wrong with a file, and where."""

from penstock.domain.errors import InvalidInput
from penstock.domain.remedy import ask_person

_SHOWN = 60


def unreadable(where: int | str, what: str, remedy: str = "") -> InvalidInput:
    """Return the error for a line (or a place that has a name) that cannot be read."""
    place = f"Line {where}" if isinstance(where, int) else where
    cure = remedy or "Download the file again; if it stays so, report what stands there."
    return InvalidInput(f"{place}: {what} Nothing was imported.", remedy=ask_person(cure))


def shown(text: str) -> str:
    """Return a text of the file as it stands in a message."""
    return repr(text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…")
