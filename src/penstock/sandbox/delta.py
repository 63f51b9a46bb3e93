"""Reading a world from a position: the next rows, what changed since, and whether there is more.

First the untouched history in its order, then every changed row once, at the place of its latest
change. Whatever happens meanwhile, who reads on to the end knows the truth.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import NamedTuple

from penstock.domain.transaction import TransactionSeen
from penstock.sandbox.log import Change
from penstock.sandbox.world import World


class Position(NamedTuple):
    """How far a reader got.

    `row` is the next row of the history, `change` the number of the last change read. `began` is
    the version at which this reader started from nothing: what was gone by then, it never saw.
    `update` is the version, plus one, at which the update being read began; 0 between updates.
    """

    row: int = 0
    change: int = 0
    began: int = 0
    update: int = 0


@dataclass(frozen=True, slots=True)
class Slice:
    """One page: `history` are numbers of untouched rows, all of them new to the reader."""

    history: range | list[int]
    added: list[TransactionSeen]
    modified: list[TransactionSeen]
    removed: list[TransactionSeen]
    after: Position
    more: bool

    @property
    def size(self) -> int:
        """How many rows the page speaks of."""
        return len(self.history) + len(self.added) + len(self.modified) + len(self.removed)


def beginning(world: World) -> Position:
    """Return where a reader without a cursor stands."""
    return Position(began=world.version)


def moved(world: World, position: Position) -> bool:
    """Tell whether the world changed since the update that is being read began."""
    return position.update not in {0, world.version + 1}


def read(world: World, position: Position, limit: int) -> Slice:
    """Return at most `limit` rows after a position, the oldest change first."""
    history, row = _untouched(world, position.row, limit)
    found = list(islice(_news(world, position), limit - len(history)))
    change = found[-1].number if found else position.change
    reached = position._replace(row=row, change=change)
    more = row < world.history.size and bool(_untouched(world, row, 1)[0])
    more = more or next(_news(world, reached), None) is not None
    if not more:
        reached = reached._replace(row=world.history.size, change=world.version, update=0)
    elif not position.update:
        reached = reached._replace(update=world.version + 1)
    added = [each.row for each in found if not each.gone and _unseen(each, position)]
    modified = [each.row for each in found if not each.gone and not _unseen(each, position)]
    removed = [each.row for each in found if each.gone]
    return Slice(history, added, modified, removed, reached, more)


def _untouched(world: World, start: int, limit: int) -> tuple[range | list[int], int]:
    """Return up to `limit` untouched rows of the history, and the row to go on with."""
    stop = min(start + limit, world.history.size)
    plain = range(start, stop)
    if world.touched.isdisjoint(plain):
        return plain, stop
    chosen: list[int] = []
    for row in range(start, world.history.size):
        if len(chosen) == limit:
            return chosen, row
        if row not in world.touched:
            chosen.append(row)
    return chosen, world.history.size


def _news(world: World, position: Position) -> Iterator[Change]:
    """Yield the changes that a reader has to be told of."""
    for change in world.log.after(position.change):
        if not change.gone or not (change.silently or _unseen(change, position)):
            yield change


def _unseen(change: Change, position: Position) -> bool:
    """Tell whether this reader cannot have seen the row yet."""
    return change.number <= position.began or change.born > position.change
