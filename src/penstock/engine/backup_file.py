"""The file that a backup is: gzip over lines of JSON, with a checksum that proves it whole.

The first line says what it is, of which schema, and when it was made. Each table follows: a line
with its name and columns, a line a row, a line with their count. The last line has the SHA-256 of
all lines before it. `gzip -dc FILE | head` shows it to anybody. Bytes are `{"b": "<base64>"}`.

The checksum finds damage, not malice: whoever may write to the file can make it anew. What is
sealed in it stays bound to its row (vault/cipher.py).
"""

import base64
import gzip
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, BinaryIO, Final, NoReturn

import msgspec

from penstock.db.dump import Layout, Value
from penstock.domain.errors import PenstockError
from penstock.domain.remedy import fix_code

FORMAT: Final = "penstock-backup"
VERSION: Final = 1
LONGEST_LINE: Final = 1 << 28
"""More than this in one line is no row of ours: it would only fill the memory."""

_LEVEL: Final = 3  # a third of the time of the usual 9, for a file that is a little larger


class BackupDamaged(PenstockError):
    """This is no whole backup."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The backup cannot be used: {why}.",
            remedy=fix_code("Nothing was changed. Take another copy of it, or an older backup."),
        )


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """The first line. `key` is the sealed key, where it was asked for; `key_ids` name keys."""

    schema: str
    made_at: str
    made_by: str
    database: str
    key_ids: list[str]
    key: dict[str, Any] | None = None
    format: str = FORMAT
    version: int = VERSION


class TableBegins(msgspec.Struct, frozen=True, tag="table", tag_field="is"):
    """The line before a table's rows."""

    table: str
    columns: list[str]
    next_id: int | None


class TableEnds(msgspec.Struct, frozen=True, tag="table_end", tag_field="is"):
    """The line after a table's rows."""

    rows: int


class End(msgspec.Struct, frozen=True, tag="end", tag_field="is"):
    """The last line."""

    sha256: str


_ENCODE: Final = msgspec.json.Encoder().encode
_HEAD: Final = msgspec.json.Decoder(Head)
_MARK: Final = msgspec.json.Decoder(TableBegins | TableEnds | End)
_ROW: Final = msgspec.json.Decoder(list[int | float | str | dict[str, str] | None])


class Writer:
    """Writes a backup into a binary file."""

    def __init__(self, file: BinaryIO, head: Head) -> None:
        self._zip = gzip.GzipFile(
            fileobj=file, mode="wb", compresslevel=_LEVEL, mtime=0, filename=""
        )
        self._sum = sha256()
        self._line(head)

    def table(self, layout: Layout, rows: Iterable[Sequence[Value]]) -> int:
        """Write a table; return how many rows it has."""
        self._line(TableBegins(layout.table, list(layout.columns), layout.next_id))
        count = 0
        for row in rows:
            self._line([_packed(value) for value in row])
            count += 1
        self._line(TableEnds(count))
        return count

    def end(self) -> None:
        """Write the checksum. Without it the file is no backup."""
        self._line(End(self._sum.hexdigest()))
        self._zip.close()

    def _line(self, value: object) -> None:
        line = _ENCODE(value) + b"\n"
        self._sum.update(line)
        self._zip.write(line)


@dataclass(slots=True)
class Reader:
    """Reads a backup from a binary file, from its beginning. Raises BackupDamaged anywhere."""

    file: BinaryIO
    head: Head = field(init=False)
    _zip: gzip.GzipFile = field(init=False)
    _sum: Any = field(init=False)

    def __post_init__(self) -> None:
        self.file.seek(0)
        self._zip = gzip.GzipFile(fileobj=self.file, mode="rb")
        self._sum = sha256()
        self.head = _head(self._line())

    def tables(self) -> Iterator[tuple[Layout, Iterator[list[Value]]]]:
        """Yield each table with its rows, which must be read to their end before the next one.

        It ends once the checksum was found to be right.
        """
        while True:
            before = self._sum.hexdigest()
            match _decoded(_MARK, self._line()):
                case TableBegins(table=name, columns=columns, next_id=number):
                    yield Layout(name, tuple(columns), number), self._rows(len(columns))
                case End(sha256=expected) if expected == before:
                    self._nothing_more()
                    return
                case End():
                    _damaged("its checksum does not fit: it was altered")
                case _:
                    _damaged("its tables are out of order")

    def _rows(self, width: int) -> Iterator[list[Value]]:
        count = 0
        while True:
            line = self._line()
            if line.startswith(b"{"):
                end = _decoded(_MARK, line)
                if end != TableEnds(count):
                    _damaged("a table has not the rows that it should have")
                return
            row = _decoded(_ROW, line)
            if len(row) != width:
                _damaged("a row does not fit its table")
            yield [_unpacked(value) for value in row]
            count += 1

    def _line(self) -> bytes:
        try:
            line = self._zip.readline(LONGEST_LINE)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            _damaged("it was cut short, or it is not a backup")
        if not line.endswith(b"\n"):
            _damaged("it was cut short, or it is not a backup")
        self._sum.update(line)
        return line

    def _nothing_more(self) -> None:
        try:
            more = self._zip.read(1)
        except (EOFError, gzip.BadGzipFile, zlib.error):
            _damaged("its end is damaged")
        if more:
            _damaged("there is more behind its end")


def verify(file: BinaryIO) -> Head:
    """Read a backup to its end, and return its first line. Raises BackupDamaged."""
    reader = Reader(file)
    for _, rows in reader.tables():
        for _row in rows:
            pass
    return reader.head


def _head(line: bytes) -> Head:
    head: Head = _decoded(_HEAD, line)
    if head.format != FORMAT:
        _damaged("it is not a backup of Penstock")
    if head.version != VERSION:
        _damaged(f"a newer Penstock wrote it (format {head.version}, this one reads {VERSION})")
    return head


def _decoded(decoder: Any, line: bytes) -> Any:  # noqa: ANN401 - what the decoder is for
    try:
        return decoder.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError):
        _damaged("it was altered, or it is not a backup")


def _packed(value: Value) -> object:
    return {"b": base64.b64encode(value).decode()} if isinstance(value, bytes) else value


def _unpacked(value: Any) -> Value:  # noqa: ANN401 - any JSON value of a row
    if not isinstance(value, dict):
        plain: Value = value  # the decoder lets nothing else through
        return plain
    try:
        return base64.b64decode(value["b"], validate=True)
    except (KeyError, ValueError):
        _damaged("it was altered")


def _damaged(why: str) -> NoReturn:
    raise BackupDamaged(why)
