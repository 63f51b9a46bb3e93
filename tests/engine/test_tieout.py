"""Which of the balances that a bank stated are checked."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from penstock.db.leases import Lease
from penstock.domain.errors import LeaseLost
from penstock.domain.tieout import Observation, TieOutStatus, tie_out
from penstock.engine.tieout import NEWEST, chosen_of, tie_out_connection
from tests.databases import Database
from tests.db.books import NOW, open_books

DAY = date(2026, 11, 2)


def said(day: int, amount: str, run: int = 1, *, opening: bool = False) -> Observation:
    """Return a balance that the bank stated of a day."""
    return Observation(DAY + timedelta(day), Decimal(amount), run, opening)


def test_a_difference_is_named_however_often_one_syncs() -> None:
    """sync.md 30: synced a hundred times a day, a difference still outgrows its two days' grace."""
    off = [said(day, "7.00", run) for day in range(1, 6) for run in range(100)]
    chosen = chosen_of([said(0, "0.00", opening=True), said(0, "0.00"), *off])
    found = tie_out(chosen, [], DAY + timedelta(5))
    assert (found.status, found.amount) == (TieOutStatus.DIFFERENCE, Decimal("7.00"))
    assert found.first_on == DAY


def test_the_last_of_a_day_and_the_newest_days_are_checked() -> None:
    """sync.md 30: the first balance, and the last of each of the newest days."""
    every = [said(day, str(run), run) for day in range(100) for run in (1, 2)]
    chosen = chosen_of(every)
    assert chosen[0] == every[0]
    assert chosen[1:] == [said(day, "2", 2) for day in range(100 - NEWEST, 100)]
    assert chosen_of([]) == []
    assert chosen_of(every[:1]) == every[:1]


def test_an_opening_balance_that_is_restated_is_the_one_that_counts() -> None:
    """sync.md 30: the bank corrects its opening balance, or lists fewer days and states a later."""
    wrong, right = said(0, "1.00", opening=True), said(0, "2.00", opening=True)
    later = said(1, "9.00", opening=True)
    now = said(3, "2.00", 5)
    chosen = chosen_of([wrong, right, later, now])
    assert chosen == [right, now]
    assert tie_out(chosen, [], DAY + timedelta(9)).status is TieOutStatus.OK


def test_who_lost_the_lease_says_nothing_of_the_accounts(database: Database) -> None:
    """sync.md 20: the connection belongs to another worker, or to nobody any more."""
    with open_books(database.url) as books:
        lost = Lease(books.connection(books.person()), "late", 7)
        with pytest.raises(LeaseLost):
            books.database.write_now(tie_out_connection, lost, now=NOW)
