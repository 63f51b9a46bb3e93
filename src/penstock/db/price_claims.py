"""Claims of turns: of many workers one asks for an instrument, and a dead one's are taken over.

Whoever asks holds a claim: a name that nobody else has, until an instant. One that ran out may be
taken by another; what its holder writes later finds another name there, and changes nothing.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from penstock.db.asked import texts
from penstock.db.metadata import Instant
from penstock.db.price_turns import RATES, Turn, as_turn, drop_unheld, insert_into, price_turns
from penstock.domain.market_hours import Due
from penstock.domain.price_turn import Known

_c = price_turns.c
_KNOWN: Final = tuple(Known.__dataclass_fields__)


@dataclass(frozen=True, slots=True)
class Term:
    """By whom something is claimed, when, and until when."""

    holder: str
    now: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to ask for these instruments, as long as `holder` stands in their rows."""

    holder: str
    turns: tuple[Turn, ...]

    @property
    def instruments(self) -> tuple[str, ...]:
        """What may be asked for."""
        return tuple(one.instrument for one in self.turns)


@dataclass(frozen=True, slots=True)
class Done:
    """A turn that was had: what is known now, and when the next one is due."""

    turn: Turn
    known: Known
    due: Due


def waits(connection: sa.Connection, *, now: datetime, wanted: bool = False) -> bool:
    """Say whether an instrument is due, or `wanted` by somebody, and nobody asks for it yet."""
    query = sa.select(sa.literal(1)).where(may_be_asked(now), is_due(now, wanted=wanted))
    return connection.execute(query.limit(1)).scalar_one_or_none() is not None


def claim(
    connection: sa.Connection,
    term: Term,
    *,
    limit: int,
    wanted: bool = False,
    among: Collection[str] | None = None,
) -> Claim:
    """Claim what is due, those first for which somebody waits; it is nobody else's `until` then.

    With them go others that may be asked for by now, so that they make one request; not where only
    what is `wanted` is claimed, of all or `among` some. What nobody holds any more goes. Nobody
    waits here for anybody.
    """
    if among is None and not waits(connection, now=term.now, wanted=wanted):
        return Claim(term.holder, ())
    with_others = sa.or_(_c.wanted_at.is_not(None), _c.earliest_at <= term.now)
    query = (
        price_turns.select()
        .where(may_be_asked(term.now), _c.wanted_at.is_not(None) if wanted else with_others)
        .order_by(_c.wanted_at.is_(None), _c.wanted_at, _c.due_at, _c.instrument)
        .limit(limit)
    )
    if among is not None:
        asked = texts(connection, among)
        query = query.where(_c.instrument.in_(sa.select(asked.c.text)))
    rows = connection.execute(query.with_for_update(skip_locked=True)).all()
    gone = drop_unheld(connection, [row.instrument for row in rows])
    turns = tuple(as_turn(row) for row in rows if row.instrument not in gone)
    return _take(connection, Claim(term.holder, turns), term.until)


def claim_rates(connection: sa.Connection, term: Term, *, due_at: datetime) -> Claim:
    """Claim the exchange rates, which are due at `due_at` as far as we know."""
    first = {"instrument": RATES, "due_at": due_at, "earliest_at": due_at}
    connection.execute(
        insert_into(connection).values(**first, failures=0, unmoved=0).on_conflict_do_nothing()
    )
    mine = (_c.instrument == RATES, is_due(term.now, wanted=False), _free(term.now))
    query = price_turns.select().where(*mine).with_for_update(skip_locked=True)
    turns = tuple(map(as_turn, connection.execute(query)))
    return _take(connection, Claim(term.holder, turns), term.until)


def extend(connection: sa.Connection, held: Claim, *, until: datetime) -> bool:
    """Hold a claim for longer. False: none of it is ours any more."""
    return bool(connection.execute(_mine(held).values(held_until=until)).rowcount)


def release(connection: sa.Connection, held: Claim) -> None:
    """Let others ask, at once: these turns were not had."""
    connection.execute(_mine(held).values(holder=None, held_until=None))


def finish(connection: sa.Connection, held: Claim, done: Iterable[Done]) -> int:
    """Write how turns went; count those that were ours still. Who asked meanwhile waits on."""
    wanted = sa.bindparam("wanted", type_=Instant)
    served = sa.case((_c.wanted_at <= wanted, None), else_=_c.wanted_at)
    update = (
        price_turns.update()
        .where(_c.instrument == sa.bindparam("this"), _c.holder == held.holder)
        .values(holder=None, held_until=None, wanted_at=served)
    )
    rows = [_values(one) for one in done]
    return sum(connection.execute(update, row).rowcount for row in rows)


def is_due(now: datetime, *, wanted: bool) -> sa.ColumnElement[bool]:
    """Tell turns whose time has come, or for which somebody waits."""
    somebody = _c.wanted_at.is_not(None)
    return somebody if wanted else sa.or_(_c.due_at <= now, somebody)


def _free(now: datetime) -> sa.ColumnElement[bool]:
    return sa.or_(_c.held_until.is_(None), _c.held_until < now)


def may_be_asked(now: datetime) -> sa.ColumnElement[bool]:
    """Tell turns of instruments for which nobody asks."""
    return sa.and_(_free(now), _c.instrument != RATES)


def _take(connection: sa.Connection, claimed: Claim, until: datetime) -> Claim:
    if claimed.turns:
        asked = texts(connection, claimed.instruments)
        these = price_turns.update().where(_c.instrument.in_(sa.select(asked.c.text)))
        connection.execute(these.values(holder=claimed.holder, held_until=until))
    return claimed


def _mine(held: Claim) -> sa.Update:
    names = list(held.instruments)
    return price_turns.update().where(_c.instrument.in_(names), _c.holder == held.holder)


def _values(one: Done) -> dict[str, Any]:
    told = {name: getattr(one.known, name) for name in _KNOWN}
    due = {"due_at": one.due.at, "earliest_at": one.due.earliest}
    return {"this": one.turn.instrument, "wanted": one.turn.wanted_at, **told, **due}
