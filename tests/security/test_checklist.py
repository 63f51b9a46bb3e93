"""The checklist is whole: each row has its attack, is graded, and is shown with what keeps it."""

import ast
import re
from pathlib import Path

import pytest

from penstock.cli.doctor.security.grading import rows_looked_at
from penstock.domain.checklist import GROUPS, Requirement, checklist

ROOT = Path(__file__).resolve().parent.parent.parent
HERE = Path(__file__).resolve().parent
SIZES = {"L": 9, "T": 5, "R": 7, "C": 7, "O": 9, "K": 5, "W": 3, "X": 4}
IDS = [f"{group}{number}" for group, last in SIZES.items() for number in range(1, last + 1)]
NAMED = re.compile(r"test_(?P<id>[a-z]\d+)_\w+\.py")


def test_no_row_is_missing() -> None:
    """L1 to L9, T1 to T5, R1 to R7, C1 to C7, O1 to O9, K1 to K5, W1 to W3, X1 to X4."""
    assert [row.id for row in checklist()] == IDS
    assert list(GROUPS) == list(SIZES)


@pytest.mark.parametrize("row", checklist(), ids=lambda row: row.id)
def test_a_row_has_its_attack(row: Requirement) -> None:
    """Each row has a test file of its own, in which a test says that it keeps this row."""
    promises = [text for path in ROOT.glob(row.tests) for text in promises_of(path)]
    assert any(re.search(rf"\b{row.id}\b", text) for text in promises), row.tests


@pytest.mark.parametrize("row", checklist(), ids=lambda row: row.id)
def test_a_row_says_where_it_is_kept(row: Requirement) -> None:
    """Each module that a row names is there; and it says what rule it follows."""
    assert row.source
    assert row.built
    gone = [name for name in row.built.split() if not (ROOT / "src/penstock" / name).is_file()]
    assert gone == []


def test_no_attack_is_on_a_row_that_is_none() -> None:
    """Every test file here is of a row of the checklist, but for this one."""
    files = {path.name for path in HERE.glob("test_*.py")} - {Path(__file__).name}
    found = {name: NAMED.fullmatch(name) for name in files}
    assert {
        name for name, match in found.items() if not match or match["id"].upper() not in IDS
    } == (set())


def test_what_is_said_to_be_looked_at_is_looked_at() -> None:
    """The doctor has a probe for each row of which a running installation shows something."""
    assert rows_looked_at() == {row.id for row in checklist() if row.looked_at}


def promises_of(path: Path) -> list[str]:
    """Return the docstring of every test of a file."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tests = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    return [ast.get_docstring(one) or "" for one in tests if one.name.startswith("test_")]
