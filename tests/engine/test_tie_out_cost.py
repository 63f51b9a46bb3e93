"""What a tie-out costs: counted in the steps that SQLite takes, which no load changes."""

from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from penstock.db import balances
from penstock.engine.tieout import check_connection
from tests.databases import Databases
from tests.db.merging import NOW, ledger


def steps(url: str, days: int) -> int:
    """Return how many steps a check takes of an account with so many days of proven balances."""
    taken = 0

    def step() -> int:
        nonlocal taken
        taken += 1
        return 0

    with ledger(url) as book:
        given: dict[str, Any] = {
            "owner_id": book.owner_id,
            "account_id": book.accounts["a"],
            "run_id": 1,
        }
        given |= {"kind": "current", "amount": Decimal("10.00"), "change_number": 0}
        rows = []
        for back in range(days):
            day = NOW.date() - timedelta(days=back)
            as_of = datetime.combine(day, time(6), NOW.tzinfo)
            for currency in ("EUR", "USD"):
                when = {"as_of": as_of, "as_of_on": day, "observed_at": as_of}
                rows.append({**given, **when, "currency": currency})
        book.database.write_now(balances.insert, rows)
        book.database.write_now(check_connection, book.connection_id, now=NOW)

        @sa.event.listens_for(book.database.engine, "checkout")
        def watch(driver: Any, *_: object) -> None:
            driver.inner.set_progress_handler(step, 1)

        book.database.write_now(check_connection, book.connection_id, now=NOW)
        sa.event.remove(book.database.engine, "checkout", watch)
    return taken


def test_a_check_costs_what_is_new(sqlite_databases: Databases) -> None:
    """sync.md 30: from its footing on, however long the history of balances is before it."""
    taken = []
    for days in (100, 1_000):
        with sqlite_databases.fresh() as database:
            taken.append(steps(database.url, days))
    few, many = taken
    assert many < 1.5 * few
