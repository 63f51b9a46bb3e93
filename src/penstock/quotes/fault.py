"""What is wrong with a declaration that somebody wrote: which field, on which line, and why."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

Steps = tuple[str | int, ...]
"""The way to a field: `("extract", 1, "price")` for the price of the second `[[extract]]`."""

_AT: Final = re.compile(r" - at `(?:key in )?\$(?P<path>[^`]*)`$")
_NAMED: Final = re.compile(r"(?:required|unknown) field `(?P<name>[^`]+)`")
_LINE: Final = re.compile(r" \(at line (?P<line>\d+), column \d+\)$")
_END: Final = re.compile(r" \(at end of document\)$")
_STEP: Final = re.compile(r"\.?(?P<name>[\w-]+)|\[(?P<place>\d+)\]|\[\.\.\.\]")
_HEADER: Final = re.compile(r"\s*(?P<open>\[\[?)\s*(?P<name>[\w.\"' -]+?)\s*\]")
_KEY: Final = re.compile(r"\s*(?P<name>[\w.\"'-]+)\s*=(?P<value>.*)", re.DOTALL)
_LONG: Final = ("'''", '"""')


@dataclass(frozen=True, slots=True)
class Fault:
    """`field` is written as in the file, `golden[0].price`; `line` counts from 1, None: unknown."""

    field: str
    why: str
    line: int | None = None

    def __str__(self) -> str:
        place = f"line {self.line}" if self.line else ""
        where = ", ".join(filter(None, [place, self.field]))
        return f"{where}: {self.why}" if where else self.why


def fault_in(text: str, error: Exception) -> Fault:
    """Return the fault that a decoder found in a TOML text, with the line where it can be told."""
    message = str(error).strip()
    syntax = _LINE.search(message)
    if syntax or _END.search(message):
        line = int(syntax["line"]) if syntax else max(1, len(text.splitlines()))
        return Fault("", (_LINE if syntax else _END).sub("", message), line)
    at, named = _AT.search(message), _NAMED.search(message)
    steps = _steps(at["path"]) if at else ()
    if named:
        steps = (*steps, named["name"])
    return located(text, steps, _AT.sub("", message))


def located(text: str, steps: Steps, why: str) -> Fault:
    """Return the fault of a field, with the line that the field, or what it is in, stands on."""
    lines = dict(_lines(text))
    near = (lines[steps[:end]] for end in range(len(steps), 0, -1) if steps[:end] in lines)
    return Fault(_written(steps), why, next(near, None))


def _steps(path: str) -> Steps:
    return tuple(
        int(found["place"]) if found["place"] else found["name"]
        for found in _STEP.finditer(path)
        if found["place"] or found["name"]
    )


def _written(steps: Steps) -> str:
    parts = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps)
    return "".join(parts).removeprefix(".")


def _lines(text: str) -> Iterator[tuple[Steps, int]]:
    """Yield where each table begins, and where each key stands: enough of TOML for people."""
    table: Steps = ()
    counts: dict[Steps, int] = {}
    within = ""
    for number, line in enumerate(text.splitlines(), 1):
        if within:
            within = "" if within in line else within
            continue
        header, key = _HEADER.match(line), _KEY.match(line)
        if header:
            table = _names(header["name"])
            if header["open"] == "[[":
                counts[table] = counts.get(table, -1) + 1
                table = (*table, counts[table])
            yield table, number
        elif key:
            yield (*table, *_names(key["name"])), number
            within = _left_open(key["value"])


def _names(written: str) -> tuple[str, ...]:
    return tuple(part.strip(" \"'") for part in written.split("."))


def _left_open(value: str) -> str:
    """Return the mark of a text that goes on behind its line, empty where there is none."""
    return next((mark for mark in _LONG if value.count(mark) % 2), "")
