"""What a look for new rows costs: counted in the steps that SQLite takes, which no load changes."""

import pytest

from tests.databases import Databases
from tests.engine.test_notices import Office, office
from tests.steps import counted


def cost(desk: Office, account: int, rows: int) -> int:
    """Return how many steps a pass takes after so many new rows of an account."""
    engine, notifier = desk.books.database.engine, desk.notifier(new=True)
    desk.passes(notifier)
    desk.books.transactions(desk.owner, account, [{}] * rows)
    with counted(engine) as steps:
        told = desk.passes(notifier)
    assert told == (["Penstock: 1 new at Mill Bank"] if rows else [])
    return steps.taken


@pytest.mark.parametrize("new", [0, 1])
def test_a_pass_costs_what_is_new(sqlite_databases: Databases, new: int) -> None:
    """However many rows there are, of it and of the same person's other connections."""
    taken = []
    for stored in (20, 1_000):
        with sqlite_databases.fresh() as database, office(database) as desk:
            quiet, busy = desk.connection(institution_name="Quiet"), desk.connection()
            accounts = [desk.books.account(desk.owner, one) for one in (quiet, busy)]
            desk.passes(desk.notifier(new=True))
            for account in accounts:
                desk.books.transactions(desk.owner, account, [{}] * stored)
            desk.passes(desk.notifier(new=True))
            desk.books.transactions(desk.owner, accounts[1], [{}] * stored)
            taken.append(cost(desk, accounts[1], new))
    few, many = taken
    assert many < 1.2 * few
