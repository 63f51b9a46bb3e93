"""Where the pages of an unfinished update wait, so that memory stays flat (sync.md 2).

Each page is packed at once (msgpack: a fifth of the size of the objects, amounts and days already
as exact text) and kept in memory up to a bound, then in a private temporary file that vanishes
with the process. So is each answer of the bank, compressed, for the archive (18).
"""

import tempfile
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from types import TracebackType
from typing import IO, Final, Self

import msgspec

from penstock.db.staging import Batch
from penstock.domain.balance import BalanceSeen
from penstock.domain.errors import ContractBroken
from penstock.domain.holding import HoldingSeen
from penstock.domain.naming import Names, Repeats
from penstock.domain.request import Response
from penstock.domain.transaction import TransactionSeen
from penstock.domain.update import Balances, Covered, Holdings, Page, Unmapped
from penstock.engine.packing import pack_answer

IN_MEMORY = 16 * 1024 * 1024
"""How many packed bytes may wait in memory (about 100,000 rows)."""
_UPSERTS: Final = b"u"
_REMOVED: Final = b"r"
_ANSWER: Final = b"a"
_ANEW: Final = b"n"
_PACKED_ROWS: Final = msgspec.msgpack.Decoder(list[TransactionSeen])
_PACKED_LATER: Final = 256 * 1024
"""So many bytes of answers wait as they came: where nothing is new, none is ever packed."""
_PACKER: Final = ThreadPoolExecutor(1, thread_name_prefix="packing")
"""Compresses on another core while pages are read, and keeps nobody else's requests waiting."""


