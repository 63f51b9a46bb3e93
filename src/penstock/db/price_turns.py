"""When each instrument that somebody holds is asked for next; who asks is in price_claims.py.

One row an instrument, for everybody. It is written in the transaction that lets somebody hold the
first of it, and goes with the last holder: in the transaction that ends a position where that one
may see what everybody holds (db/wall.py), else at its next turn, before anybody is asked.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from penstock.db import wall
from penstock.db.accounts import accounts
from penstock.db.asked import texts
from penstock.db.connections import connections
from penstock.db.holdings import holdings
from penstock.db.metadata import Instant, metadata
from penstock.db.securities import securities
from penstock.domain.market_hours import Due
from penstock.domain.price_turn import SUSPICIOUS, Known

price_turns = sa.Table(
    "price_turns",
    metadata,
    sa.Column("instrument", sa.Text, primary_key=True),
    sa.Column("due_at", Instant, nullable=False),
    sa.Column("earliest_at", Instant, nullable=False),
    sa.Column("wanted_at", Instant),
    sa.Column("asked_at", Instant),
    sa.Column("failures", sa.Integer, nullable=False),
    sa.Column("unmoved", sa.Integer, nullable=False),
    sa.Column("last_ok_at", Instant),
    sa.Column("price_as_of", Instant),
    sa.Column("last_code", sa.Text),
    sa.Column("holder", sa.Text),
    sa.Column("held_until", Instant),
    sa.Index("ix_price_turns_due", "due_at"),
)
"""`wanted_at`: somebody asked for a price now. The rest is domain/price_turn.py's."""

RATES: Final = "rates"
"""The row of the exchange rates. No instrument is written in small letters."""

_c = price_turns.c
_KNOWN: Final = tuple(Known.__dataclass_fields__)
_ROUNDS: Final = 4


@dataclass(frozen=True, slots=True)
class Turn:
    """An instrument's turn: when it is due, since when somebody waits, and what is known."""

    instrument: str
    due: Due
    wanted_at: datetime | None
    known: Known


def held_by(owner_id: int | None = None) -> sa.Select[str]:
    """Select the instruments that a person, or anybody, holds: of accounts that are still linked.

    What was disconnected counts as nobody's from then on, and is worth nothing (engine/worth.py).
    """
    s, h, a, k = securities.c, holdings.c, accounts.c, connections.c
    query = (
        sa.select(s.instrument)
        .join_from(securities, holdings, h.security_id == s.id)
        .join(accounts, a.id == h.account_id)
        .join(connections, k.id == a.connection_id)
        .where(s.instrument.is_not(None), h.ended_at.is_(None), k.disconnected_at.is_(None))
    )
    return query if owner_id is None else query.where(s.owner_id == owner_id)


def follow(connection: sa.Connection, *, owner_id: int, now: datetime) -> None:
    """Let what a person holds by now have its turns, the new ones at once.

    A row that is there already is locked until the end of this transaction, so that nobody takes
    it for one that nobody holds: who deletes rows locks them first, and looks then.
    """
    wanted = sorted(set(connection.execute(held_by(owner_id)).scalars()))
    for _ in range(_ROUNDS if wanted else 0):
        there = _lock(connection, wanted)
        missing = [one for one in wanted if one not in there]
        if not missing or _add(connection, missing, now) == len(missing):
            break
    if wall.bound() is None:
        own = sa.select(securities.c.instrument).where(securities.c.owner_id == owner_id)
        ended = _c.instrument.in_(own.except_(held_by(owner_id)))
        drop_unheld(connection, _locked(connection, sa.select(_c.instrument).where(ended)))


def want(connection: sa.Connection, *, owner_id: int, now: datetime) -> list[str]:
    """Let all that a person holds be asked for before its time; return the instruments."""
    follow(connection, owner_id=owner_id, now=now)
    wanted = sorted(set(connection.execute(held_by(owner_id)).scalars()))
    _let_be_wanted(connection, wanted, now)
    return wanted


