"""Points, commas, spaces and apostrophes, and which of them is the decimal one.

A run of digits is read the way its locale writes numbers, and only that way: a text that says
otherwise comes from a source that changed its habits, and is refused. Without a locale it is
read only where every way of reading it leads to the same number. `Unreadable` is the refusal.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

PLAIN_SPACE: Final = " "
NARROW_SPACE: Final = "\u00a0"
"""Stands for every space that keeps what is left and right of it together."""

NARROW_SPACES: Final = "\u00a0\u202f\u2009\u2007\u2008\u2006\u2005\u200a"
APOSTROPHE: Final = "'"
TYPESET_APOSTROPHE: Final = "\u2019"
ARABIC_DECIMAL: Final = "\u066b"
ARABIC_GROUP: Final = "\u066c"

MARKS: Final = ".,'\u2019\u2018\u02bc\u066b\u066c\u060c\u2e41"
"""What may stand between digits, spaces aside."""

_SAME: Final = {
    **dict.fromkeys(NARROW_SPACES, NARROW_SPACE),
    "\u2018": TYPESET_APOSTROPHE,
    "\u02bc": TYPESET_APOSTROPHE,
}
_NEVER_DECIMAL: Final = frozenset(
    [PLAIN_SPACE, NARROW_SPACE, APOSTROPHE, TYPESET_APOSTROPHE, ARABIC_GROUP]
)
_KIN: Final = {
    PLAIN_SPACE: NARROW_SPACE,
    APOSTROPHE: TYPESET_APOSTROPHE,
}
_SPLIT: Final = re.compile(r"(\D)")


class Unreadable(ValueError):
    """The digits cannot be told apart from their separators."""


@dataclass(frozen=True, slots=True)
class Notation:
    """How a locale writes numbers: its decimal signs, its group signs, its group sizes.

    `sizes` are CLDR's primary and secondary group: (3, 3) for 1,234,567 and (3, 2) for 12,34,567.
    """

    decimals: frozenset[str]
    groups: frozenset[str]
    sizes: tuple[int, int] = (3, 3)


@dataclass(frozen=True, slots=True)
class Digits:
    """A number without its sign: the digits before and after the decimal sign."""

    whole: str
    fraction: str


def canonical_mark(mark: str) -> str:
    """Return the sign that stands for all that look and work like this one."""
    return _SAME.get(mark, mark)


def read_digits(run: str, notation: Notation | None, *, decimal: str | None = None) -> Digits:
    """Read ASCII digits with separators between them: `1.234,56`, `.89`, `1 234`.

    `decimal` is a decimal sign already seen behind the run (`5.-`): then the run is a whole
    number, grouped by anything but that sign. Raises Unreadable.
    """
    parts = _SPLIT.split(run)
    groups, marks = parts[::2], [canonical_mark(mark) for mark in parts[1::2]]
    readings = {
        reading
        for reading, group, sign in _readings(groups, marks, notation)
        if not (decimal and (reading.fraction or group == decimal))
        and _allowed(group, sign, len(groups), notation)
    }
    if len(readings) != 1:
        raise Unreadable(
            "it can be read in more than one way" if readings else "its digits are grouped oddly"
        )
    return readings.pop()


def _readings(
    groups: list[str], marks: list[str], notation: Notation | None
) -> Iterator[tuple[Digits, str | None, str | None]]:
    """Yield each sound reading with the group sign and the decimal sign that it takes."""
    if len(set(marks)) <= 1 and _grouped(groups, marks, notation):
        yield Digits("".join(groups), ""), marks[0] if marks else None, None
    if not marks or marks[-1] in _NEVER_DECIMAL or marks[-1] in marks[:-1]:
        return
    whole, before = groups[:-1], marks[:-1]
    if len(set(before)) <= 1 and (whole == [""] or _grouped(whole, before, notation)):
        yield Digits("".join(whole), groups[-1]), before[0] if before else None, marks[-1]


def _grouped(groups: list[str], marks: list[str], notation: Notation | None) -> bool:
    """Say whether the groups have sizes that somebody writes, without zeros in front."""
    first, *rest = map(len, groups)
    if first == 0 or (groups[0][0] == "0" and len("".join(groups)) > 1):
        return False
    if not rest:
        return True
    if all(size == 3 for size in rest):  # noqa: PLR2004 - thousands
        return first <= 3  # noqa: PLR2004 - thousands
    sizes = {(3, 2)} if marks[0] == "," else set()
    if notation and marks[0] in notation.groups:
        sizes.add(notation.sizes)
    return any(
        rest[-1] == last and first <= others and all(size == others for size in rest[:-1])
        for last, others in sizes
    )


def _allowed(group: str | None, sign: str | None, count: int, notation: Notation | None) -> bool:
    """Say whether these roles for the signs are the locale's, or beyond doubt without one."""
    decimals = (notation.decimals if notation else frozenset(".,")) | {ARABIC_DECIMAL}
    if sign is not None and sign not in decimals:
        return False
    if group is None:
        return True
    if group == ARABIC_DECIMAL or (notation and group in decimals):
        return False
    single = sign is None and count == 2  # noqa: PLR2004 - one group sign
    return _groups_here(group, single, notation)


def _groups_here(group: str, single: bool, notation: Notation | None) -> bool:  # noqa: FBT001 - private
    """Say whether a sign that is no decimal one groups digits; `single` ones prove nothing."""
    if notation and (group in notation.groups or _KIN.get(group) in notation.groups):
        return True
    if group in (NARROW_SPACE, TYPESET_APOSTROPHE, ARABIC_GROUP):
        return True
    if notation is None:
        return not single or group in ".,"
    # Two numbers side by side look like groups with a space between them.
    return not single and group != PLAIN_SPACE
