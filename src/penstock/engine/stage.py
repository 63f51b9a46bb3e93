"""Where the pages of an unfinished update wait, so that memory stays flat (sync.md 2).

Each page is packed at once (msgpack: a fifth of the size of the objects, amounts and days already
as exact text) and kept in memory up to a bound, then in a private temporary file that vanishes
with the process.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from types import TracebackType
from typing import IO, Self

import msgspec

from penstock.db.staging import Batch
from penstock.domain.balance import BalanceSeen
from penstock.domain.update import Page

IN_MEMORY = 16 * 1024 * 1024
"""How many packed bytes may wait in memory (about 100,000 rows)."""


@dataclass(slots=True)
class Stage:
    """The pages of one update, in the order in which they came."""

    in_memory: int = IN_MEMORY
    pages: int = 0
    balances: list[BalanceSeen] = field(default_factory=list)
    _file: IO[bytes] | None = None
    _encoder: msgspec.msgpack.Encoder = field(default_factory=msgspec.msgpack.Encoder)

    def add(self, page: Page) -> None:
        """Keep a page."""
        self.pages += 1
        if page.upserts:
            self._write(b"u", self._encoder.encode(page.upserts))
        if page.removed:
            self._write(b"r", self._encoder.encode(page.removed))

    def batches(self) -> Iterator[Batch]:
        """Return what was kept, in order. May be called again."""
        if self._file is None:
            return
        self._file.seek(0)
        while head := self._file.read(5):
            packed = self._file.read(int.from_bytes(head[1:], "big"))
            yield Batch(removal=head[:1] == b"r", packed=packed)
        self._file.seek(0, 2)

    def clear(self) -> None:
        """Throw away what was kept: the update starts over (sync.md 3)."""
        self.close()
        self.pages = 0
        self.balances = []

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, kind: bytes, packed: bytes) -> None:
        if self._file is None:
            # It lives as long as the stage, which closes it.
            self._file = tempfile.SpooledTemporaryFile(self.in_memory)  # noqa: SIM115 - as said
        self._file.write(kind + len(packed).to_bytes(4, "big") + packed)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
