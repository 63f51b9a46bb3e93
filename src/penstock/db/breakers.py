"""How each institution's health stands, for all processes together (sync.md 24).

Only what is not well has a row: an institution that answers costs nothing.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from penstock.db.connections import connections
from penstock.db.metadata import Instant, metadata
from penstock.domain.breaker import HEALTHY, Breaker

breakers = sa.Table(
    "breakers",
    metadata,
    sa.Column("connector", sa.Text, primary_key=True),
    sa.Column("institution", sa.Text, primary_key=True),
    sa.Column("failed", sa.Text, nullable=False),
    sa.Column("openings", sa.Integer, nullable=False),
    sa.Column("opened_at", Instant),
    sa.Column("open_until", Instant),
    sa.Column("prober", sa.Text),
    sa.Column("probing_until", Instant),
)
"""`institution` is the provider's id of it; the empty text where it is not known yet."""

QUOTES = "quotes"
"""Instead of a connector, for hosts that prices come from: there `institution` is the host."""

_c = breakers.c


@dataclass(frozen=True, slots=True)
class BreakerRow:
    """A breaker as it is stored."""

    connector: str
    institution: str
    breaker: Breaker


def lock(connection: sa.Connection, connector: str, institution: str) -> Breaker:
    """Return a breaker, and hold it until the commit."""
    insert = (postgresql if connection.dialect.name == "postgresql" else sqlite).insert
    blank = insert(breakers).values(
        connector=connector, institution=institution, failed="[]", openings=0
    )
    held = connection.execute(
        blank.on_conflict_do_update(
            index_elements=[_c.connector, _c.institution], set_={"openings": _c.openings}
        ).returning(*breakers.c)
    ).one()
    return _breaker(held)


def save(connection: sa.Connection, connector: str, institution: str, breaker: Breaker) -> None:
    """Store a breaker that is held; a healthy one needs no row."""
    ours = sa.and_(_c.connector == connector, _c.institution == institution)
    if breaker == HEALTHY:
        connection.execute(breakers.delete().where(ours))
        return
    connection.execute(
        breakers.update()
        .where(ours)
        .values(
            failed=json.dumps(breaker.failed),
            openings=breaker.openings,
            opened_at=breaker.opened_at,
            open_until=breaker.open_until,
            prober=breaker.prober,
            probing_until=breaker.probing_until,
        )
    )


def of_connector(connection: sa.Connection, connector: str) -> dict[str, Breaker]:
    """Return the breakers of a provider's institutions that are not well, by institution."""
    query = breakers.select().where(_c.connector == connector)
    return {row.institution: _breaker(row) for row in connection.execute(query)}


def unwell(connection: sa.Connection) -> list[BreakerRow]:
    """Return the breakers of all institutions that are not well."""
    return _rows(connection, breakers.select())


def seen_by(connection: sa.Connection, *, owner_id: int) -> list[BreakerRow]:
    """Return the breakers of providers, of hosts of prices, and of where the owner has an account.

    Where somebody else banks is nobody's business.
    """
    own = connections.c
    here = sa.exists().where(
        own.owner_id == owner_id,
        own.connector == _c.connector,
        own.institution_id == _c.institution,
    )
    return _rows(
        connection,
        breakers.select().where(sa.or_(_c.institution == "", _c.connector == QUOTES, here)),
    )


def _rows(connection: sa.Connection, query: sa.Select[Any]) -> list[BreakerRow]:
    ordered = query.order_by(_c.connector, _c.institution)
    return [
        BreakerRow(row.connector, row.institution, _breaker(row))
        for row in connection.execute(ordered)
    ]


def _breaker(row: sa.Row[Any]) -> Breaker:
    values: Sequence[Any] = row[2:]
    return Breaker(tuple(json.loads(values[0])), *values[1:])
