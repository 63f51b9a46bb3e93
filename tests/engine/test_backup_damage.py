"""A backup that is not what was written is refused, before anything is restored."""

import gzip
import io
from collections.abc import Callable

import pytest

from penstock.db import dump
from penstock.engine.backup_file import BackupDamaged, verify
from tests.databases import Database as Place
from tests.databases import Databases
from tests.engine.backups import lived_in, opened, put_back, saved


def test_what_was_cut_short_is_refused(database: Place, databases: Databases) -> None:
    """A backup that ends early anywhere is found out, and nothing of it stays."""
    whole = saved(database.url).getvalue()
    for length in {0, 1, 10, len(whole) // 3, len(whole) // 2, len(whole) - 9, len(whole) - 1}:
        with pytest.raises(BackupDamaged):
            verify(io.BytesIO(whole[:length]))
    with databases.empty() as place:
        with pytest.raises(BackupDamaged):
            put_back(place.url, io.BytesIO(whole[: len(whole) * 2 // 3]))
        with opened(place.url) as left:
            assert left.read_now(dump.is_empty)


def test_what_was_altered_is_refused(sqlite_database: Place) -> None:
    """A bit that is not as it was changes no row: it is found out before anything is restored."""
    lived_in(sqlite_database.url)
    whole = saved(sqlite_database.url).getvalue()
    for place in range(0, len(whole), max(1, len(whole) // 300)):
        wrong = bytearray(whole)
        wrong[place] ^= 1 << (place % 8)
        try:
            verify(io.BytesIO(wrong))
        except BackupDamaged:
            continue  # else it was a bit that says nothing: a time stamp of gzip, a bit that fills
        assert gzip.decompress(wrong) == gzip.decompress(whole)
    with pytest.raises(BackupDamaged, match="more behind"):
        verify(io.BytesIO(whole + whole))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda lines: lines[:-1] + lines[-1:] * 2, "more behind"),
        (lambda lines: lines[:5] + lines[6:], "rows|order|checksum|fit|altered"),
        (lambda lines: [lines[0].replace(b'"0023"', b'"0015"'), *lines[1:]], "checksum"),
        (lambda lines: [lines[0].replace(b":1}", b":9}"), *lines[1:]], "newer"),
        (lambda lines: [lines[0].replace(b"penstock-", b"somebody-"), *lines[1:]], "not a backup"),
        (lambda lines: [b"[]\n"] * len(lines), "not a backup"),
        (lambda lines: [lines[0], *lines[1:2] * 2], "not the rows"),
    ],
    ids=["twice the end", "a line less", "schema", "format", "program", "no object", "no table"],
)
def test_lines_that_were_moved_are_refused(
    sqlite_database: Place, change: Callable[[list[bytes]], list[bytes]], said: str
) -> None:
    """What was packed anew after a line was dropped, moved or rewritten is refused too."""
    lines = gzip.decompress(saved(sqlite_database.url).getvalue()).splitlines(keepends=True)
    with pytest.raises(BackupDamaged, match=said):
        verify(io.BytesIO(gzip.compress(b"".join(change(lines)))))
