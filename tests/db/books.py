"""People with connections, accounts and rows, written straight into the tables."""

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from penstock.db import feeds, holdings, leases
from penstock.db.accounts import accounts
from penstock.db.balances import balances
from penstock.db.connect import open_database
from penstock.db.connections import connections
from penstock.db.lane import Database
from penstock.db.runs import runs
from penstock.db.transactions import transactions
from penstock.db.users import users
from penstock.domain.money import canonical

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
TODAY = NOW.date()
DAY = date(2026, 11, 2)


_NAMES = itertools.count(1)


@dataclass(slots=True)
class Books:
    """Makes rows; every call returns the number of what it made."""

    database: Database
    _names: Iterator[int] = field(default_factory=lambda: _NAMES)

    def person(self) -> int:
        """Make a person with an empty feed."""
        values = {"username": f"p{next(self._names)}", "password_hash": "", "created_at": NOW}
        owner = self._add(users, values)
        self.database.write_now(feeds.open_feed, owner)
        return owner

    def connection(self, owner: int, **values: Any) -> int:
        """Make a connection that was synced an hour ago."""
        known = {"connector": "sandbox", "consent": "active", "created_at": NOW}
        number = self._add(connections, known | {"owner_id": owner} | values)
        self.database.write_now(leases.open_lease, number)
        return number

    def account(self, owner: int, connection: int, **values: Any) -> int:
        """Make an account in euros."""
        known = {
            "external_id": f"a{next(self._names)}",
            "name": "Current account",
            "type": "checking",
            "currency": "EUR",
            "active": True,
            "created_at": NOW,
            "change_number": self.number(owner),
        }
        return self._add(
            accounts, known | {"owner_id": owner, "connection_id": connection} | values
        )

    def transaction(self, owner: int, account: int, **values: Any) -> int:
        """Make a posted transaction of DAY."""
        return self.transactions(owner, account, [values])[0]

    def transactions(self, owner: int, account: int, rows: Sequence[dict[str, Any]]) -> list[int]:
        """Make transactions in one commit, under one change number."""
        number = self.number(owner)
        known: dict[str, Any] = {
            "owner_id": owner,
            "account_id": account,
            "status": "posted",
            "amount": "-10.00",
            "currency": "EUR",
            "dated_on": DAY,
            "description": "Bakery",
            "first_run_id": 1,
            "last_run_id": 1,
            "created_at": NOW,
            "updated_at": NOW,
            "change_number": number,
        }
        full: list[dict[str, Any]] = [
            known | {"external_id": f"t{next(self._names)}"} | row for row in rows
        ]
        for row in full:
            row["amount"] = canonical(Decimal(row["amount"]), row["currency"])
        return self.database.write_now(_insert_each, transactions, full)

    def balance(self, owner: int, account: int, **values: Any) -> int:
        """Make a current balance of 100 euros, as of NOW."""
        known = {
            "owner_id": owner,
            "account_id": account,
            "run_id": 1,
            "kind": "current",
            "amount": Decimal("100.00"),
            "currency": "EUR",
            "as_of": NOW,
            "as_of_on": TODAY,
            "observed_at": NOW,
            "change_number": self.number(owner),
        }
        return self._add(balances, known | values)

    def holding(self, owner: int, account: int, **values: Any) -> int:
        """Make two and a half shares."""
        known = {
            "owner_id": owner,
            "account_id": account,
            "external_id": f"h{next(self._names)}",
            "symbol": "WEIR",
            "name": "Mill & Weir",
            "type": "stock",
            "quantity": Decimal("2.5"),
            "price": Decimal("10.00"),
            "value": Decimal("25.00"),
            "cost_basis": Decimal("20.00"),
            "currency": "EUR",
            "as_of": NOW,
            "first_run_id": 1,
            "created_at": NOW,
            "updated_at": NOW,
            "change_number": self.number(owner),
        }
        return self._add(holdings.holdings, known | values)

    def run(self, owner: int, connection: int, **values: Any) -> int:
        """Make a sync that went well, a minute long."""
        known = {
            "owner_id": owner,
            "connection_id": connection,
            "trigger": "schedule",
            "started_at": NOW,
            "finished_at": NOW + timedelta(minutes=1),
            "outcome": "done",
        }
        return self._add(runs, known | values)

    def number(self, owner: int) -> int:
        """Take the owner's next change number in a commit of its own."""
        return self.database.write_now(feeds.next_change, owner)

    def _add(self, table: sa.Table, values: dict[str, Any]) -> int:
        return self.database.write_now(_insert_each, table, [values])[0]


def _insert_each(
    connection: sa.Connection, table: sa.Table, rows: Sequence[dict[str, Any]]
) -> list[int]:
    statement = table.insert().returning(table.c.id)
    return [int(connection.execute(statement, row).scalar_one()) for row in rows]


@contextmanager
def open_books(url: str) -> Iterator[Books]:
    """Open a database for direct inserts."""
    database = open_database(url)
    try:
        yield Books(database)
    finally:
        database.close()
