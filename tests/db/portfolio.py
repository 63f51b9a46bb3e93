"""The portfolio of tests/domain/portfolio.py, written into the tables."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from penstock.db import prices, rates
from penstock.db.lane import Database
from penstock.db.securities import securities
from penstock.domain.quote import Quote
from penstock.domain.rate import OFFICIAL, Stated
from tests.db.books import Books
from tests.domain.portfolio import BALANCES, EUROS, HELD, quote_of


def security(database: Database, owner: int, name: str, now: datetime, **different: Any) -> int:
    """Make a security that our quotes have a name for."""
    values = {
        "owner_id": owner,
        "name": name,
        "type": "stock",
        "currency": "EUR",
        "created_at": now,
        "updated_at": now,
        **different,
    }

    def add(connection: sa.Connection) -> int:
        made = securities.insert().values(values).returning(securities.c.id)
        return int(connection.execute(made).scalar_one())

    return database.write_now(add)


def fill(database: Database, owner: int, now: datetime) -> Mapping[str, int]:
    """Make everything of the table, stated two hours before `now`; return numbers by name."""
    books, at = Books(database), now - timedelta(hours=1)
    made: dict[str, int] = {}
    institution = {"institution_id": "mill", "institution_name": "Mill Bank"}
    connection = books.connection(owner, **institution, last_success_at=at)
    made["broker"] = books.account(owner, connection, name="Broker", type="investment")
    quotes: list[Quote] = []
    for name, told in HELD.items():
        quote = quote_of(name, as_of=now - timedelta(minutes=20))
        quotes += [quote] if quote else []
        number = security(
            database,
            owner,
            name,
            now,
            type=told.get("type", "stock"),
            isin=told.get("isin"),
            ticker=name,
            instrument=quote.instrument if quote else None,
        )
        made[f"security of {name}"] = number
        made[name] = books.holding(
            owner,
            made["broker"],
            security_id=number,
            symbol=name,
            name=name,
            type=told.get("type", "stock"),
            quantity=Decimal(told["quantity"]),
            currency=told.get("currency", "EUR"),
            price=told.get("price") and Decimal(told["price"]),
            value=told.get("value") and Decimal(told["value"]),
            cost_basis=None,
            as_of=at,
        )
    for name, (type_, amount, currency) in BALANCES.items():
        made[name] = books.account(owner, connection, name=name, type=type_, currency=currency)
        stated = at - timedelta(hours=1)
        known = {"amount": Decimal(amount), "currency": currency}
        books.balance(owner, made[name], **known, as_of=stated, as_of_on=stated.date())
    database.write_now(prices.accept, quotes, now=now)
    set_rates(database, now.date() - timedelta(days=1), now)
    return made


def set_rates(database: Database, day: date, now: datetime, **different: str) -> None:
    """Store the rates of the table as those of a day."""
    told = EUROS | {name: Decimal(rate) for name, rate in different.items()}
    table = [Stated(day, currency, rate) for currency, rate in told.items()]
    database.write_now(rates.store, table, source=OFFICIAL, now=now)
