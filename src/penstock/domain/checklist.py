"""What Penstock promises about security, row by row: the one list that all others are made from.

docs/security.md shows it, each row has its attack in `tests/security/test_<id>_….py`, and `penstock
doctor --security` grades an installation by it. The rows stand in checklist.toml; they are made of
RFC 9700 (OAuth security), RFC 8725 (JWT), OWASP ASVS 5.0 and FAPI 2.0.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

GROUPS: Final[Mapping[str, str]] = {
    "L": "Signing in",
    "T": "Access tokens",
    "R": "Refresh tokens and sessions",
    "C": "Programs that ask for a person's data",
    "O": "Towards banks",
    "K": "Keys and secrets",
    "W": "In the browser",
    "X": "The API and what it keeps",
}
"""What the first letter of an id stands for."""

_FILE: Final = Path(__file__).with_suffix(".toml")


@dataclass(frozen=True, slots=True)
class Requirement:
    """One row.

    `source` is the rule that it follows. `built` names the modules that keep it, below
    src/penstock, between spaces. `looked_at` says what of a running installation shows whether it
    holds there; empty: it holds by the code alone, and nothing that is set or stored can change it.
    """

    id: str
    text: str
    source: str
    built: str
    looked_at: str = ""

    @property
    def group(self) -> str:
        """What the row is about."""
        return GROUPS[self.id[0]]

    @property
    def tests(self) -> str:
        """The pattern of the files that attack it, from the project's folder."""
        return f"tests/security/test_{self.id.lower()}_*.py"


@cache
def checklist() -> tuple[Requirement, ...]:
    """Return every row, in the order of the groups."""
    rows = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    return tuple(Requirement(id=name, **row) for name, row in rows.items())
