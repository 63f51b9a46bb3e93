"""Rows of the bank that could not be mapped, kept whole until they can be (sync.md 8)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from penstock.db.metadata import Id, Instant, metadata
from penstock.db.statements import Statements
from penstock.domain.errors import NotFound

quarantine = sa.Table(
    "quarantine",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("owner_id", Id, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column(
        "connection_id", Id, sa.ForeignKey("connections.id", ondelete="CASCADE"), nullable=False
    ),
    sa.Column("run_id", Id, nullable=False),
    sa.Column("stream", sa.Text, nullable=False),
    sa.Column("account", sa.Text),
    sa.Column("external_id", sa.Text),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("raw", sa.LargeBinary, nullable=False),
    sa.Column("created_at", Instant, nullable=False),
    sa.Column("resolved_at", Instant),
    sa.Column("resolution", sa.Text),
    sa.Index("ix_quarantine_owner", "owner_id", "id"),
    sa.Index(
        "ix_quarantine_open",
        "connection_id",
        "external_id",
        sqlite_where=sa.text("resolved_at IS NULL"),
        postgresql_where=sa.text("resolved_at IS NULL"),
    ),
)

MAPPED = "mapped"
SUPERSEDED = "superseded"


@dataclass(frozen=True, slots=True)
class Kept:
    """A row in quarantine."""

    id: int
    owner_id: int
    connection_id: int
    run_id: int
    stream: str
    account: str | None
    external_id: str | None
    reason: str
    raw: bytes
    created_at: datetime
    resolved_at: datetime | None
    resolution: str | None


def keep(connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> int:
    """Keep rows; one that is here already, word for word, is not kept twice. Count the new ones."""
    c, new = quarantine.c, 0
    for row in rows:
        same = sa.select(c.id).where(
            c.connection_id == row["connection_id"],
            c.stream == row["stream"],
            c.account.is_not_distinct_from(row["account"]),
            c.external_id.is_not_distinct_from(row["external_id"]),
            c.raw == row["raw"],
            c.resolved_at.is_(None),
        )
        if connection.execute(same.limit(1)).one_or_none() is None:
            connection.execute(quarantine.insert(), row)
            new += 1
    return new


def open_of(connection: sa.Connection, connection_id: int) -> list[Kept]:
    """Return what is open of a connection, the oldest first."""
    c = quarantine.c
    query = (
        quarantine.select()
        .where(c.connection_id == connection_id, c.resolved_at.is_(None))
        .order_by(c.id)
    )
    return [Kept(**row._mapping) for row in connection.execute(query)]


def count_open(connection: sa.Connection, connection_id: int) -> int:
    """Count what is open of a connection."""
    c = quarantine.c
    query = sa.select(sa.func.count()).where(
        c.connection_id == connection_id, c.resolved_at.is_(None)
    )
    return int(connection.execute(query).scalar_one())


def count_by_connection(connection: sa.Connection, *, owner_id: int) -> dict[int, int]:
    """Count what is open of each of the owner's connections; one with nothing is not listed."""
    c = quarantine.c
    query = (
        sa.select(c.connection_id, sa.func.count().label("rows"))
        .where(c.owner_id == owner_id, c.resolved_at.is_(None))
        .group_by(c.connection_id)
    )
    return {row.connection_id: row.rows for row in connection.execute(query)}


def connections_with_open(connection: sa.Connection, *, owner_id: int) -> list[int]:
    """Return the owner's connections that have open rows."""
    c = quarantine.c
    query = sa.select(c.connection_id).where(c.owner_id == owner_id, c.resolved_at.is_(None))
    return sorted(set(connection.execute(query).scalars()))


def page(
    connection: sa.Connection, *, owner_id: int, every: bool, after: int, limit: int
) -> list[Kept]:
    """Return the owner's rows past number `after`: the open ones, or `every` one."""
    c = quarantine.c
    query = (
        quarantine.select().where(c.owner_id == owner_id, c.id > after).order_by(c.id).limit(limit)
    )
    if not every:
        query = query.where(c.resolved_at.is_(None))
    return [Kept(**row._mapping) for row in connection.execute(query)]


def get(connection: sa.Connection, number: int, *, owner_id: int) -> Kept:
    """Return one of the owner's rows. Raises NotFound."""
    query = quarantine.select().where(quarantine.c.id == number, quarantine.c.owner_id == owner_id)
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound("There is no such row in quarantine.")
    return Kept(**row._mapping)


def supersede(statements: Statements, source: str) -> None:
    """Let go of rows that the bank has told again, and told well: they stand in `source`.

    An id is its account's own; only where it is unknown whose a row is, an equal one is enough.
    """
    if statements.one(_ANY_OPEN):
        statements.do(_SUPERSEDE.format_map({"source": source, "accounts": "{accounts}"}))


def resolve(
    connection: sa.Connection, numbers: Sequence[int], resolution: str, *, now: datetime
) -> None:
    """Note that these rows need no more care, and why."""
    connection.execute(
        quarantine.update()
        .where(quarantine.c.id.in_(numbers), quarantine.c.resolved_at.is_(None))
        .values(resolved_at=now, resolution=resolution)
    )


def reopen(
    connection: sa.Connection, connection_id: int, *, since: datetime, until: datetime
) -> None:
    """Open again what was resolved between these instants: what came of it was taken back.

    Only one run at a time resolves rows of a connection: they are those of its whole time.
    """
    c = quarantine.c
    connection.execute(
        quarantine.update()
        .where(c.connection_id == connection_id, c.resolved_at >= since, c.resolved_at <= until)
        .values(resolved_at=None, resolution=None)
    )


_ANY_OPEN: Final = """
    SELECT 1 FROM quarantine WHERE connection_id = :connection AND resolved_at IS NULL LIMIT 1
"""
_SUPERSEDE: Final = f"""
    UPDATE quarantine SET resolved_at = :now, resolution = '{SUPERSEDED}'
    WHERE connection_id = :connection AND resolved_at IS NULL AND EXISTS
        (SELECT 1 FROM {{source}} s JOIN accounts a ON a.id = s.account_id
            WHERE s.account_id IN {{accounts}} AND s.external_id = quarantine.external_id
                AND (a.external_id = quarantine.account OR quarantine.account IS NULL
                    OR NOT EXISTS (SELECT 1 FROM accounts k
                        WHERE k.connection_id = :connection
                            AND k.external_id = quarantine.account)))
"""
