"""Change numbers: given one after another, seen one after another, whoever writes at once."""

import pytest
import sqlalchemy as sa

from penstock.db import feeds
from penstock.db.balances import balances
from penstock.db.changes import KINDS
from penstock.db.connect import open_database
from tests.databases import Database
from tests.db.books import open_books
from tests.engine.crowd import crowd
from tests.engine.house import play

BALANCE = KINDS.index("balance")


def test_numbers_are_given_one_by_one_to_each_owner(database: Database) -> None:
    """sync.md 19: an owner's numbers are 1, 2, 3 …; another's do not touch them."""
    with open_books(database.url) as books:
        one, other = books.person(), books.person()
        assert [books.number(one) for _ in range(3)] == [1, 2, 3]
        assert books.number(other) == 1


def test_a_commit_that_fails_takes_no_number(database: Database) -> None:
    """sync.md 19: what is rolled back leaves no gap, for nobody ever saw its number."""

    def fail(connection: sa.Connection, owner: int) -> None:
        assert feeds.next_change(connection, owner) == 1
        raise LookupError

    with open_books(database.url) as books:
        owner = books.person()
        with pytest.raises(LookupError):
            books.database.write_now(fail, owner)
        assert books.number(owner) == 1


def test_a_reader_misses_nothing_while_processes_write(database: Database) -> None:
    """sync.md 19: while four processes commit, and some fail, one pages by (number, kind, id).

    In the end it has met every row that is stored, once and in order; no number was skipped.
    """

    async def story() -> None:
        with open_books(database.url) as books:
            owner = books.person()
            account = books.account(owner, books.connection(owner))
        (met, *written) = await crowd(
            5,
            "tests.db.acts.read_and_write_feed",
            url=database.url,
            owner_id=owner,
            account_id=account,
            commits=25,
            last=1 + 4 * 20,
        )
        async with open_database(database.url) as lanes:
            stored = await lanes.read(positions, owner)
        assert met == sorted(met)
        assert [(number, row) for number, kind, row in met if kind == BALANCE] == stored
        assert sorted(row for rows in written for (row,) in rows) == sorted(
            row for _, row in stored
        )
        assert {number for number, _ in stored} == set(range(2, 2 + 4 * 20))

    play(story())


def positions(connection: sa.Connection, owner: int) -> list[tuple[int, int]]:
    """Return the number and the row of every balance, in the feed's order."""
    c = balances.c
    query = sa.select(c.change_number, c.id).where(c.owner_id == owner)
    rows = connection.execute(query.order_by(c.change_number, c.id))
    return [(row.change_number, row.id) for row in rows]
