"""Pairs that a person may confirm (sync.md 10)."""

from datetime import timedelta

import pytest

from penstock.db import suggestions
from penstock.db.suggestions import Kind, Role
from tests.databases import Database
from tests.db.merging import DAY, Ledger, ledger, row


def pairs(book: Ledger) -> list[dict[int, Role]]:
    """Return the rows of each pair that was suggested."""
    found = book.database.read_now(
        suggestions.page, owner_id=book.owner_id, state=None, after=0, limit=10
    )
    return [one.rows for one in found if one.kind is Kind.PAIR]


@pytest.mark.parametrize("amount", ["-11.50", "-13.00", "-7.00", "-10.00"])
def test_a_tip_is_likely(database: Database, amount: str) -> None:
    """sync.md 10: an amount that differs by a tip is suggested, and not paired."""
    with ledger(database.url) as book:
        book.merge([row("p", pending=True), row("other", pending=True), row("x", "-10.00")])
        book.merge([], removed=["p"])
        counts = book.merge([row("q", amount, on=DAY + timedelta(days=3))])
        assert (counts.inserted, counts.paired) == (1, 0)
        (one,) = pairs(book)
        assert sorted(one.values()) == [Role.PENDING, Role.POSTED]


@pytest.mark.parametrize(
    ("amount", "later"),
    [("-13.01", 3), ("10.00", 3), ("-11.50", 15), ("-11.50", -1)],
    ids=["too much", "the other way", "too late", "before"],
)
def test_what_does_not_fit_is_not_suggested(database: Database, amount: str, later: int) -> None:
    """sync.md 10: another direction, a longer time or a larger tip is another payment."""
    with ledger(database.url) as book:
        book.merge([row("p", pending=True)])
        book.merge([], removed=["p"])
        book.merge([row("q", amount, on=DAY + timedelta(days=later))])
        assert not pairs(book)


def test_a_pending_row_that_is_still_shown_is_not_suggested(database: Database) -> None:
    """sync.md 10: one that the bank still lists became nothing yet."""
    with ledger(database.url) as book:
        book.merge([row("p", pending=True)])
        book.merge([row("q", "-11.50", on=DAY + timedelta(days=1))])
        assert not pairs(book)


def test_the_same_pair_is_suggested_once(database: Database) -> None:
    """sync.md 10: what was suggested is not suggested again by a later update."""
    with ledger(database.url) as book:
        book.merge([row("p", pending=True)])
        book.merge([], removed=["p"])
        book.merge([row("q", "-11.50")])
        book.merge([row("r", "-55.00")])
        assert len(pairs(book)) == 1
