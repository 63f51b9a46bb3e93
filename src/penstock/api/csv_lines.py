"""Rows as CSV (RFC 4180), safe to open in a spreadsheet and exact to read back.

A text cell that begins with a sign that a spreadsheet takes for a formula gets an apostrophe before
it, and so does one that begins with an apostrophe: who reads the file takes one leading apostrophe
off and has the text again. Amounts are numbers and stay as they are. An empty cell is null, `""` is
the empty text, as PostgreSQL reads them.
"""

import re
from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, Final

_FORMULA: Final = frozenset("=+-@\t\r\n＝＋－＠'")  # noqa: RUF001 - spreadsheets take the wide ones too
_QUOTED: Final = re.compile(r'[",\r\n]')
_END: Final = "\r\n"


def head(columns: Iterable[str]) -> bytes:
    """Return the first line: the names of the columns."""
    return (",".join(columns) + _END).encode()


def lines(rows: Iterable[Sequence[Any]], amounts: frozenset[int]) -> bytes:
    """Return rows as lines. `amounts` are the places of the cells that are numbers."""
    return "".join(
        ",".join(
            (value or "") if place in amounts else _cell(value) for place, value in enumerate(row)
        )
        + _END
        for row in rows
    ).encode()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    raise TypeError(f"a cell cannot hold a {type(value).__name__}")


def _text(text: str) -> str:
    if text[:1] in _FORMULA:
        text = f"'{text}"
    if not text or _QUOTED.search(text):
        return '"' + text.replace('"', '""') + '"'
    return text
