"""Securities: what is held, whoever tells of it, and whatever they call it.

One row a thing and person. What connectors told of it stands in `security_ids`, and which of those
tellings are about one thing is worked out from all of them together (domain/security.py). Of two
rows that turned out to be one, the younger stays as a record, and says into which it went.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from penstock.db.metadata import Id, Instant, metadata
from penstock.domain.errors import NotFound
from penstock.domain.holding import SecurityType
from penstock.domain.known_as import Known

securities = sa.Table(
    "securities",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("owner_id", Id, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("ticker", sa.Text),
    sa.Column("mic", sa.Text),
    sa.Column("isin", sa.Text),
    sa.Column("figi", sa.Text),
    sa.Column("cusip", sa.Text),
    sa.Column("instrument", sa.Text),
    sa.Column("by_person", sa.Text, nullable=False, server_default=""),
    sa.Column("merged_into_id", Id, sa.ForeignKey("securities.id", ondelete="CASCADE"), index=True),
    sa.Column("merged_at", Instant),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("updated_at", Instant, nullable=False),
    sa.Index("ix_securities_owner", "owner_id", "id"),
    sa.Index("ix_securities_instrument", "instrument"),
)


@dataclass(frozen=True, slots=True)
class Security:
    """A security as it is known now.

    `ticker`, `mic`, `isin`, `figi` and `cusip` are what names it today, `currency` what it is
    traded in. `instrument` is what our quotes call it (SAP:XETR, an ISIN, BTC/USD); None where
    nothing certain is known: it has no quote of ours then. `by_person` names the columns that the
    person has set, which nothing else changes. One that was merged says into which.
    """

    id: int
    owner_id: int
    name: str
    type: SecurityType
    currency: str
    ticker: str | None
    mic: str | None
    isin: str | None
    figi: str | None
    cusip: str | None
    instrument: str | None
    by_person: frozenset[str]
    merged_into_id: int | None
    merged_at: datetime | None
    created_at: datetime
    updated_at: datetime


COLUMNS: Final = tuple(securities.c[name] for name in Security.__dataclass_fields__)


def of_owner(connection: sa.Connection, *, owner_id: int) -> list[Security]:
    """Return the owner's securities, oldest first; not those that were merged into others."""
    c = securities.c
    query = sa.select(*COLUMNS).where(c.owner_id == owner_id, c.merged_into_id.is_(None))
    return [as_security(row) for row in connection.execute(query.order_by(c.id))]


def all_of(connection: sa.Connection, *, owner_id: int) -> list[Security]:
    """Return every security of the owner's, those that were merged too."""
    query = sa.select(*COLUMNS).where(securities.c.owner_id == owner_id)
    return [as_security(row) for row in connection.execute(query.order_by(securities.c.id))]


