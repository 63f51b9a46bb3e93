"""Which ids of a file name one row each (sync.md 13): blank, `0` and reused ones are none."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Final

from penstock.domain.imported import FileRow

_NO_ID: Final = frozenset(["", "0", "NONE", "N/A", "NOTPROVIDED", "NONREF", "NULL"])


def told_apart(rows: Iterable[FileRow]) -> list[FileRow]:
    """Take no id for one that was given to rows which say different things.

    A row that is told twice under its id, word for word, is one.
    """
    listed = [row if _is_id(row.id) else row._replace(id="") for row in rows]
    by_id: dict[str, dict[tuple[object, ...], FileRow]] = defaultdict(dict)
    for row in listed:
        if row.id:
            by_id[row.id].setdefault(row.says, row)
    kept = []
    for row in listed:
        same = by_id.get(row.id)
        if same is None:
            kept.append(row)
        elif same[row.says] is row:
            kept.append(row if len(same) == 1 else row._replace(id=""))
    return kept


def _is_id(text: str) -> bool:
    return text.strip().upper() not in _NO_ID and bool(text.strip("0 "))
