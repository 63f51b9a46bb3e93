"""What a tie-out costs: counted in the steps that SQLite takes, which no load changes."""

from collections.abc import Callable
from datetime import datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from penstock.db import balances, tie_outs
from penstock.engine.tieout import check_connection
from tests.databases import Databases
from tests.db.merging import NOW, ledger
from tests.steps import counted

Look = Callable[[sa.Connection, int], object]


def check(connection: sa.Connection, connection_id: int) -> None:
    """Tie the accounts of a connection out."""
    check_connection(connection, connection_id, now=NOW)


def is_fresh(connection: sa.Connection, connection_id: int) -> None:
    """See that they are tied out, as a quiet run does."""
    assert tie_outs.are_fresh(connection, connection_id, since=NOW.date())


def cost(url: str, days: int, look: Look) -> int:
    """Return how many steps a look takes at an account with so many days of proven balances."""
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
        book.database.write_now(check, book.connection_id)
        with counted(book.database.engine) as steps:
            book.database.write_now(look, book.connection_id)
        return steps.taken


@pytest.mark.parametrize("look", [check, is_fresh])
def test_a_look_costs_what_is_new(sqlite_databases: Databases, look: Look) -> None:
    """sync.md 30: from its footing on, however long the history of balances is before it."""
    taken = []
    for days in (100, 1_000):
        with sqlite_databases.fresh() as database:
            taken.append(cost(database.url, days, look))
    few, many = taken
    assert many < 1.5 * few
