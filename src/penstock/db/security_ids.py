"""What was ever told of a security: by which names, by whom, and from which day on.

A row a telling of a position (or of a person: those have no account). Rows are added when something
else is told, and the one before gets its `until`; none is changed otherwise.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import sqlalchemy as sa

from penstock.db.metadata import Id, Instant, metadata
from penstock.domain.holding import SecurityType
from penstock.domain.telling import (
    Telling,
    valid_cusip,
    valid_figi,
    valid_isin,
    valid_mic,
    valid_ticker,
)

security_ids = sa.Table(
    "security_ids",
    metadata,
    sa.Column("id", Id, primary_key=True),
    sa.Column("owner_id", Id, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column(
        "security_id",
        Id,
        sa.ForeignKey("securities.id", ondelete="CASCADE"),
        nullable=False,
        index=True,
    ),
    sa.Column("account_id", Id, sa.ForeignKey("accounts.id", ondelete="CASCADE")),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("external_id", sa.Text, nullable=False),
    sa.Column("security_external_id", sa.Text),
    sa.Column("ticker", sa.Text),
    sa.Column("mic", sa.Text),
    sa.Column("isin", sa.Text),
    sa.Column("figi", sa.Text),
    sa.Column("cusip", sa.Text),
    sa.Column("currency", sa.Text),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("since", sa.Date, nullable=False),
    sa.Column("until", sa.Date),
    sa.Column("pin", Id),
    sa.Column("apart", sa.Text, nullable=False, server_default=""),
    sa.Column("run_id", Id),
    sa.Column("created_at", Instant, nullable=False),
    sa.Index("ix_security_ids_owner", "owner_id", "id"),
    sa.Index("ix_security_ids_account", "account_id", "external_id"),
)


@dataclass(frozen=True, slots=True)
class Told:
    """A telling as it is stored: of which security, account and position, and by which run."""

    telling: Telling
    security_id: int
    account_id: int | None
    external_id: str
    run_id: int | None


def of_owner(connection: sa.Connection, *, owner_id: int) -> list[Told]:
    """Return everything that was ever told of the owner's securities, the oldest first."""
    c = security_ids.c
    query = security_ids.select().where(c.owner_id == owner_id).order_by(c.id)
    return [_told(row) for row in connection.execute(query)]


def of_security(connection: sa.Connection, security_id: int, *, owner_id: int) -> list[Told]:
    """Return everything that was ever told of one of the owner's securities, the oldest first."""
    c = security_ids.c
    query = security_ids.select().where(c.security_id == security_id, c.owner_id == owner_id)
    return [_told(row) for row in connection.execute(query.order_by(c.id))]


def last_of(
    connection: sa.Connection, positions: Collection[tuple[int, str]]
) -> dict[tuple[int, str], Told]:
    """Return the word that holds of each of these positions (account, the provider's id)."""
    c, found = security_ids.c, {}
    accounts = sorted({account_id for account_id, _ in positions})
    query = security_ids.select().where(c.account_id.in_(accounts), c.until.is_(None))
    for row in connection.execute(query.order_by(c.id)):
        found[row.account_id, row.external_id] = _told(row)
    return found


def add(connection: sa.Connection, told: Told, *, owner_id: int, now: datetime) -> int:
    """Add a telling, and return its number; the one before of that position has ended by it."""
    one, c = told.telling, security_ids.c
    if told.account_id is not None:
        connection.execute(
            security_ids.update()
            .where(c.account_id == told.account_id, c.external_id == told.external_id)
            .where(c.owner_id == owner_id, c.until.is_(None))
            .values(until=one.since)
        )
    values = {
        "owner_id": owner_id,
        "security_id": told.security_id,
        "account_id": told.account_id,
        "source": one.source,
        "external_id": told.external_id,
        "security_external_id": one.provider,
        "ticker": one.ticker,
        "mic": one.mic,
        "isin": one.isin,
        "figi": one.figi,
        "cusip": one.cusip,
        "currency": one.currency,
        "name": one.name,
        "type": str(one.type),
        "since": one.since,
        "pin": one.pin,
        "apart": " ".join(sorted(one.apart)),
        "run_id": told.run_id,
        "created_at": now,
    }
    made = connection.execute(security_ids.insert().values(values).returning(c.id))
    return int(made.scalar_one())


def move(connection: sa.Connection, numbers: Collection[int], security_id: int) -> None:
    """Let tellings be about another security."""
    _change(connection, numbers, security_id=security_id)


def pin(connection: sa.Connection, numbers: Collection[int], label: int | None) -> None:
    """Let tellings be about one security, since a person says so; None: go by what they tell."""
    _change(connection, numbers, pin=label)


def set_apart(connection: sa.Connection, number: int, apart: Collection[str]) -> None:
    """Say of a telling what it is not, since a person says so."""
    _change(connection, [number], apart=" ".join(sorted(apart)))


def delete(connection: sa.Connection, numbers: Collection[int]) -> None:
    """Delete tellings."""
    some = sorted(numbers)
    for at in range(0, len(some), _AT_ONCE):
        these = security_ids.c.id.in_(some[at : at + _AT_ONCE])
        connection.execute(security_ids.delete().where(these))


def undo(
    connection: sa.Connection, run_id: int, *, owner_id: int, kept: Collection[tuple[int, str]]
) -> bool:
    """Forget what a run told, and let the word before it hold again; say if there was any.

    What it told of the positions (account, id) that are `kept` stays.
    """
    c = security_ids.c
    query = security_ids.select().where(c.owner_id == owner_id, c.run_id == run_id)
    found = [_told(row) for row in connection.execute(query)]
    gone = [one for one in found if (one.account_id, one.external_id) not in kept]
    delete(connection, [one.telling.number for one in gone])
    for account_id, external_id in {(one.account_id, one.external_id) for one in gone}:
        of_position = sa.and_(c.account_id == account_id, c.external_id == external_id)
        newest = sa.select(sa.func.max(c.id)).where(of_position).scalar_subquery()
        connection.execute(security_ids.update().where(c.id == newest).values(until=None))
    return bool(gone)


_AT_ONCE: Final = 1000


def _change(connection: sa.Connection, numbers: Collection[int], **values: object) -> None:
    some = sorted(numbers)
    for at in range(0, len(some), _AT_ONCE):
        these = security_ids.c.id.in_(some[at : at + _AT_ONCE])
        connection.execute(security_ids.update().where(these).values(**values))


def _told(row: sa.Row[Any]) -> Told:
    position = None if row.account_id is None else f"{row.account_id} {row.external_id}"
    telling = Telling(
        number=row.id,
        source=row.source,
        type=SecurityType(row.type),
        since=row.since,
        until=row.until,
        position=position,
        provider=row.security_external_id,
        ticker=valid_ticker(row.ticker) or row.ticker,
        mic=valid_mic(row.mic),
        isin=valid_isin(row.isin),
        figi=valid_figi(row.figi),
        cusip=valid_cusip(row.cusip),
        currency=row.currency,
        name=row.name,
        pin=row.pin,
        apart=frozenset(row.apart.split()),
    )
    return Told(telling, row.security_id, row.account_id, row.external_id, row.run_id)
