"""Rows that the bank tells again under another id (sync.md 11)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from penstock.db import suggestions
from penstock.db.bulk import Counts
from penstock.db.suggestions import Kind, Role
from penstock.db.sweeping import Told
from penstock.domain.transaction import TransactionSeen
from penstock.domain.update import Absence, Covered, Page
from penstock.engine import decide
from tests.databases import Database
from tests.db.merging import DAY, DELTA, SILENT, Ledger, ledger, row

WINDOW = [Covered("a", DAY - timedelta(days=9), DAY + timedelta(days=9))]
RENAMING = replace(DELTA, reissues_ids=True)


def shop(external_id: str, amount: str = "-10.00", **more: object) -> TransactionSeen:
    """Make a row that says the same whatever its id."""
    return row(external_id, amount, **{"description": "A shop", **more})


def tell(
    book: Ledger, rows: Sequence[TransactionSeen], absence: Absence = Absence.REMOVED
) -> Counts:
    """Merge an update that tells all rows of these days."""
    told = Told(absence, whole=False, covered=WINDOW)
    return book.merge_pages([Page(rows, [], None, more=False)], SILENT, told)


def suggested(book: Ledger) -> list[dict[int, Role]]:
    """Return the rows of each suggestion that speaks of a re-issued id."""
    found = book.database.read_now(
        suggestions.page, owner_id=book.owner_id, state=None, after=0, limit=10
    )
    return [one.rows for one in found if one.kind is Kind.REISSUED]


@pytest.mark.parametrize("absence", [Absence.REMOVED, Absence.PENDING_GONE])
def test_a_reissued_id_is_the_same_row(database: Database, absence: Absence) -> None:
    """sync.md 11: same number, the person's words kept, nothing inserted, the old id an alias."""
    with ledger(database.url) as book:
        tell(book, [shop("old"), shop("other", "-7.00")])
        number = book.rows()[0].id
        book.edit("old", note="mine")
        counts = tell(book, [shop("new"), shop("other", "-7.00")], absence)
        assert (counts.inserted, counts.changed, counts.unchanged, counts.removed) == (0, 1, 1, 0)
        (kept, _) = book.rows(removed=True)
        assert (kept.id, kept.external_id, kept.note) == (number, "new", "mine")
        assert kept.change_number > book.rows()[1].change_number
        assert not book.merge(removed=["old"]).wrote


def test_the_same_again_changes_nothing(database: Database) -> None:
    """sync.md 7: once it goes under its new id, telling that once more writes nothing."""
    with ledger(database.url) as book:
        tell(book, [shop("old")])
        tell(book, [shop("new")])
        counts = tell(book, [shop("new")])
        assert (counts.unchanged, counts.wrote) == (1, False)


def test_an_id_that_returns_is_the_row_again(database: Database) -> None:
    """sync.md 11: told under its first id once more it is the same; told under both, it is two."""
    with ledger(database.url) as book:
        for told in ("old", "new", "old"):
            tell(book, [shop(told)])
        ((number, _),) = [(one.id, one.external_id) for one in book.rows(removed=True)]
        counts = tell(book, [shop("old"), shop("new")])
        assert (counts.inserted, counts.unchanged) == (1, 1)
        assert {one.external_id: one.id == number for one in book.rows()} == {
            "old": True,
            "new": False,
        }


def test_twins_are_renamed_one_for_one(database: Database) -> None:
    """sync.md 11, 13: of equal rows as many stay as there were; one still told is itself."""
    with ledger(database.url) as book:
        tell(book, [shop("a1"), shop("a2")])
        numbers = {one.external_id: one.id for one in book.rows()}
        tell(book, [shop("a1"), shop("b2")])
        assert {one.external_id: one.id for one in book.rows()} == {
            "a1": numbers["a1"],
            "b2": numbers["a2"],
        }
        counts = tell(book, [shop("c1"), shop("c2"), shop("c3")])
        assert (counts.inserted, counts.changed, counts.removed) == (1, 2, 0)
        assert {one.id for one in book.rows()} > set(numbers.values())


