"""`penstock doctor --security`: this installation, graded by the checklist, with the evidence."""

import contextlib
from datetime import datetime
from shutil import get_terminal_size
from typing import TYPE_CHECKING, Any, Final

import click
from sqlalchemy.exc import SQLAlchemyError

from penstock.cli.doctor.check import State
from penstock.cli.doctor.security.finding import Grade, Graded
from penstock.cli.failure import printable
from penstock.domain.errors import PenstockError
from penstock.settings import Settings

if TYPE_CHECKING:
    from penstock.cli.doctor.security.around import Around
    from penstock.db.lane import Database

_STYLE: Final = {
    Grade.OK: "green",
    Grade.ATTENTION: "yellow",
    Grade.FAILED: "red",
    Grade.BY_CONSTRUCTION: "blue",
}
_WIDTH: Final = max(len(grade) for grade in Grade)
_MARGIN: Final = " " * (_WIDTH + 6)


def examine(settings: Settings) -> list[Graded]:
    """Look at everything, and return each row of the checklist with its evidence."""
    from penstock.cli.doctor import store
    from penstock.cli.doctor.security import edge
    from penstock.cli.doctor.security.grading import grade
    from penstock.domain.clock import utc_now

    now = utc_now()
    with store.opened(settings) as database:
        around = _around(settings, database, now)
        checks = list(store.checks(settings, database, now=now))
        sound = all(check.what not in _NEEDED or check.state is State.OK for check in checks)
        return grade(around, database if sound else None, edge.look(settings, now))


def _around(settings: Settings, database: "Database | None", now: datetime) -> "Around":
    """Find the master key, and open the vault with it as far as that goes."""
    from penstock.cli.doctor.security.around import Around
    from penstock.db.migrations import revisions
    from penstock.engine.unlock import peek
    from penstock.store import key_place
    from penstock.vault.source import LocalKey

    place, vault = key_place(settings), None
    try:
        source = place.look()
    except PenstockError as error:
        return Around(settings, now, error)
    with contextlib.suppress(PenstockError, SQLAlchemyError):  # a row of K5 says so
        if database is not None and database.read_now(revisions).newest:
            vault = peek(database, place).cipher
    return Around(settings, now, source.key if isinstance(source, LocalKey) else source, vault)


_NEEDED: Final = frozenset({"database", "schema"})


def as_json(rows: list[Graded]) -> dict[str, Any]:
    """Return all rows as programs read them."""
    counts = {grade.value: sum(row.grade is grade for row in rows) for grade in Grade}
    return {"ok": not counts[Grade.FAILED], "counts": counts, "rows": [r.as_json() for r in rows]}


def show(rows: list[Graded]) -> None:
    """Print every row for a person, the evidence below its promise."""
    group = ""
    for one in rows:
        if one.row.group != group:
            group = one.row.group
            click.echo(("" if one is rows[0] else "\n") + click.style(group, bold=True))
        _print(one)
    counts = as_json(rows)["counts"]
    click.echo("\n" + ", ".join(f"{number} {name}" for name, number in counts.items() if number))


def _print(one: Graded) -> None:
    grade = click.style(f"{one.grade:<{_WIDTH}}", fg=_STYLE[one.grade], bold=True)
    click.echo(f"{one.row.id}  {grade}  {_folded(one.row.text)}")
    if not one.findings:
        click.echo(_MARGIN + _folded(f"tried by {one.row.tests}"))
    for finding in one.findings:
        mark = "" if finding.grade is one.grade else f"{finding.grade}: "
        click.echo(_MARGIN + _folded(f"- {mark}{printable(finding.found)}"))
        if finding.remedy:
            click.echo(_MARGIN + _folded(f"  {printable(finding.remedy)}"))


def _folded(text: str) -> str:
    """Return a text in lines that fit the terminal, all but the first behind the margin."""
    width = max(60, get_terminal_size().columns)
    return click.wrap_text(text, width, _MARGIN, _MARGIN).removeprefix(_MARGIN)
