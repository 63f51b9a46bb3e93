"""One person with an account, whose worth is looked at day by day."""

import asyncio
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from penstock.db import feeds, holding_versions, net_worth, prices
from penstock.db.holdings import holdings
from penstock.db.lane import Database
from penstock.db.net_worth import DayWorth
from penstock.domain.says import Invested
from penstock.engine.worth import Valuer
from tests.db.books import Books
from tests.db.portfolio import security
from tests.domain.portfolio import quote_of

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass
class Clock:
    """A clock that stands still until it is told to move."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Street:
    """One person with an account, and who values it."""

    database: Database
    clock: Clock = field(default_factory=Clock)
    zone: str = "UTC"

    def __post_init__(self) -> None:
        self.books = Books(self.database)
        self.owner = self.books.person()
        self.connection = self.books.connection(self.owner)
        self.account = self.books.account(self.owner, self.connection)

    def balance(self, day: int, amount: str, **more: Any) -> None:
        """State a balance at noon of a day of November."""
        at = datetime(2026, 11, day, 12, tzinfo=UTC)
        known = {"as_of": at, "as_of_on": at.date(), "amount": Decimal(amount), "run_id": 999}
        self.books.balance(self.owner, self.account, observed_at=at, **known | more)

    def row(self, day: int, amount: str, **more: Any) -> int:
        """Post a row on a day of November."""
        on = date(2026, 11, day)
        known = {"dated_on": on, "booked_on": on, "posted_run_id": 1, "created_at": self.clock.now}
        return self.books.transaction(self.owner, self.account, amount=amount, **known | more)

    def series(self, first: int, last: int = 30, currency: str = "EUR") -> list[DayWorth]:
        """Return the days of November."""
        valuer = Valuer(self.database, self.clock, ZoneInfo(self.zone), {"sandbox": Invested.MONEY})
        span = date(2026, 11, first), date(2026, 11, last)
        return list(asyncio.run(valuer.series(self.owner, currency, *span)))

    def totals(self, first: int, last: int = 30) -> dict[int, str | None]:
        """Return the totals by the day of November; None where nothing is known."""
        days = self.series(first, last)
        return {one.day.day: str(one.total) if one.counted else None for one in days}

    def stored(self) -> list[int]:
        """Return which days of November are stored."""
        query = sa.select(net_worth.net_worth.c.day).order_by(net_worth.net_worth.c.day)
        return [day.day for day in self.database.read_now(lambda c: list(c.scalars(query)))]

    def write(self, statement: sa.Executable) -> None:
        """Change something behind everybody's back."""
        self.database.write_now(lambda connection: connection.execute(statement))

    def later(self, **by: float) -> None:
        """Let time pass."""
        self.clock.now += timedelta(**by)


def held(
    street: Street, quantity: str, day: int, *, instrument: str = "SAP:XETR", **more: Any
) -> int:
    """Hold so many shares of SAP since a day of November."""
    at = datetime(2026, 11, day, 9, tzinfo=UTC)
    number = security(street.database, street.owner, "SAP", at, instrument=instrument)
    stated = {"price": None, "value": None, "as_of": at, "security_id": number}
    holding = street.books.holding(
        street.owner, street.account, quantity=Decimal(quantity), **stated, **more
    )
    known: dict[str, Any] = {"owner_id": street.owner, "run_id": 1, "today": at.date()}
    change = street.database.read_now(feeds.last, street.owner)
    street.database.write_now(holding_versions.append, change_number=change, **known)
    return holding


def quoted(street: Street, day: int, price: str | None = None, **more: Any) -> None:
    """Accept a quote of SAP of the evening of a day of November."""
    quote = quote_of("SAP", as_of=datetime(2026, 11, day, 17, tzinfo=UTC))
    assert quote is not None
    if price is not None:
        quote = quote._replace(price=Decimal(price))
    quote = quote._replace(**more)
    street.database.write_now(prices.accept, [quote], now=street.clock.now)


def restate(street: Street, holding: int, quantity: str, day: int) -> None:
    """Let the institution state another quantity of a position on a day of November."""
    at = datetime(2026, 11, day, 9, tzinfo=UTC)
    number = street.books.number(street.owner)
    told = {"quantity": Decimal(quantity), "as_of": at, "change_number": number}
    street.write(holdings.update().where(holdings.c.id == holding).values(told))
    known: dict[str, Any] = {"owner_id": street.owner, "run_id": 2, "today": at.date()}
    street.database.write_now(holding_versions.append, change_number=number, **known)