def get(connection: sa.Connection, number: int, *, owner_id: int) -> Security:
    """Return one of the owner's securities, merged or not. Raises NotFound."""
    c = securities.c
    query = sa.select(*COLUMNS).where(c.id == number, c.owner_id == owner_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound("There is no such security.")
    return as_security(row)


class Wanted(NamedTuple):
    """Which securities to list: by ticker, by an ISIN they ever had, those held now or not."""

    ticker: str | None = None
    isin: str | None = None
    held: bool | None = None


def page(
    connection: sa.Connection, wanted: Wanted, *, owner_id: int, after: int = 0, limit: int
) -> list[Security]:
    """Return the owner's securities past number `after`, but those that were merged."""
    c = securities.c
    query = sa.select(*COLUMNS).where(c.owner_id == owner_id, c.id > after)
    query = query.where(c.merged_into_id.is_(None)).order_by(c.id).limit(limit)
    if wanted.ticker is not None:
        query = query.where(c.ticker == wanted.ticker)
    if wanted.isin is not None:
        t = metadata.tables["security_ids"].c
        told = sa.exists().where(t.security_id == c.id, t.isin == wanted.isin)
        query = query.where(sa.or_(c.isin == wanted.isin, told))
    if wanted.held is not None:
        h = metadata.tables["holdings"].c
        held = sa.exists().where(h.security_id == c.id, h.ended_at.is_(None))
        query = query.where(held if wanted.held else ~held)
    return [as_security(row) for row in connection.execute(query)]


def some(
    connection: sa.Connection, numbers: Collection[int], *, owner_id: int
) -> Mapping[int, Security]:
    """Return some of the owner's securities, by their numbers."""
    c = securities.c
    query = sa.select(*COLUMNS).where(c.id.in_(numbers), c.owner_id == owner_id)
    return {row.id: as_security(row) for row in connection.execute(query)}


def as_security(row: sa.Row[Any] | Sequence[Any]) -> Security:
    """Return a row of `COLUMNS` as what it is."""
    values = dict(zip(Security.__dataclass_fields__, row, strict=True))
    values["type"] = SecurityType(values["type"])
    values["by_person"] = frozenset(values["by_person"].split())
    return Security(**values)


def create(connection: sa.Connection, known: Known, *, owner_id: int, now: datetime) -> int:
    """Make a security, and return its number."""
    values = _values(known) | {"owner_id": owner_id, "created_at": now, "updated_at": now}
    made = securities.insert().values(values).returning(securities.c.id)
    return int(connection.execute(made).scalar_one())


def update(connection: sa.Connection, there: Security, known: Known, *, now: datetime) -> bool:
    """Write what is known of a security by now, but for what the person has set; say if it moved.

    One that had gone into another stands by itself again.
    """
    values = {
        name: value
        for name, value in _values(known).items()
        if name not in there.by_person and value != getattr(there, name)
    }
    if there.merged_into_id is not None:
        values |= {"merged_into_id": None, "merged_at": None}
    if not values:
        return False
    change(connection, there.id, values, now=now)
    return True


def change(
    connection: sa.Connection, number: int, values: Mapping[str, object], *, now: datetime
) -> None:
    """Change columns of a security."""
    this = securities.update().where(securities.c.id == number)
    connection.execute(this.values(**values, updated_at=now))


def merge(connection: sa.Connection, gone: int, into: int, *, now: datetime) -> None:
    """Let a security, and whatever went into it before, be another; it stays as a record.

    All that refers to it refers to the other one then. Where the other has a row of the same key
    (the price of a day) its own counts, and the row of the one that went is gone.
    """
    c = securities.c
    went = sa.or_(c.id == gone, c.merged_into_id == gone)
    connection.execute(securities.update().where(went).values(merged_into_id=into))
    change(connection, gone, {"merged_at": now}, now=now)
    for table in metadata.tables.values():
        refers = [key.parent for key in table.foreign_keys if key.column is c.id]
        for column in refers if table is not securities else ():
            _refer(connection, table, column, gone, into)


def _refer(
    connection: sa.Connection, table: sa.Table, column: sa.Column[Any], gone: int, into: int
) -> None:
    other = table.alias("other")
    for columns in _keys(table):
        if column in columns:
            rest = [other.c[one.name] == one for one in columns if one is not column]
            taken = sa.exists().where(other.c[column.name] == into, *rest)
            connection.execute(table.delete().where(column == gone, taken))
    connection.execute(table.update().where(column == gone).values({column.name: into}))


def _keys(table: sa.Table) -> Iterator[list[sa.Column[Any]]]:
    for rule in table.constraints:
        if isinstance(rule, sa.UniqueConstraint | sa.PrimaryKeyConstraint):
            yield list(rule.columns)
    for index in table.indexes:
        if index.unique:
            yield list(index.columns)


def delete_untold(connection: sa.Connection, *, owner_id: int) -> int:
    """Delete the owner's securities of which nobody tells anything any more; count them."""
    c, t = securities.c, metadata.tables["security_ids"].c
    told = sa.exists().where(t.security_id == c.id)
    gone = securities.delete().where(c.owner_id == owner_id, c.merged_into_id.is_(None), ~told)
    return connection.execute(gone).rowcount


def _values(known: Known) -> dict[str, Any]:
    values = {name: getattr(known, name) for name in Known.__dataclass_fields__}
    return values | {"type": str(known.type)}
