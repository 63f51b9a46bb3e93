"""Positions as far as they name a security: those just written, and which one each is of."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

from penstock.db.accounts import accounts
from penstock.db.connections import connections
from penstock.db.holdings import holdings
from penstock.domain.holding import SecurityType
from penstock.domain.telling import (
    valid_cusip,
    valid_figi,
    valid_isin,
    valid_mic,
    valid_ticker,
)


@dataclass(frozen=True, slots=True)
class Naming:
    """What a position says of its security, cleaned of what is no valid name; and its security."""

    holding_id: int
    account_id: int
    external_id: str
    security_id: int | None
    source: str
    provider: str | None
    type: SecurityType
    ticker: str | None
    mic: str | None
    isin: str | None
    figi: str | None
    cusip: str | None
    currency: str
    name: str


NAMES: Final = ("provider", "type", "ticker", "mic", "isin", "figi", "cusip", "currency")
"""What makes one word about a security differ from another: not the name, which says nothing."""


def written(connection: sa.Connection, *, owner_id: int, change_number: int) -> list[Naming]:
    """Return the owner's positions written under a number, and those that have no security yet."""
    h = holdings.c
    fresh = sa.and_(h.change_number == change_number, h.ended_at.is_(None))
    return _read(connection, h.owner_id == owner_id, sa.or_(fresh, h.security_id.is_(None)))


def positions(
    connection: sa.Connection, numbers: Collection[int], *, owner_id: int
) -> set[tuple[int, str]]:
    """Return the positions of these numbers as (account, the provider's id)."""
    h = holdings.c
    query = sa.select(h.account_id, h.external_id)
    rows = connection.execute(query.where(h.owner_id == owner_id, h.id.in_(numbers)))
    return {(row.account_id, row.external_id) for row in rows}


def securities_of(connection: sa.Connection, numbers: Collection[int]) -> dict[int, int]:
    """Return of which security each of these positions is, by the positions' numbers."""
    h = holdings.c
    query = sa.select(h.id, h.security_id).where(h.id.in_(numbers), h.security_id.is_not(None))
    return {row.id: row.security_id for row in connection.execute(query)}


def set_security(connection: sa.Connection, holding_id: int, security_id: int) -> None:
    """Let a position be of a security."""
    this = holdings.update().where(holdings.c.id == holding_id)
    connection.execute(this.values(security_id=security_id))


def relink(connection: sa.Connection, of: Mapping[tuple[int, str], int], *, owner_id: int) -> int:
    """Let each of the owner's positions be of the security that its last word is about.

    `of` are securities by (account, the provider's id of the position). Counts what moved.
    """
    h, moved = holdings.c, 0
    query = sa.select(h.id, h.account_id, h.external_id, h.security_id)
    for row in connection.execute(query.where(h.owner_id == owner_id)).all():
        found = of.get((row.account_id, row.external_id))
        if row.security_id != found:
            this = holdings.update().where(h.id == row.id)
            connection.execute(this.values(security_id=found))
            moved += 1
    return moved


def _read(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> list[Naming]:
    h = holdings.c
    query: sa.Select[Any] = (
        sa.select(*h, connections.c.connector)
        .join_from(holdings, accounts, accounts.c.id == h.account_id)
        .join(connections, connections.c.id == accounts.c.connection_id)
        .where(*where)
        .order_by(h.id)
    )
    return [_naming(row) for row in connection.execute(query)]


def _naming(row: sa.Row[Any]) -> Naming:
    return Naming(
        row.id,
        row.account_id,
        row.external_id,
        row.security_id,
        row.connector,
        row.security_external_id,
        SecurityType(row.type),
        valid_ticker(row.symbol) or row.symbol,
        valid_mic(row.mic),
        valid_isin(row.isin),
        valid_figi(row.figi),
        valid_cusip(row.cusip),
        row.currency,
        row.name,
    )
