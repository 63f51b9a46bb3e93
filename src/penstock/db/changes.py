"""The change feed: each changed row in its latest state, stubs for what was erased (sync.md 19).

A commit takes one number for all that it writes, and numbers become visible in their order (see
feeds.py). So a reader that goes on from (number, kind, id) misses nothing, as long as each page
reads only up to the number that was the last one when the page began: what is committed while a
page is being read belongs to a later one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from heapq import merge
from itertools import islice
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from penstock.db import accounts, balances, erasures, feeds, transactions
from penstock.db.metadata import Id

KINDS: Final = ("account", "balance", "transaction", "erasure")
"""The order of the kinds within one number."""


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
    last = sa.select(feeds.feeds.c.last).where(feeds.feeds.c.owner_id == owner_id)
    horizon = connection.execute(last).scalar_one_or_none() or 0
    readings = (
        (accounts.reading(), accounts.accounts.c),
        (balances.reading(), balances.balances.c),
        (transactions.reading(), transactions.transactions.c),
        (erasures.reading(), erasures.erasures.c),
    )
    found = [
        _changes(
            connection,
            transactions.overdue(today),
            kind,
            reading.add_columns(c.change_number)
            .where(c.owner_id == owner_id, c.change_number <= horizon, _past(after, kind, c))
            .order_by(c.change_number, c.id)
            .limit(limit + 1),
        )
        for kind, (reading, c) in enumerate(readings)
    ]
    changes = list(islice(merge(*found), limit + 1))
    return ChangePage(changes[:limit], more=len(changes) > limit)


def _past(
    after: Position, kind: int, c: sa.ColumnCollection[str, sa.ColumnElement[Any]]
) -> sa.ColumnElement[bool]:
    if kind < after.kind:
        return c.change_number > after.number
    if kind > after.kind:
        return c.change_number >= after.number
    return sa.tuple_(c.change_number, c.id) > sa.tuple_(
        sa.literal(after.number, sa.BigInteger()), sa.literal(after.id, Id)
    )


def _changes(
    connection: sa.Connection, parameters: dict[str, object], kind: int, query: sa.Select[Any]
) -> list[Change]:
    rows = connection.execute(query, parameters)
    return [Change(Position(row.change_number, kind, row.id), row) for row in rows]