@dataclass(slots=True)
class Spool:
    """Pieces of bytes in their order, in memory up to a bound, then in a private file."""

    in_memory: int
    _file: IO[bytes] | None = None

    def write(self, kind: bytes, packed: bytes) -> None:
        """Keep a piece; `kind` is one byte."""
        if self._file is None:
            # It lives as long as the spool, which closes it.
            self._file = tempfile.SpooledTemporaryFile(self.in_memory)  # noqa: SIM115 - as said
        self._file.write(kind + len(packed).to_bytes(4, "big") + packed)

    def pieces(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield the pieces, each with its kind. May be called again."""
        if self._file is None:
            return
        self._file.seek(0)
        while head := self._file.read(5):
            yield head[:1], self._file.read(int.from_bytes(head[1:], "big"))
        self._file.seek(0, 2)

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            self._file.close()
            self._file = None


@dataclass(slots=True)
class Stage:
    """The pages of one update, in the order in which they came.

    `covered` are days that are told in full; `whole` says that everything was, from the
    beginning: then each account is covered from its first staged row on. `held` is all that an
    account holds, by the provider's id of the account. `read_from` is the cursor of the first page.
    `said` is what the provider said to the person; a fresh start does not forget it. Where the
    provider `reuses_ids`, rows get their names when all were told.
    """

    in_memory: int = IN_MEMORY
    reuses_ids: bool = False
    pages: int = 0
    rows: int = 0
    whole: bool = False
    read_from: str | None = None
    balances: list[BalanceSeen] = field(default_factory=list)
    held: dict[str, Sequence[HoldingSeen]] = field(default_factory=dict)
    unmapped: list[Unmapped] = field(default_factory=list)
    covered: list[Covered] = field(default_factory=list)
    said: list[str] = field(default_factory=list)
    _rows: Spool = field(init=False)
    _answers: Spool = field(init=False)
    _heard: list[Response] = field(default_factory=list)
    _heard_bytes: int = 0
    _packing: Future[list[bytes]] | None = None
    _names: Names = field(default_factory=Names)
    _repeats: list[Repeats] = field(default_factory=lambda: [Repeats()])
    _blank: bool = False
    _encoder: msgspec.msgpack.Encoder = field(default_factory=msgspec.msgpack.Encoder)

    def __post_init__(self) -> None:
        self._rows = Spool(self.in_memory)
        self._answers = Spool(self.in_memory // 4)

    @property
    def empty(self) -> bool:
        """Whether it would change no transaction: nothing was told, and silence covers nothing."""
        return not (self.rows or self.unmapped or self.covered)

    def add(self, page: Page) -> None:
        """Keep a page."""
        self.pages += 1
        self.rows += len(page.upserts) + len(page.removed)
        if page.upserts:
            upserts = page.upserts
            blank = any(not row.external_id for row in upserts)
            if self.reuses_ids:
                self._repeats[-1].hear(upserts)
                self._blank |= blank
            elif blank:
                upserts = [self._names.name(row) for row in upserts]
            self._rows.write(_UPSERTS, self._encoder.encode(upserts))
        if page.removed:
            self._rows.write(_REMOVED, self._encoder.encode(page.removed))
        self.unmapped += page.unmapped
        self.covered += page.covered
        self.said += (one for one in page.said if one not in self.said)

    def note(self, beside: Balances | Holdings) -> None:
        """Keep what is told beside the pages; of an account's holdings the later telling counts."""
        if isinstance(beside, Balances):
            self.balances.extend(beside.balances)
        else:
            self.held[beside.account] = beside.holdings

    def begin_update(self) -> None:
        """Name rows anew from here on: what was kept is another update."""
        self._names = Names()
        self._repeats.append(Repeats())
        self._rows.write(_ANEW, b"")

    def check_names(self) -> None:
        """Raise ContractBroken for rows without an id of days that are not told in full (13).

        Nobody could tell whether such a row is stored already.
        """
        if self._doubtful:
            for _ in self.batches():
                pass
        unproven = [] if self.whole else self._names.unproven(self.covered)
        if unproven:
            account, day = unproven[0]
            raise ContractBroken(
                f"The bank gives no id to a row of {day or 'no day'} (account {account}), and does "
                "not tell all rows of that day."
            )

    def hear(self, response: Response) -> None:
        """Keep an answer as it came, for the archive."""
        self._heard.append(response)
        self._heard_bytes += len(response.body)
        if self._heard_bytes > _PACKED_LATER:
            self._pack()

    def batches(self) -> Iterator[Batch]:
        """Return what was kept, in order. May be called again."""
        doubtful, updates = self._doubtful, iter(self._repeats)
        repeats = next(updates)
        told = None if self.whole else self.covered
        if doubtful:
            self._names = Names(told)
        for kind, packed in self._rows.pieces():
            if kind == _ANEW:
                repeats = next(updates)
                self._names = Names(told) if doubtful else self._names
            elif kind == _UPSERTS and doubtful:
                yield Batch(removal=False, packed=self._named(packed, repeats))
            else:
                yield Batch(removal=kind == _REMOVED, packed=packed)

    @property
    def _doubtful(self) -> bool:
        """Whether rows are still to be named."""
        return self.reuses_ids and (
            self._blank or any(one.ids or one.settled for one in self._repeats)
        )

    def _named(self, packed: bytes, repeats: Repeats) -> bytes:
        kept = (repeats.without(row) for row in _PACKED_ROWS.decode(packed))
        return self._encoder.encode([self._names.name(row) for row in kept if row is not None])

    def answers(self) -> Iterator[bytes]:
        """Return the answers that were heard, packed, in order."""
        self._pack()
        self._keep_packed()
        return (packed for _, packed in self._answers.pieces())

    def _pack(self) -> None:
        """Have packed what was heard. No more than one such piece is on its way."""
        self._keep_packed()
        self._packing = _PACKER.submit(_packed, self._heard)
        self._heard, self._heard_bytes = [], 0

    def _keep_packed(self) -> None:
        if self._packing is not None:
            for packed in self._packing.result():
                self._answers.write(_ANSWER, packed)
            self._packing = None

    def clear(self) -> None:
        """Throw away what was kept: the update starts over (sync.md 3)."""
        self.close()
        self.pages = self.rows = 0
        self.whole = False
        self._heard, self._heard_bytes = [], 0
        self.balances, self.unmapped, self.covered = [], [], []
        self.held = {}
        self._names, self._repeats, self._blank = Names(), [Repeats()], False

    def close(self) -> None:
        """Let go of the files."""
        self._rows.close()
        self._answers.close()
        self._packing = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _packed(heard: Sequence[Response]) -> list[bytes]:
    return [pack_answer(response) for response in heard]
