"""Exchange rates that were published or set: what one euro costs in a currency, on a day.

What a source once said of a day stays as it was: prices and worths were worked out with it. Says
it something else of the same day later, that stands beside it (`differing`), and nothing uses it.
A rate that a person set is theirs to correct.

Beside them is written how far each document of the central bank's was read: `through` is the day up
to which its rates are stored without a gap.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from penstock.db import rate_prices
from penstock.db.metadata import Exact, Instant, metadata
from penstock.domain.fx import Rates, needed
from penstock.domain.pegs import FIXED
from penstock.domain.rate import MAX_AGE, OWN, Stated, checked

rates: Final = sa.Table(
    "rates",
    metadata,
    sa.Column("currency", sa.Text, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("source", sa.Text, primary_key=True),
    sa.Column("rate", Exact, nullable=False),
    sa.Column("stored_at", Instant, nullable=False),
    sa.Column("differing", Exact),
    sa.Column("differed_at", Instant),
)

rate_documents: Final = sa.Table(
    "rate_documents",
    metadata,
    sa.Column("document", sa.Text, primary_key=True),
    sa.Column("asked_at", Instant, nullable=False),
    sa.Column("through", sa.Date),
    sa.Column("etag", sa.Text),
    sa.Column("last_modified", sa.Text),
)

_DOLLAR: Final = "USD"
_c: Final = rates.c
_d: Final = rate_documents.c


@dataclass(frozen=True, slots=True)
class Difference:
    """A source says something else of a day than it did."""

    day: date
    currency: str
    kept: Decimal
    said: Decimal


@dataclass(frozen=True, slots=True)
class Stored:
    """How many rates are new, and what differs from what was there."""

    added: int = 0
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """How far a document was read, when it was asked for last, and what revalidates it."""

    name: str
    asked_at: datetime
    through: date | None = None
    etag: str | None = None
    last_modified: str | None = None


def store(
    connection: sa.Connection, table: Sequence[Stated], *, source: str, now: datetime
) -> Stored:
    """Add rates that are not there yet; what is there is not rewritten, but a difference is noted.

    Raises InvalidInput for what can be no rate; then nothing is stored.
    """
    if not table:
        return Stored()
    said = {(one.currency, one.day): checked(one.rate) for one in table}
    known = _known(connection, said, source)
    new = [
        {"currency": code, "day": day, "source": source, "rate": rate, "stored_at": now}
        for (code, day), rate in said.items()
        if (code, day) not in known
    ]
    added = _insert(connection, new)
    found = [
        Difference(day, code, known[code, day].rate, rate)
        for (code, day), rate in said.items()
        if (code, day) in known and rate not in known[code, day]
    ]
    for one in found:
        connection.execute(
            rates.update()
            .where(_c.currency == one.currency, _c.day == one.day, _c.source == source)
            .values(differing=one.said, differed_at=now)
        )
    return Stored(added, tuple(found))


def set_own(
    connection: sa.Connection, day: date, currency: str, rate: Decimal, *, now: datetime
) -> Decimal | None:
    """Set what a person says one euro costs; return what they said before, None: nothing.

    Raises InvalidInput for what can be no rate.
    """
    ours = sa.and_(_c.currency == currency, _c.day == day, _c.source == OWN)
    before = connection.execute(sa.select(_c.rate).where(ours)).scalar()
    values = {"rate": checked(rate), "stored_at": now}
    blank = _inserting(connection).values(currency=currency, day=day, source=OWN, **values)
    connection.execute(
        blank.on_conflict_do_update(index_elements=["currency", "day", "source"], set_=values)
    )
    return before


def remove_own(connection: sa.Connection, day: date, currency: str) -> Decimal | None:
    """Delete what a person set; return what it was, None: there was nothing."""
    ours = sa.and_(_c.currency == currency, _c.day == day, _c.source == OWN)
    return connection.execute(rates.delete().where(ours).returning(_c.rate)).scalar()


def load(
    connection: sa.Connection,
    currencies: Iterable[str],
    *,
    first: date,
    last: date,
    max_age: timedelta = MAX_AGE,
) -> Rates:
    """Return the rates of these currencies, and of what they are worked out with, of these days.

    The last one before `first` is with them, so that each day has one that could have one.
    """
    codes = needed(currencies)
    if first > last or not codes:
        return Rates({})
    series = _series(connection, codes, first, last)
    lacking = codes - series.official.keys() - FIXED.keys()
    prices: dict[tuple[str, str], list[tuple[date, Decimal, str]]] = {}
    if lacking:
        series = _series(connection, codes | {_DOLLAR}, first, last)
        prices = rate_prices.of_pairs(connection, lacking, first=first, last=last)
    return Rates(series.official, own=series.own, prices=prices, max_age=max_age)


def any_days(
    connection: sa.Connection, currencies: Iterable[str], *, first: date, last: date, limit: int
) -> list[date]:
    """Return the first so many days of a time on which one of these currencies has a new rate."""
    codes = needed(currencies)
    query = (
        sa.select(_c.day)
        .where(_c.currency.in_(codes), _c.day.between(first, last))
        .distinct()
        .order_by(_c.day)
        .limit(limit)
    )
    found = {*connection.execute(query).scalars()}
    found |= rate_prices.days(connection, codes - FIXED.keys(), first=first, last=last, limit=limit)
    return sorted(found)[:limit]


def currencies(connection: sa.Connection, *, first: date, last: date) -> list[str]:
    """Return the currencies of which there are rates of these days, in the order of their codes."""
    query = sa.select(_c.currency).where(_c.day.between(first, last)).distinct()
    return sorted(connection.execute(query).scalars())


def of_day(connection: sa.Connection, day: date, *, source: str) -> dict[str, Stated]:
    """Return what a source said of a day, by currency."""
    query = sa.select(_c.currency, _c.rate).where(_c.day == day, _c.source == source)
    return {code: Stated(day, code, rate) for code, rate in connection.execute(query)}


def documents(connection: sa.Connection) -> Mapping[str, Document]:
    """Return what is known of the documents that were asked for, by name."""
    query = sa.select(_d.document, _d.asked_at, _d.through, _d.etag, _d.last_modified)
    return {row.document: Document(*row) for row in connection.execute(query)}


def note(connection: sa.Connection, document: Document) -> None:
    """Write down how far a document was read. No day up to which it was is ever taken back."""
    known = documents(connection).get(document.name)
    days = [one.through for one in (known, document) if one and one.through]
    values = {
        "asked_at": document.asked_at,
        "through": max(days, default=None),
        "etag": document.etag,
        "last_modified": document.last_modified,
    }
    blank = _inserting(connection, rate_documents).values(document=document.name, **values)
    connection.execute(blank.on_conflict_do_update(index_elements=["document"], set_=values))


class _Known(NamedTuple):
    """What is stored of a day: the rate, and what was said of it since."""

    rate: Decimal
    differing: Decimal | None


def _known(
    connection: sa.Connection, said: Mapping[tuple[str, date], Decimal], source: str
) -> dict[tuple[str, date], _Known]:
    codes = sorted({code for code, _ in said})
    days = [day for _, day in said]
    query = sa.select(_c.currency, _c.day, _c.rate, _c.differing).where(
        _c.source == source, _c.currency.in_(codes), _c.day.between(min(days), max(days))
    )
    return {(row.currency, row.day): _Known(row[2], row[3]) for row in connection.execute(query)}


def _insert(connection: sa.Connection, rows: list[dict[str, Any]]) -> int:
    """Insert what nobody else inserts at this moment; return how many rows those are."""
    if not rows:
        return 0
    statement = _inserting(connection).on_conflict_do_nothing().returning(_c.day)
    return len(connection.execute(statement, rows).all())


def _inserting(
    connection: sa.Connection, table: sa.Table = rates
) -> sqlite.Insert | postgresql.Insert:
    is_sqlite = connection.dialect.name == "sqlite"
    return sqlite.insert(table) if is_sqlite else postgresql.insert(table)


class _Series(NamedTuple):
    """The official rates and those that a person set."""

    official: dict[str, list[tuple[date, Decimal]]]
    own: dict[str, list[tuple[date, Decimal]]]


def _series(connection: sa.Connection, codes: set[str], first: date, last: date) -> _Series:
    """Return the rates of a time, and the last ones before it."""
    before = (
        sa.select(_c.currency, _c.source, sa.func.max(_c.day).label("day"))
        .where(_c.currency.in_(codes), _c.day < first)
        .group_by(_c.currency, _c.source)
        .subquery()
    )
    columns = sa.select(_c.source, _c.currency, _c.day, _c.rate)
    query = columns.where(_c.currency.in_(codes), _c.day.between(first, last)).union_all(
        columns.join_from(
            before,
            rates,
            sa.and_(
                _c.currency == before.c.currency,
                _c.source == before.c.source,
                _c.day == before.c.day,
            ),
        )
    )
    found = _Series({}, {})
    for source, code, day, rate in connection.execute(query):
        known = found.own if source == OWN else found.official
        known.setdefault(code, []).append((day, rate))
    return found
