"""Pending rows become posted ones: one identity where it is certain, two rows where it is not."""

from datetime import timedelta

import pytest

from penstock.db.bulk import Counts
from penstock.domain.transaction import Removal
from penstock.domain.update import Page
from tests.databases import Database
from tests.db.merging import DAY, ledger, row


def test_linked_pending_becomes_posted_in_place(database: Database) -> None:
    """sync.md 10: pending to posted keeps one identity, and what the person wrote stays."""
    with ledger(database.url) as book:
        book.merge([row("p", "-10.00", pending=True)])
        book.edit("p", note="lunch", person_category="food", hidden=True)
        number = book.rows()[0].id
        counts = book.merge([row("q", "-12.00", replaces="p")], removed=["p"])
        assert counts == Counts(paired=1)
        (one,) = book.rows()
        assert (one.id, one.external_id, one.status) == (number, "q", "posted")
        assert (str(one.amount), one.note, one.person_category) == ("-12.00", "lunch", "food")
        assert one.hidden


def test_events_for_a_superseded_id_change_nothing(database: Database) -> None:
    """sync.md 7: every id a row ever had stays its alias; events for it change nothing."""
    with ledger(database.url) as book:
        book.merge([row("p", pending=True)])
        book.merge([row("q", replaces="p")], removed=["p"])
        before = book.rows()
        assert book.merge([row("p", pending=True)]) == Counts()
        assert book.merge(removed=["p"]) == Counts()
        assert book.rows() == before


def test_posted_first_then_its_late_pending(database: Database) -> None:
    """sync.md 7, 10: a posted row that names a pending never seen makes that id its alias."""
    with ledger(database.url) as book:
        assert book.merge([row("q", replaces="p")]) == Counts(inserted=1)
        assert book.merge([row("p", pending=True)]) == Counts()
        assert book.merge(removed=["p"]) == Counts()
        assert book.ids() == ["q"]


def test_pending_and_posted_in_one_update(database: Database) -> None:
    """sync.md 9, 10: born and settled within one update, it is inserted once, as posted."""
    with ledger(database.url) as book:
        pages = [
            Page([row("p", pending=True)], [], "c1", more=True),
            Page([row("q", replaces="p")], [Removal("a", "p")], "c2", more=False),
        ]
        assert book.merge_pages(pages) == Counts(inserted=1)
        assert book.ids() == ["q"]


def test_settled_after_its_removal_was_committed(database: Database) -> None:
    """sync.md 9: a pending that the bank already took back still takes part in the pairing."""
    with ledger(database.url) as book:
        book.merge([row("p", pending=True)])
        book.edit("p", note="kept")
        assert book.merge(removed=["p"]) == Counts(removed=1)
        assert book.merge([row("q", replaces="p")]) == Counts(paired=1)
        assert [(one.external_id, one.note) for one in book.rows()] == [("q", "kept")]


def test_unlinked_pair_is_found_when_it_is_certain(database: Database) -> None:
    """sync.md 10: without a link, the only exact match both ways within 14 days is the same row."""
    with ledger(database.url) as book:
        book.merge([row("p", "-10.00", pending=True)])
        settled = row("q", "-10.00", on=DAY + timedelta(days=3))
        assert book.merge([settled], removed=["p"]) == Counts(paired=1)
        assert book.ids() == ["q"]


def test_unlinked_pair_is_refused_where_two_could_be_meant(database: Database) -> None:
    """sync.md 10: two equal pendings and one posted row: nothing is guessed."""
    with ledger(database.url) as book:
        book.merge([row("p1", pending=True), row("p2", pending=True)])
        assert book.merge([row("q")], removed=["p1", "p2"]) == Counts(inserted=1, removed=2)


def test_unlinked_pair_needs_the_pending_gone(database: Database) -> None:
    """sync.md 10, 11: on a feed with removals, a pending that stands is another row."""
    with ledger(database.url) as book:
        book.merge([row("p", pending=True)])
        assert book.merge([row("q")]) == Counts(inserted=1)
        assert book.ids() == ["p", "q"]


def test_unlinked_pair_needs_order_and_nearness(database: Database) -> None:
    """sync.md 10: pending first, and at most 14 days; other amounts never."""
    with ledger(database.url) as book:
        book.merge([row("p", pending=True, on=DAY)])
        early = row("q", on=DAY - timedelta(days=1))
        late = row("r", on=DAY + timedelta(days=15))
        other = row("s", "-10.01", on=DAY)
        assert book.merge([early, late, other], removed=["p"]) == Counts(inserted=3, removed=1)


def test_a_pending_that_is_posted_itself_is_no_other_row(database: Database) -> None:
    """sync.md 11: the pending settles under its own id, and another posted row names it too."""
    with ledger(database.url) as book:
        book.merge([row("p", "-10.00", pending=True)])
        book.merge([row("p", "-10.00"), row("q", "-5.00", replaces="p")])
        assert sorted(book.ids()) == ["p", "q"]
        assert book.merge(removed=["p"]) == Counts(removed=1)


@pytest.mark.parametrize("pending", [False, True])
def test_a_pending_that_came_back_became_no_other_row(database: Database, *, pending: bool) -> None:
    """sync.md 11: taken back, then there again beside a new row of its amount: both stand."""
    with ledger(database.url) as book:
        book.merge([row("p", "-10.00", pending=True)])
        book.merge(removed=["p"])
        book.merge([row("p", "-10.00", pending=pending), row("q", "-10.00")])
        assert sorted(book.ids()) == ["p", "q"]


def test_a_first_update_makes_no_alias_of_a_row_that_stands(database: Database) -> None:
    """sync.md 7: only a superseded id is deaf; a row that names itself, or one that stands, not."""
    with ledger(database.url) as book:
        book.merge([row("p"), row("q", replaces="p"), row("r", replaces="r")])
        assert book.merge(removed=["p", "r"]) == Counts(removed=2)
        assert book.ids() == ["q"]


def test_a_doubtful_pair_stays_doubtful(database: Database) -> None:
    """sync.md 10: two could be meant; when one more comes later, the pending is still not its."""
    with ledger(database.url) as book:
        book.merge([row("p", pending=True)])
        book.edit("p", note="mine")
        assert book.merge([row("1"), row("2")], removed=["p"]) == Counts(inserted=2, removed=1)
        assert book.merge([row("3")]) == Counts(inserted=1)
        assert [one.note for one in book.rows()] == [None, None, None]


def test_a_pair_that_was_found_casts_no_doubt(database: Database) -> None:
    """sync.md 10: the same coffee each morning: each pending finds its own posted row."""
    with ledger(database.url) as book:
        for number in range(3):
            on = DAY + timedelta(days=number)
            book.merge([row(f"p{number}", pending=True, on=on)])
            settled = row(f"q{number}", on=on + timedelta(days=1))
            assert book.merge([settled], removed=[f"p{number}"]) == Counts(paired=1)


def test_a_guessed_pair_is_taken_back_when_the_bank_says_otherwise(database: Database) -> None:
    """sync.md 7, 10: a pair that the bank never named ends when the old id is posted itself."""
    with ledger(database.url) as book:
        book.merge([row("p", pending=True)])
        assert book.merge([row("q")], removed=["p"]) == Counts(paired=1)
        assert book.merge([row("p")]) == Counts(inserted=1)
        assert book.merge([row("p", "-11.00")]) == Counts(changed=1)
        assert sorted(book.ids()) == ["p", "q"]
