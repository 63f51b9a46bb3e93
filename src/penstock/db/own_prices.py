"""Prices that people set themselves, of what nobody quotes: a day each, and theirs to correct."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from penstock.db.metadata import Exact, Id, Instant, metadata
from penstock.db.securities import securities
from penstock.domain.quote import Basis

own_prices = sa.Table(
    "own_prices",
    metadata,
    sa.Column(
        "owner_id",
        Id,
        sa.ForeignKey("users.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
    sa.Column(
        "security_id",
        Id,
        sa.ForeignKey("securities.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
        index=True,
    ),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("price", Exact, nullable=False),
    sa.Column("currency", sa.Text, nullable=False),
    sa.Column("basis", sa.Text, nullable=False),
    sa.Column("set_at", Instant, nullable=False),
)

_c: Final = own_prices.c
_s: Final = securities.c


@dataclass(frozen=True, slots=True)
class OwnPrice:
    """What one of a security cost on a day, as a person says; in `currency`, which may be pence."""

    security_id: int
    day: date
    price: Decimal
    currency: str
    basis: Basis


def save(
    connection: sa.Connection, prices: Sequence[OwnPrice], *, owner_id: int, now: datetime
) -> int:
    """Set prices in place of those of the same days; return how many differ from what stood."""
    known = {(one.security_id, one.day): one for one in of_owner(connection, owner_id=owner_id)}
    new = {
        (one.security_id, one.day): one
        for one in prices
        if known.get((one.security_id, one.day)) != one
    }
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert
    for one in new.values():
        values = {"price": one.price, "currency": one.currency, "basis": one.basis, "set_at": now}
        key = {"owner_id": owner_id, "security_id": one.security_id, "day": one.day}
        connection.execute(
            insert(own_prices)
            .values(**key, **values)
            .on_conflict_do_update(index_elements=list(key), set_=values)
        )
    return len(new)


def of_owner(connection: sa.Connection, *, owner_id: int) -> list[OwnPrice]:
    """Return all of a person's prices, by security and day; as they were set."""
    query = sa.select(_c.security_id, _c.day, _c.price, _c.currency, _c.basis)
    query = query.where(_c.owner_id == owner_id).order_by(_c.security_id, _c.day)
    return [_as_price(row) for row in connection.execute(query)]


def page(
    connection: sa.Connection,
    *,
    owner_id: int,
    security_id: int | None,
    after: tuple[int, date] | None,
    limit: int,
) -> list[OwnPrice]:
    """Return a person's prices by security and day, from past `after`."""
    query = sa.select(_c.security_id, _c.day, _c.price, _c.currency, _c.basis)
    query = query.where(_c.owner_id == owner_id).order_by(_c.security_id, _c.day).limit(limit)
    if security_id is not None:
        query = query.where(_c.security_id == security_id)
    if after is not None:
        mark = sa.literal(after[0], Id), sa.literal(after[1], sa.Date)
        query = query.where(sa.tuple_(_c.security_id, _c.day) > sa.tuple_(*mark))
    return [_as_price(row) for row in connection.execute(query)]


def delete(connection: sa.Connection, security_id: int, day: date, *, owner_id: int) -> bool:
    """Delete a price; return whether there was one."""
    ours = sa.and_(_c.owner_id == owner_id, _c.security_id == security_id, _c.day == day)
    return connection.execute(own_prices.delete().where(ours)).rowcount > 0


def merged(connection: sa.Connection, *, owner_id: int) -> dict[int, int]:
    """Return into which security each of the owner's went that was merged, in the end."""
    query = sa.select(_s.id, _s.merged_into_id).where(
        _s.owner_id == owner_id, _s.merged_into_id.is_not(None)
    )
    into: dict[int, int] = {row.id: row.merged_into_id for row in connection.execute(query)}
    return {number: _last(into, number) for number in into}


def _last(into: dict[int, int], number: int) -> int:
    seen: set[int] = set()
    while number in into and number not in seen:
        seen.add(number)
        number = into[number]
    return number


def _as_price(row: Sequence[Any]) -> OwnPrice:
    number, day, price, currency, basis = row
    return OwnPrice(number, day, price, currency, Basis(basis))
