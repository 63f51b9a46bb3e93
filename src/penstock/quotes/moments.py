"""Dates and times of day in a price's text, where they can be nothing else."""

import re
from typing import Final

_TIME: Final = r"(?:[01]?\d|2[0-4]):[0-5]\d(?::[0-5]\d(?:\.\d{1,6})?)?"
_BEFORE: Final = r"(?<![\w.,:/'+-])"
_BEHIND: Final = r"(?![\w:/'+-]|[.,]\d)"
_MOMENT: Final = re.compile(
    rf"{_BEFORE}(?:"
    rf"(?P<year>\d{{4}})(?P<mark>[-/.])(?P<month>\d{{1,2}})(?P=mark)(?P<day>\d{{1,2}})"
    rf"(?:[T ]{_TIME}(?:Z|[+-]\d\d:?\d\d)?)?"
    r"|(?P<one>\d{1,2})(?P<sign>[-/.])(?P<two>\d{1,2})(?P=sign)\d{4}"
    rf"|{_TIME}(?:[ \u00a0\u202f]?[AaPp]\.?[Mm]\b\.?)?"
    rf"){_BEHIND}"
)
_EMPTY_BRACKETS: Final = re.compile(r"\(\s*\)")


def without_moments(text: str) -> tuple[str, bool]:
    """Return the text without its dates and times of day, and whether it had any.

    A date has a year of four digits and two marks alike; a time has a colon.
    """
    bare, count = _MOMENT.subn(_blank, text)
    changed = count > 0 and bare != text
    return (_EMPTY_BRACKETS.sub(" ", bare) if changed else text), changed


def _blank(found: re.Match[str]) -> str:
    if found["year"]:
        real = _is_day(found["month"], found["day"])
    elif found["one"]:
        real = _is_day(found["one"], found["two"]) or _is_day(found["two"], found["one"])
    else:
        real = True
    # A line break, so that what stood on either side is not read as one number.
    return "\n" if real else found[0]


def _is_day(month: str, day: str) -> bool:
    return 1 <= int(month) <= 12 and 1 <= int(day) <= 31  # noqa: PLR2004 - a calendar
