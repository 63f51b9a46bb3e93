"""What a small update costs: counted in the steps that SQLite takes, which no load changes."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from penstock.db.bulk import Feed
from penstock.db.sweeping import Told
from penstock.domain.update import Absence, Covered, Page
from tests.databases import Databases
from tests.db.merging import DAY, DELTA, NOW, SILENT, Ledger, ledger, row
from tests.steps import counted

OLD = DAY - timedelta(days=400)
DAYS = Told(Absence.REMOVED, whole=False, covered=[Covered("a", DAY, DAY + timedelta(days=3))])

_ROWS = sa.text("""
    WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < :rows)
    INSERT INTO transactions (id, owner_id, account_id, external_id, status, amount, currency,
        dated_on, booked_on, description, first_run_id, last_run_id, posted_run_id, created_at,
        updated_at, change_number)
    SELECT n, :owner, :account, 'old' || n, 'posted', '-10.00', 'EUR', :day, :day, '', 1, 1, 1,
        :now, :now, 0
    FROM n
""")
_ALIASES = sa.text("""
    INSERT INTO aliases (account_id, external_id, transaction_id, run_id)
    SELECT account_id, 'pending' || id, id, 1 FROM transactions
""")


def remember(book: Ledger, rows: int) -> None:
    """Store so many old rows, each with an id that it had before."""
    given: dict[str, Any] = {"rows": rows, "owner": book.owner_id, "account": book.accounts["a"]}
    given |= {"day": OLD.isoformat(), "now": NOW.isoformat()}

    def store(connection: sa.Connection) -> None:
        connection.execute(_ROWS, given)
        connection.execute(_ALIASES)

    book.database.write_now(store)


def cost(url: str, rows: int, feed: Feed) -> int:
    """Return how many steps it takes to merge the same few rows beside so many."""
    with ledger(url) as book:
        remember(book, rows)
        told = [
            row("old7", "-11.00", on=OLD),
            row("posted", "-7.00", on=DAY + timedelta(days=1)),
            row("held", "-3.00", pending=True),
            row("other", "-4.00", replaces="held before"),
        ]
        with counted(book.database.engine) as steps:
            book.merge_pages([Page(told, [], None, more=False)], feed, DAYS)
        return steps.taken


@pytest.mark.parametrize("feed", [DELTA, SILENT], ids=["removals", "no removals"])
def test_an_update_costs_what_is_in_it(sqlite_databases: Databases, feed: Feed) -> None:
    """However many rows the account has, and however many ids they had before."""
    taken = []
    for rows in (500, 5_000):
        with sqlite_databases.fresh() as database:
            taken.append(cost(database.url, rows, feed))
    few, many = taken
    assert many < 1.5 * few