def test_of_twins_the_one_that_was_written_on_stays(database: Database) -> None:
    """sync.md 11: where one of two equal rows is gone, no word of the person goes with it."""
    with ledger(database.url) as book:
        tell(book, [shop("a1"), shop("a2")])
        book.edit("a2", note="mine")
        tell(book, [shop("b")])
        (kept,) = book.rows()
        assert (kept.external_id, kept.note) == ("b", "mine")


@pytest.mark.parametrize(
    "other",
    [
        shop("new", "-10.01"),
        shop("new", on=DAY + timedelta(days=1)),
        shop("new", description="Something else"),
        shop("new", reference="another"),
        shop("new", pending=True),
    ],
    ids=["amount", "day", "words", "reference", "pending"],
)
def test_another_row_is_another_row(database: Database, other: TransactionSeen) -> None:
    """sync.md 11: whatever differs makes it a row of its own, and the missing one is gone."""
    with ledger(database.url) as book:
        tell(book, [shop("old")])
        counts = tell(book, [other])
        assert (counts.inserted, counts.removed) == (1, 1)
        assert book.ids() == ["new"]


def test_what_was_taken_back_in_the_same_breath_was_renamed(database: Database) -> None:
    """sync.md 9, 11: a removal that a new id explains is no removal."""
    with ledger(database.url) as book:
        book.merge([shop("old")])
        number = book.rows()[0].id
        counts = book.merge([shop("new")], removed=["old"])
        assert (counts.inserted, counts.changed, counts.removed) == (0, 1, 0)
        assert [(one.id, one.external_id) for one in book.rows()] == [(number, "new")]


def test_what_was_taken_back_before_returns_under_its_new_id(database: Database) -> None:
    """sync.md 11, 12: the same row revives, whatever it is called now."""
    with ledger(database.url) as book:
        book.merge([shop("old")])
        number = book.rows()[0].id
        book.merge(removed=["old"])
        counts = book.merge([shop("new")])
        assert (counts.inserted, counts.changed) == (0, 1)
        assert [(one.id, one.external_id) for one in book.rows()] == [(number, "new")]


def test_without_proof_it_is_suggested(database: Database) -> None:
    """sync.md 11: while the old id may still stand, both do; accepted, they are one row."""
    with ledger(database.url) as book:
        book.merge([shop("old")], feed=RENAMING)
        book.edit("old", note="mine")
        counts = book.merge([shop("new")], feed=RENAMING)
        assert counts.inserted == 1
        old, new = (one.id for one in book.rows())
        assert suggested(book) == [{old: Role.OLD, new: Role.NEW}]
        (open_one,) = book.database.read_now(
            suggestions.page, owner_id=book.owner_id, state=None, after=0, limit=10
        )
        book.database.write_now(decide.accept, open_one.id, owner_id=book.owner_id, now=book.now)
        (kept,) = book.rows(removed=True)
        assert (kept.id, kept.external_id, kept.note) == (old, "new", "mine")
        assert not book.merge(removed=["old"], feed=RENAMING).wrote


def test_no_provider_of_lasting_ids_is_doubted(database: Database) -> None:
    """sync.md 11: two equal payments of a day are two, and nobody is asked about them."""
    with ledger(database.url) as book:
        book.merge([shop("one")])
        book.merge([shop("two")])
        assert len(book.rows()) == 2
        assert suggested(book) == []


def test_what_is_told_at_the_same_time_is_never_one(database: Database) -> None:
    """sync.md 11: two rows that one update shows are two, of any provider."""
    with ledger(database.url) as book:
        book.merge([shop("one")], feed=RENAMING)
        book.merge([shop("one"), shop("two")], feed=RENAMING)
        assert len(book.rows()) == 2
        assert suggested(book) == []
