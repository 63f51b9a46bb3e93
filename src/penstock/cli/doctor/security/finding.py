"""What was found of one row of the checklist, and how the row stands by it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from penstock.domain.checklist import Requirement


class Grade(StrEnum):
    """How a row stands. ATTENTION: somebody should look. BY_CONSTRUCTION: the code decides."""

    OK = "ok"
    ATTENTION = "attention"
    FAILED = "failed"
    BY_CONSTRUCTION = "by construction"


@dataclass(frozen=True, slots=True)
class Finding:
    """One piece of evidence: what was seen, and what to do about it (empty: nothing)."""

    grade: Grade
    found: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Graded:
    """A row with all that was found of it."""

    row: Requirement
    findings: Sequence[Finding]

    @property
    def grade(self) -> Grade:
        """The worst of what was found; where there is nothing to find, the code holds it."""
        grades = [one.grade for one in self.findings]
        return next((grade for grade in _WORST_FIRST if grade in grades), Grade.BY_CONSTRUCTION)

    def as_json(self) -> dict[str, Any]:
        """Return the row as programs read it."""
        return {
            "id": self.row.id,
            "group": self.row.group,
            "requirement": self.row.text,
            "source": self.row.source,
            "grade": self.grade,
            "evidence": [asdict(one) for one in self.findings],
            "tests": self.row.tests,
        }


_WORST_FIRST: Final = (Grade.FAILED, Grade.ATTENTION, Grade.OK)


def ok(found: str) -> Finding:
    """It is as it should be."""
    return Finding(Grade.OK, found)


def attention(found: str, remedy: str) -> Finding:
    """It holds, but somebody should look."""
    return Finding(Grade.ATTENTION, found, remedy)


def failed(found: str, remedy: str) -> Finding:
    """It does not hold here."""
    return Finding(Grade.FAILED, found, remedy)


def counted(number: int, one: str, more: str = "") -> str:
    """Return a number with its noun: `1 session`, `2 sessions`."""
    return f"{number:,} {one if number == 1 else more or one + 's'}"


def named(names: Sequence[str], most: int = 3) -> str:
    """Return a few names, and how many more there are."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
