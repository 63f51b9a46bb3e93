"""What a CSV file looks like: a proposal for its mapping, shown to a person, never used unasked."""

from collections import Counter
from dataclasses import dataclass
from typing import Final

from penstock.domain.errors import InvalidInput
from penstock.files.csv import lines_of
from penstock.files.text import decode, marked

_DELIMITERS: Final = ";,\t|"
_LOOKED_AT: Final = 40
_SHOWN: Final = 5


@dataclass(frozen=True, slots=True)
class Proposal:
    """How the file seems to be cut: by which encoding and delimiter, after how many lines.

    `columns` are its header's names, `lines` its first lines below. How days and amounts are
    written is for the person to say.
    """

    encoding: str
    delimiter: str
    skip: int
    columns: list[str]
    lines: list[list[str]]


def propose(content: bytes) -> Proposal:
    """Look at a file. Raises InvalidInput where it is no text in lines and columns."""
    encoding = marked(content) or ("utf-8" if _is_utf8(content) else "cp1252")
    text = decode(content)
    head = "\n".join(text.splitlines()[:_LOOKED_AT])
    found = max((_cut(head, one) for one in _DELIMITERS), key=lambda cut: (cut[0], cut[1]))
    width, _, delimiter, lines = found
    if width <= 1:
        raise InvalidInput("No columns can be seen in this file.")
    first = next(place for place, fields in lines if len(fields) == width)
    table = [fields for place, fields in lines if place >= first]
    return Proposal(
        encoding.removesuffix("-sig"), delimiter, first - 1, table[0], table[1 : _SHOWN + 1]
    )


def _cut(head: str, delimiter: str) -> tuple[int, int, str, list[tuple[int, list[str]]]]:
    """Return how many columns most lines have with this delimiter, how many lines, and the cut."""
    try:
        lines = lines_of(head, delimiter, '"')
    except InvalidInput:
        lines = []
    widths = Counter(len(fields) for _, fields in lines if len(fields) > 1)
    width, count = max(widths.items(), key=lambda one: (one[1], one[0]), default=(0, 0))
    return width, count, delimiter, lines


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
