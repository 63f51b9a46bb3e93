"""`penstock doctor --security`: this installation, graded by the checklist, with the evidence."""

from shutil import get_terminal_size
from typing import Any, Final

import click

from penstock.cli.doctor.check import State
from penstock.cli.doctor.security.finding import Grade, Graded
from penstock.cli.failure import printable
from penstock.domain.errors import PenstockError
from penstock.settings import Settings
from penstock.vault.source import KeySource

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
    from penstock.cli.doctor.security.around import Around, cipher_of
    from penstock.cli.doctor.security.grading import grade
    from penstock.domain.clock import utc_now
    from penstock.store import key_place

    now, place = utc_now(), key_place(settings)
    master: KeySource | PenstockError
    try:
        master = place.look()
    except PenstockError as error:
        master = error
    with store.opened(settings) as database:
        checks = list(store.checks(settings, database, now=now))
        sound = all(check.what not in _NEEDED or check.state is State.OK for check in checks)
        readable = database if sound else None
        around = Around(settings, now, master, cipher_of(readable, place))
        return grade(around, readable, edge.look(settings, now))


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
