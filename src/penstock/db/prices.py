"""Prices that were believed, for everybody: added to, and never rewritten.

A price that a source corrects, or that a person accepts in its place, stands beside the one before
it with a higher `revision`, and is the one that is told. What a person accepted (`trusted`) also
goes before what had been believed of later instants of that day.

A split is an event of the security (db/securities.py), not another price. The `day` of a price is
that of its `as_of` in the zone in which the source states it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from penstock.db.asked import clean, texts
from penstock.db.metadata import Exact, Id, Instant, metadata
from penstock.domain.quote import TRUSTED, Basis, Quote

prices = sa.Table(
    "prices",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("instrument", sa.Text, nullable=False),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("as_of", Instant, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    sa.Column("price", Exact, nullable=False),
    sa.Column("quoted_unit", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("scale", Exact, nullable=False),
    sa.Column("basis", sa.Text, nullable=False),
    sa.Column("fetched_at", Instant, nullable=False),
    sa.Column("accepted_at", Instant, nullable=False),
    sa.Column("extractor", sa.Text, nullable=False),
    sa.Column("raw", sa.Text, nullable=False),
    sa.Column("venue", sa.Text),
    sa.Column("delay", sa.BigInteger),
    sa.Column("flags", sa.Text, nullable=False),
    sa.Column("trusted", sa.Boolean, nullable=False),
    sa.UniqueConstraint("instrument", "source", "as_of", "revision"),
    sa.Index("ix_prices_day", "instrument", "day", "as_of"),
    sa.Index(
        "ix_prices_trusted",
        "instrument",
        "day",
        sqlite_where=sa.text("trusted = 1"),
        postgresql_where=sa.text("trusted"),
    ),
)
"""`delay` is in seconds; `flags` are words with spaces between them."""

_c = prices.c
_FIGURE: Final = ("price", "quoted_unit", "currency", "scale", "basis")
_LONGEST_RAW: Final = 1000
_AT_ONCE: Final = 100
_NEWEST: Final = (_c.day.desc(), _c.as_of.desc(), _c.id.desc())


Key = tuple[str, str, datetime]
"""An instrument, a source, and an instant: what a price is the price of."""


class Mark(NamedTuple):
    """Where a page of prices ended."""

    as_of: datetime
    number: int


def accept(connection: sa.Connection, quotes: Iterable[Quote], *, now: datetime) -> int:
    """Add prices; return how many are new. The same of one source and instant is written once.

    Another one of that instant is a correction, if it was fetched later or a person accepted it.
    In one order, so that two processes that add the same do not wait for each other for ever.
    """
    rows = sorted((_row(quote, now) for quote in quotes), key=_key)
    return sum(
        _add(connection, rows[start : start + _AT_ONCE]) for start in range(0, len(rows), _AT_ONCE)
    )


def _add(connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> int:
    named = sa.tuple_(_c.instrument, _c.source, _c.as_of)
    there = prices.select().where(named.in_(map(_key, rows))).order_by(_c.revision)
    found = [dict(row) for row in connection.execute(there).mappings()]
    last = {_key(row): row for row in found}
    new = []
    for row in rows:
        before = last.get(_key(row))
        if before is None or _corrects(row, before):
            row["revision"] = 0 if before is None else before["revision"] + 1
            last[_key(row)] = row
            new.append(row)
    if not new:
        return 0
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert
    added = connection.execute(
        insert(prices).on_conflict_do_nothing(), new, execution_options={"preserve_rowcount": True}
    )
    return max(added.rowcount, 0)


def _corrects(row: Mapping[str, Any], before: Mapping[str, Any]) -> bool:
    same = all(row[name] == before[name] for name in _FIGURE)
    if row["trusted"]:
        return not (same and before["trusted"])
    return not same and bool(row["fetched_at"] > before["fetched_at"])


def _key(row: Mapping[str, Any]) -> Key:
    return row["instrument"], row["source"], row["as_of"]


def last(connection: sa.Connection, instruments: Collection[str]) -> dict[str, Quote]:
    """Return the newest price of each instrument that has one."""
    return _newest(connection, instruments, sa.true())


def at(connection: sa.Connection, instruments: Collection[str], day: date) -> dict[str, Quote]:
    """Return the price of each instrument at the end of a day: the last of it, or before it."""
    return _newest(connection, instruments, _c.day <= day)


class Figure(NamedTuple):
    """What of a price it takes to value something by it; the fields are those of a `Quote`."""

    instrument: str
    as_of: datetime
    price: Decimal
    currency: str
    scale: Decimal
    basis: str
    source: str


def between(
    connection: sa.Connection, instruments: Collection[str], first: date, last: date
) -> list[Quote]:
    """Return the last price of each day from `first` to `last`, by instrument and day."""
    names = [column.name for column in prices.columns]
    return [_quote(row) for row in _last_of_days(connection, instruments, first, last, names)]


def figures(
    connection: sa.Connection, instruments: Collection[str], first: date, last: date
) -> list[Figure]:
    """Return what `between` does, as far as it takes to value something: years of it are many."""
    rows = _last_of_days(connection, instruments, first, last, Figure._fields)
    return [Figure._make(row) for row in rows]


def _last_of_days(
    connection: sa.Connection,
    instruments: Collection[str],
    first: date,
    last: date,
    names: Sequence[str],
) -> sa.CursorResult[Any]:
    place = sa.func.row_number().over(
        partition_by=(_c.instrument, _c.day), order_by=(_c.as_of.desc(), _c.id.desc())
    )
    asked = texts(connection, instruments)
    ranked = (
        sa.select(*(_c[name] for name in dict.fromkeys([*names, "day"])), place.label("place"))
        .where(_c.instrument.in_(sa.select(asked.c.text)), _c.day.between(first, last), _stands())
        .subquery()
    )
    query = (
        sa.select(*(ranked.c[name] for name in names))
        .where(ranked.c.place == 1)
        .order_by(ranked.c.instrument, ranked.c.day)
    )
    return connection.execute(query)


def page(
    connection: sa.Connection,
    instrument: str,
    *,
    first: date | None,
    last: date | None,
    after: Mark | None,
    limit: int,
) -> list[tuple[Mark, Quote]]:
    """Return prices of an instrument, the newest first, past the mark `after`."""
    query = prices.select().where(_c.instrument == instrument)
    if first is not None:
        query = query.where(_c.day >= first)
    if last is not None:
        query = query.where(_c.day <= last)
    if after is not None:
        query = query.where(sa.tuple_(_c.as_of, _c.id) < sa.tuple_(*_bound(after)))
    found = connection.execute(query.order_by(_c.as_of.desc(), _c.id.desc()).limit(limit))
    return [(Mark(row.as_of, row.id), _quote(row)) for row in found]


def _bound(mark: Mark) -> tuple[sa.ColumnElement[Any], ...]:
    return sa.literal(mark.as_of, Instant), sa.literal(mark.number, Id)


def _stands() -> sa.ColumnElement[bool]:
    """Say of a price that no person accepted an earlier one of its day after it."""
    accepted = prices.alias("accepted")
    a = accepted.c
    later = sa.and_(a.id > _c.id, a.as_of < _c.as_of)
    same = sa.and_(a.instrument == _c.instrument, a.day == _c.day)
    return ~sa.exists().where(a.trusted, same, later).correlate(prices)


def _newest(
    connection: sa.Connection, instruments: Collection[str], rule: sa.ColumnElement[bool]
) -> dict[str, Quote]:
    """Return one price an instrument, each found by one step into the index."""
    if not instruments:
        return {}
    asked = texts(connection, instruments)
    number = (
        sa.select(_c.id)
        .where(_c.instrument == asked.c.text, rule, _stands())
        .order_by(*_NEWEST)
        .limit(1)
        .correlate(asked)
    )
    numbers = sa.select(number.scalar_subquery()).select_from(asked)
    query = prices.select().where(_c.id.in_(numbers))
    found = map(_quote, connection.execute(query))
    return {quote.instrument: quote for quote in found}


def _row(quote: Quote, now: datetime) -> dict[str, Any]:
    return {
        "instrument": clean(quote.instrument or quote.symbol),
        "source": clean(quote.source),
        "as_of": quote.as_of,
        "day": quote.as_of.date(),
        "price": quote.price,
        "quoted_unit": clean(quote.quoted_unit),
        "currency": clean(quote.currency),
        "scale": quote.scale,
        "basis": quote.basis.value,
        "fetched_at": quote.fetched_at,
        "accepted_at": now,
        "extractor": clean(quote.extractor),
        "raw": clean(quote.raw)[:_LONGEST_RAW],
        "venue": None if quote.venue is None else clean(quote.venue),
        "delay": None if quote.delay is None else round(quote.delay.total_seconds()),
        "flags": " ".join(map(clean, quote.flags)),
        "trusted": TRUSTED in quote.flags,
    }


def _quote(row: sa.Row[Any]) -> Quote:
    return Quote(
        symbol=row.instrument,
        price=row.price,
        currency=row.currency,
        quoted_unit=row.quoted_unit,
        as_of=row.as_of,
        fetched_at=row.fetched_at,
        source=row.source,
        extractor=row.extractor,
        raw=row.raw,
        scale=row.scale,
        basis=Basis(row.basis),
        venue=row.venue,
        delay=None if row.delay is None else timedelta(seconds=row.delay),
        flags=tuple(row.flags.split()),
        instrument=row.instrument,
    )
