"""The table of the security checklist, for docs/security.md."""

from itertools import groupby
from pathlib import Path

from penstock.domain.checklist import Requirement, checklist
from scripts.pages.table import table

ROOT = Path(__file__).resolve().parent.parent.parent


def part() -> str:
    """Return the tables, a group at a time, with how each row is tried."""
    tables = []
    for group, rows in groupby(checklist(), lambda row: row.group):
        head = ["", "what holds", "after", "kept by", "tried by"]
        tables.append(f"### {group}\n\n{table(head, [cells(row) for row in rows])}")
    return "\n".join(tables)


def cells(row: Requirement) -> tuple[str, ...]:
    """Return the cells of one row."""
    shown = f" *The doctor looks at {row.looked_at}.*" if row.looked_at else ""
    kept = ", ".join(f"[{name}](../src/penstock/{name})" for name in row.built.split())
    tried = ", ".join(f"[{path.stem}](../{name(path)})" for path in sorted(ROOT.glob(row.tests)))
    return f"**{row.id}**", row.text + shown, row.source, kept, tried


def name(path: Path) -> str:
    """Return a file's path in the project."""
    return path.relative_to(ROOT).as_posix()