def look_again(connection: sa.Connection, instrument: str, *, now: datetime) -> None:
    """Let an instrument be asked for before its time, if it is held: what was doubted is not."""
    _let_be_wanted(connection, [instrument], now)


def _let_be_wanted(connection: sa.Connection, names: Sequence[str], now: datetime) -> None:
    asked = texts(connection, names)
    this = _c.instrument.in_(sa.select(asked.c.text))
    connection.execute(price_turns.update().where(this).values(wanted_at=now))


def reconsider(connection: sa.Connection, codes: Collection[str], *, now: datetime) -> int:
    """Let what had no price for these reasons be due at once: the settings may be others."""
    these = price_turns.update().where(_c.last_code.in_(list(codes)), _c.due_at > now)
    return connection.execute(these.values(due_at=now, earliest_at=now)).rowcount


def some(connection: sa.Connection, instruments: Collection[str]) -> dict[str, Turn]:
    """Return the turns of these instruments, of those that have one."""
    asked = texts(connection, instruments)
    query = price_turns.select().where(_c.instrument.in_(sa.select(asked.c.text)))
    return {row.instrument: as_turn(row) for row in connection.execute(query)}


def unpriced(connection: sa.Connection) -> list[Turn]:
    """Return the turns of what somebody holds that brought no price the last time, in order."""
    query = price_turns.select().where(
        _c.last_code.is_not(None), _c.instrument.in_(held_by().scalar_subquery())
    )
    return [as_turn(row) for row in connection.execute(query.order_by(_c.instrument))]


def _lock(connection: sa.Connection, names: Sequence[str]) -> set[str]:
    """Lock rows against their end, together with whoever does the same; return those there are."""
    asked = texts(connection, names)
    query = sa.select(_c.instrument).where(_c.instrument.in_(sa.select(asked.c.text)))
    locked = query.order_by(_c.instrument).with_for_update(read=True, key_share=True)
    return set(connection.execute(locked).scalars())


def _add(connection: sa.Connection, names: Sequence[str], now: datetime) -> int:
    """Add rows that are due at once, in one order; count those that nobody had added."""
    new = insert_into(connection).on_conflict_do_nothing()
    fixed = {"due_at": now, "earliest_at": now, "failures": 0, "unmoved": 0}
    rows = [{"instrument": name, **fixed} for name in names]
    options = {"preserve_rowcount": True}
    return max(connection.execute(new, rows, execution_options=options).rowcount, 0)


def _locked(connection: sa.Connection, query: sa.Select[str]) -> list[str]:
    return list(connection.execute(query.with_for_update(skip_locked=True)).scalars())


def doubted(connection: sa.Connection) -> list[tuple[str, str, int]]:
    """Return instruments whose new price is not believed, why, and a connection that holds each."""
    k = connections.c
    query = (
        held_by()
        .join(price_turns, _c.instrument == securities.c.instrument)
        .add_columns(_c.last_code, sa.func.min(k.id))
        .where(_c.last_code.in_(sorted(SUSPICIOUS)))
        .group_by(securities.c.instrument, _c.last_code)
        .order_by(securities.c.instrument)
    )
    return [(row[0], row[1], row[2]) for row in connection.execute(query)]


def drop_unheld(connection: sa.Connection, names: Collection[str]) -> set[str]:
    """Delete those of these rows, which are locked, that nobody holds; return them."""
    if not names:
        return set()
    held = held_by().where(securities.c.instrument.in_(list(names)))
    gone = set(names) - set(connection.execute(held).scalars())
    if gone:
        connection.execute(price_turns.delete().where(_c.instrument.in_(list(gone))))
    return gone


def insert_into(connection: sa.Connection) -> Any:  # noqa: ANN401 - either dialect's
    """Begin to add rows."""
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert
    return insert(price_turns)


def as_turn(row: sa.Row[Any]) -> Turn:
    """Return a row as what it is."""
    known = Known(**{name: getattr(row, name) for name in _KNOWN})
    return Turn(row.instrument, Due(row.due_at, row.earliest_at), row.wanted_at, known)
