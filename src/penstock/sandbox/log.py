"""What changed since the beginning: the only part of a world that is stored."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from penstock.domain.transaction import TransactionSeen


@dataclass(frozen=True, slots=True)
class Change:
    """The last thing that happened to a row.

    `number` orders the changes; `born` is the number of the row's first one, 0 for a row of the
    history. A `gone` row was taken back; if it went `silently`, no feed says so.
    """

    number: int
    born: int
    row: TransactionSeen
    gone: bool
    silently: bool
    at: datetime


class ChangeLog:
    """Every changed row once, at the place of its latest change."""

    def __init__(self) -> None:
        self._order: list[Change | None] = []
        self._latest: dict[str, Change] = {}

    @property
    def version(self) -> int:
        """The number of the latest change, 0 if there was none."""
        return len(self._order)

    def find(self, external_id: str) -> Change | None:
        """Return the latest change of a row, if it ever changed."""
        return self._latest.get(external_id)

    def append(
        self, row: TransactionSeen, at: datetime, *, known: bool, gone: bool, silently: bool
    ) -> Change:
        """Note what a row is from now on; `known` says that the history already had it."""
        number = self.version + 1
        before = self._latest.get(row.external_id)
        if before is not None:
            self._order[before.number - 1] = None
            born = before.born
        else:
            born = 0 if known else number
        change = Change(number, born, row, gone, silently, at)
        self._order.append(change)
        self._latest[row.external_id] = change
        return change

    def after(self, number: int) -> Iterator[Change]:
        """Yield the changes that came after the one with this number, the oldest first."""
        for place in range(number, len(self._order)):
            change = self._order[place]
            if change is not None:
                yield change
