"""Days as files write them: by the pattern that is agreed, such as `DD.MM.YYYY`."""

import re
from datetime import date
from functools import cache
from typing import Final

from penstock.domain.errors import InvalidInput
from penstock.files.trouble import shown, unreadable

MONTHS: Final = "jan feb mar apr may jun jul aug sep oct nov dec".split()
_PARTS: Final = {
    "YYYY": r"(?P<year>[0-9]{4})",
    "YY": r"(?P<short>[0-9]{2})",
    "MMM": r"(?P<name>[A-Za-z]{3})",
    "MM": r"(?P<month>[0-9]{2})",
    "M": r"(?P<month>[0-9]{1,2})",
    "DD": r"(?P<day>[0-9]{2})",
    "D": r"(?P<day>[0-9]{1,2})",
}
_PIVOT: Final = 70


def check_pattern(pattern: str) -> None:
    """Refuse a pattern that does not say day, month and year once each. Raises InvalidInput."""
    try:
        names = set(_compiled(pattern).groupindex)
    except re.error:
        names = set()
    if len(names) != 3 or not names & {"year", "short"} or not names & {"month", "name"}:  # noqa: PLR2004 - three parts
        raise InvalidInput(f"Write how days are written like DD.MM.YYYY, not {shown(pattern)}.")


def day_by(text: str, pattern: str, line: int) -> date:
    """Read a day that is written exactly as agreed; a time behind it is left. Raises InvalidInput.

    A year of two digits is of this century up to 69.
    """
    found = _compiled(pattern).match(text.strip())
    rest = text.strip()[found.end() :] if found else "?"
    if found and (not rest or rest[0] in " T"):
        day = _day(found.groupdict())
        if day is not None:
            return day
    raise unreadable(
        line, f"{shown(text)} is no day written as {pattern}.", "Say how days are written."
    )


def long_year(short: int) -> int:
    """Return the year of two digits."""
    return (2000 if short < _PIVOT else 1900) + short


def make_day(year: int, month: int, day: int) -> date | None:
    """Return a day, if there is one."""
    try:
        return date(year, month, day)
    except ValueError:
        return None


def _day(parts: dict[str, str]) -> date | None:
    name = parts.get("name", "").lower()
    if name and name not in MONTHS:
        return None
    month = MONTHS.index(name) + 1 if name else int(parts["month"])
    year = int(parts["year"]) if "year" in parts else long_year(int(parts["short"]))
    return make_day(year, month, int(parts["day"]))


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    parts = re.split("(YYYY|YY|MMM|MM|M|DD|D)", pattern)
    return re.compile("".join(_PARTS.get(part) or re.escape(part) for part in parts))
