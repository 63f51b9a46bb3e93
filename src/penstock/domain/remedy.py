"""What a failure asks of whom: wait, ask the person, or fix the code or the set-up."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class RemedyKind(StrEnum):
    """Who has to act."""

    WAIT = "wait"
    ASK_PERSON = "ask_person"
    FIX_CODE = "fix_code"


@dataclass(frozen=True, slots=True)
class Remedy:
    """What to do about a failure, in words for the person, and until when to wait if that is it."""

    kind: RemedyKind
    text: str
    until: datetime | None = None


def wait(text: str, until: datetime | None = None) -> Remedy:
    """Nobody has to act: it is tried again, at `until` if that is known."""
    return Remedy(RemedyKind.WAIT, text, until)


def ask_person(text: str) -> Remedy:
    """Only the person who owns the connection can mend this."""
    return Remedy(RemedyKind.ASK_PERSON, text)


def fix_code(text: str) -> Remedy:
    """The program or its configuration has to change."""
    return Remedy(RemedyKind.FIX_CODE, text)


def unreadable(rows: int) -> Remedy:
    """Return what to do about so many rows in quarantine."""
    which = "1 row of the bank" if rows == 1 else f"{rows} rows of the bank"
    return fix_code(
        f"{which} could not be read: `penstock quarantine list` says why. "
        "After an update of Penstock, `penstock quarantine retry`."
    )
