"""What goes to whom: answers to stdout, everything else to stderr."""

import re
import sys
from collections.abc import AsyncIterable, Iterable, Sequence
from typing import Any, Final

import click

from penstock.cli.failure import printable

# What JSON may hold as it is, and a terminal takes for orders: C1 controls, marks of direction.
_STEERING: Final = re.compile("[\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]")


def prepare_streams() -> None:
    """Let both streams write every character, whatever the surroundings think they can show.

    What goes into a file or a pipe is UTF-8. A terminal keeps its own encoding, and a character
    that it lacks is written as its number.
    """
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is None:
            continue
        if stream.isatty():
            reconfigure(errors="backslashreplace")
        else:
            reconfigure(encoding="utf-8", errors="backslashreplace")


def say(text: str = "") -> None:
    """Tell the person something that is not the answer itself: on stderr."""
    click.echo(printable(text), err=True)


def is_watched() -> bool:
    """Tell whether a person sees stderr, so that a live display makes sense."""
    return sys.stderr.isatty()


def can_ask() -> bool:
    """Tell whether a person can be asked something."""
    return sys.stdin.isatty()


def print_json(value: Any) -> None:
    """Print one JSON value on stdout."""
    click.echo(_encode(value, indent=2))


async def print_json_array(values: AsyncIterable[Any]) -> int:
    """Print a JSON array on stdout, one value a line, as they come; return how many there were."""
    count = 0
    async for value in values:
        sys.stdout.write("[\n" if count == 0 else ",\n")
        sys.stdout.write(_encode(value))
        count += 1
    sys.stdout.write("\n]\n" if count else "[]\n")
    sys.stdout.flush()
    return count


def print_table(
    headings: Sequence[str], rows: Iterable[Iterable[Any]], *, right: Sequence[str] = ()
) -> None:
    """Print a table on stdout. Columns whose headings are in `right` are right-aligned.

    A cell is a text or a rich Text; a text is shown as it is, never read as markup. In a file or
    a pipe nothing is cut, wrapped or coloured.
    """
    cells = [[_plain(one) if isinstance(one, str) else one for one in row] for row in rows]
    sides = ["right" if title in right else "left" for title in headings]
    (_print_for_people if sys.stdout.isatty() else _print_for_programs)(headings, cells, sides)


def print_facts(facts: Iterable[tuple[str, str]]) -> None:
    """Print names and what is true of each, one a line, on stdout."""
    lines = [(name, printable(fact)) for name, fact in facts]
    width = max(len(name) for name, _ in lines)
    for name, fact in lines:
        click.echo(f"{click.style(name.ljust(width), dim=True)}  {fact}")


def _print_for_people(titles: Sequence[str], rows: list[list[Any]], sides: list[Any]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for title, side in zip(titles, sides, strict=True):
        table.add_column(Text(title), justify=side, overflow="fold")
    for row in rows:
        table.add_row(*(one if isinstance(one, Text) else Text(str(one)) for one in row))
    Console(file=sys.stdout, highlight=False, markup=False).print(table)


def _print_for_programs(titles: Sequence[str], rows: list[list[Any]], sides: list[Any]) -> None:
    table = [titles, *([str(one) for one in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = (
            cell.rjust(width) if side == "right" else cell.ljust(width)
            for cell, width, side in zip(row, widths, sides, strict=True)
        )
        click.echo("  ".join(cells).rstrip())


def _plain(text: str) -> str:
    return printable(text).replace("\n", " ")


def _encode(value: Any, *, indent: int | None = None) -> str:
    """Write JSON in which nothing is left that a terminal would obey."""
    import json

    text = json.dumps(value, ensure_ascii=False, indent=indent, allow_nan=False)
    return _STEERING.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
