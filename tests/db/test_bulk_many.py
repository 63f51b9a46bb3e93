"""The merge of so many rows that they go the ways that are for many."""

from datetime import timedelta

import pytest

from penstock.db.bulk import Counts
from penstock.db.filling import AT_A_TIME
from penstock.db.staging import MANY
from penstock.db.sweeping import Told
from penstock.domain.update import Absence, Covered, Page
from tests.databases import Database
from tests.db.merging import DAY, ledger, row

SIZE = 500


def pages(first: int, end: int, amount: str = "-10.00") -> list[Page]:
    """Tell rows of these numbers, a few hundred a page."""
    rows = [row(f"{number:06}", amount) for number in range(first, end)]
    return [
        Page(rows[start : start + SIZE], [], None, more=False)
        for start in range(0, len(rows), SIZE)
    ]


@pytest.mark.parametrize("again", [0, AT_A_TIME - SIZE, AT_A_TIME], ids=str)
def test_a_row_told_twice_in_a_long_first_update_is_one_row(database: Database, again: int) -> None:
    """sync.md 9: the last event of an id wins, however many rows came between."""
    many = AT_A_TIME + SIZE
    with ledger(database.url) as book:
        told = [*pages(0, many), *pages(again, again + 1, "-12.00")]
        assert book.merge_pages(told) == Counts(inserted=many)
        stored = {one.external_id: str(one.amount) for one in book.rows()}
        assert len(stored) == many
        assert [name for name, amount in stored.items() if amount == "-12.00"] == [f"{again:06}"]


def test_the_last_event_wins_among_many(database: Database) -> None:
    """sync.md 9: also where so many rows are staged that they are indexed afterwards."""
    many = MANY + SIZE
    with ledger(database.url) as book:
        book.merge_pages(pages(0, many))
        told = [
            *pages(0, 1, "-11.00"),
            *pages(0, many),
            *pages(many - 1, many, "-12.00"),
            *pages(many, many + 1),
            Page([], [], None, more=False),
        ]
        assert book.merge_pages(told) == Counts(inserted=1, changed=1, unchanged=many - 1)
        stored = [one.external_id for one in book.rows() if str(one.amount) != "-10.00"]
        assert stored == [f"{many - 1:06}"]
        assert book.merge_pages(pages(0, 3)) == Counts(unchanged=3)


def test_a_row_without_a_day_hides_no_other_that_is_missing(database: Database) -> None:
    """sync.md 27: as many rows told as stand prove nothing where one has no day of its own."""
    with ledger(database.url) as book:
        undated = row("undated", pending=True)._replace(authorized_on=None)
        book.later(days=-30)
        book.merge([row("1"), undated])
        book.now = book.now.replace(month=DAY.month, day=DAY.day + 1)
        days = Told(Absence.REMOVED, whole=False, covered=[Covered("a", DAY, DAY + timedelta(3))])
        told = [Page([undated], [], None, more=False)]
        assert book.merge_pages(told, told=days) == Counts(unchanged=1, removed=1)
        assert book.ids() == ["undated"]
