"""The change feed: each changed row in its latest state, stubs for what was erased (sync.md 19).

A commit takes one number for all that it writes, and numbers become visible in their order (see
feeds.py). So a reader that goes on from (number, kind, id) misses nothing, as long as each page
reads only up to the number that was the last one when the page began: what is committed while a
page is being read belongs to a later one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from heapq import merge
from itertools import islice
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from penstock.db import accounts, balances, erasures, feeds, holdings, transactions
from penstock.db.metadata import Id

KINDS: Final = ("account", "balance", "transaction", "erasure", "holding")
"""The order of the kinds within one number; the places stand in cursors that readers keep."""


class Position(NamedTuple):
    """How far a reader has come: a change number, a kind's place in `KINDS`, a row's number."""

    number: int
    kind: int
    id: int


START: Final = Position(0, 0, 0)


class Change(NamedTuple):
    """A row that changed. `row` is as the kind's own table reads it."""

    position: Position
    row: sa.Row[Any]

    @property
    def kind(self) -> str:
        """One of `KINDS`."""
        return KINDS[self.position.kind]


@dataclass(frozen=True, slots=True)
class ChangePage:
    """Some changes in order, and whether there are more of them now."""

    changes: Sequence[Change]
    more: bool


def page(
    connection: sa.Connection, *, owner_id: int, today: date, after: Position, limit: int
) -> ChangePage:
    """Return the owner's changes from past `after`."""
    c = feeds.feeds.c
    last = sa.select(c.last).where(c.owner_id == owner_id)
    horizon = connection.execute(last).scalar_one_or_none() or 0
    given: dict[str, object] = {"owner": owner_id, "horizon": horizon, "most": limit + 1}
    given |= {"number": after.number, "id": after.id, **transactions.overdue(today)}
    found = [
        _changes(connection, kind, _statement(kind, _side(kind, after.kind)), given)
        for kind in range(len(KINDS))
    ]
    changes = list(islice(merge(*found), limit + 1))
    return ChangePage(changes[:limit], more=len(changes) > limit)


def _changes(
    connection: sa.Connection, kind: int, statement: sa.Select[Any], given: dict[str, object]
) -> list[Change]:
    rows = connection.execute(statement, given)
    return [Change(Position(row.change_number, kind, row.id), row) for row in rows]


def _side(kind: int, reached: int) -> int:
    """Say whether a kind comes before, at or after the kind that a reader has reached."""
    return (kind > reached) - (kind < reached)


@cache
def _statement(kind: int, side: int) -> sa.Select[Any]:
    """Return the query of one kind. To make one takes longer than to read a page."""
    reading, c = _readings()[kind]
    number = sa.bindparam("number", type_=sa.BigInteger())
    past = {
        -1: c.change_number > number,
        0: sa.tuple_(c.change_number, c.id) > sa.tuple_(number, sa.bindparam("id", type_=Id)),
        1: c.change_number >= number,
    }
    horizon = sa.bindparam("horizon", type_=sa.BigInteger())
    return (
        reading.add_columns(c.change_number)
        .where(c.owner_id == sa.bindparam("owner"), c.change_number <= horizon, past[side])
        .order_by(c.change_number, c.id)
        .limit(sa.bindparam("most"))
    )


def _readings() -> Sequence[tuple[sa.Select[Any], sa.ColumnCollection[str, sa.Column[Any]]]]:
    return (
        (accounts.reading(), accounts.accounts.c),
        (balances.reading(), balances.balances.c),
        (transactions.reading(), transactions.transactions.c),
        (erasures.reading(), erasures.erasures.c),
        (holdings.reading(), holdings.holdings.c),
    )
