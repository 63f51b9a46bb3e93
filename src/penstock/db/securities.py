"""Securities: what is held, whoever tells of it, and whatever they call it.

One row a thing and person. What connectors told of it stands in `security_ids`, and which of those
tellings are about one thing is worked out from all of them together (domain/security.py). Of two
rows that turned out to be one, the younger stays as a record, and says into which it went.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from penstock.db.metadata import Id, Instant, metadata
from penstock.domain.errors import NotFound
from penstock.domain.holding import SecurityType

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


def get(connection: sa.Connection, number: int, *, owner_id: int) -> Security:
    """Return one of the owner's securities, merged or not. Raises NotFound."""
    c = securities.c
    query = sa.select(*COLUMNS).where(c.id == number, c.owner_id == owner_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound("There is no such security.")
    return as_security(row)


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
