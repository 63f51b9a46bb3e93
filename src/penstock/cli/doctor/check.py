"""One thing that was looked at: how it stands, what was found, what to do."""

from dataclasses import asdict, dataclass
from enum import StrEnum


class State(StrEnum):
    """How it stands. WARN: it works, but somebody should look."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Check:
    """`what` was looked at, `found` says what is the case, `remedy` what to do about it."""

    what: str
    state: State
    found: str
    remedy: str = ""

    def as_json(self) -> dict[str, str]:
        """Return the check as programs read it."""
        return asdict(self)


def ok(what: str, found: str) -> Check:
    """It is as it should be."""
    return Check(what, State.OK, found)


def warn(what: str, found: str, remedy: str) -> Check:
    """It works, but somebody should look."""
    return Check(what, State.WARN, found, remedy)


def fail(what: str, found: str, remedy: str) -> Check:
    """It does not work."""
    return Check(what, State.FAIL, found, remedy)
