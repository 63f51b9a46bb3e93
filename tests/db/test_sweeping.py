"""What is no longer told, where all was told (sync.md 14, 27)."""

from collections.abc import Sequence
from datetime import date, timedelta

import pytest
import sqlalchemy as sa

from penstock.db import suggestions
from penstock.db.suggestions import Kind, State
from penstock.db.sweeping import Told
from penstock.domain.transaction import TransactionSeen
from penstock.domain.update import Absence, Covered, Page, Unmapped
from tests.databases import Database
from tests.db.merging import DAY, DELTA, SILENT, Ledger, ledger, row

WHOLE = Told(Absence.REMOVED, whole=True, covered=())


def window(first: int, last: int, *more: Covered) -> Told:
    """Tell the days from the first to the last in full, and more."""
    days = Covered("a", DAY + timedelta(days=first), DAY + timedelta(days=last))
    return Told(Absence.REMOVED, whole=False, covered=[days, *more])


def unread(external_id: str | None, account: str | None = "a") -> Told:
    """Tell everything, and one row that nobody can read."""
    row = Unmapped(account, external_id, "It has no amount.", b"{}")
    return Told(Absence.REMOVED, whole=True, covered=(), unread=[row])


def days(count: int, *, first: int = 0) -> list[TransactionSeen]:
    """Make rows of consecutive days, named t0, t1, …."""
    return [row(f"t{n}", on=DAY + timedelta(days=n)) for n in range(first, first + count)]


def tell(book: Ledger, rows: Sequence[TransactionSeen], told: Told) -> int:
    """Merge rows that tell so much in full; return how many were removed."""
    return book.merge_pages([Page(list(rows), [], None, more=False)], DELTA, told).removed


def asked(book: Ledger) -> list[suggestions.Suggested]:
    """Return the suggestions that were made."""
    return book.database.read_now(
        suggestions.page, owner_id=book.owner_id, state=None, after=0, limit=10
    )


def test_what_a_full_read_does_not_tell_is_gone(database: Database) -> None:
    """sync.md 27: after a lost cursor, a row that vanished meanwhile is taken away."""
    with ledger(database.url) as book:
        book.merge(days(5))
        assert tell(book, [*days(2), *days(2, first=3)], WHOLE) == 1
        assert book.ids() == ["t0", "t1", "t3", "t4"]
        assert book.merge(days(5)).changed == 1
        assert book.ids() == ["t0", "t1", "t2", "t3", "t4"]


def test_what_was_not_covered_stays(database: Database) -> None:
    """sync.md 14: a bank that no longer gives the first months has not taken them back."""
    with ledger(database.url) as book:
        book.merge(days(5))
        assert tell(book, days(2, first=3), WHOLE) == 0
        assert len(book.ids()) == 5


def test_an_account_of_which_nothing_is_told_stays(database: Database) -> None:
    """sync.md 14: silence covers nothing."""
    with ledger(database.url) as book:
        book.merge(days(5))
        assert tell(book, [], WHOLE) == 0
        assert len(book.ids()) == 5


@pytest.mark.parametrize(
    ("absence", "left"),
    [
        (Absence.NOTHING, ["t0", "t1", "p", "t2"]),
        (Absence.PENDING_GONE, ["t0", "t1", "t2"]),
        (Absence.REMOVED, ["t0", "t2"]),
    ],
)
def test_a_window_says_what_it_covers(
    database: Database, absence: Absence, left: list[str]
) -> None:
    """sync.md 14: inside the window, both days included, absence means what the connector says."""
    window = Covered("a", DAY + timedelta(days=1), DAY + timedelta(days=1))
    with ledger(database.url) as book:
        book.merge([*days(2), row("p", pending=True, on=DAY + timedelta(days=1)), row("t2")])
        tell(book, [], Told(absence, whole=False, covered=[window]))
        assert book.ids() == left


def test_many_missing_rows_wait_for_the_person(database: Database) -> None:
    """sync.md 14: more than 5 % and at least 10 are not taken away unasked, nor asked twice."""
    with ledger(database.url) as book:
        book.merge(days(60))
        told = [one for one in days(60) if one.booked_on and one.booked_on.day % 5]
        assert tell(book, told, WHOLE) == 0
        assert tell(book, told, WHOLE) == 0
        (question,) = asked(book)
        assert (question.kind, question.state) == (Kind.SWEEP, State.OPEN)
        assert len(question.rows) == 60 - len(told)
        assert len(book.ids()) == 60


def test_few_of_many_go_unasked(database: Database) -> None:
    """sync.md 14: ten rows of three hundred are a twentieth at most, and go."""
    with ledger(database.url) as book:
        rows = days(300)
        book.merge(rows)
        assert tell(book, [rows[0], *rows[11:]], WHOLE) == 10
        assert not asked(book)


def test_what_is_told_again_is_no_question_any_more(database: Database) -> None:
    """sync.md 14: a bank that comes to its senses answers for the person."""
    with ledger(database.url) as book:
        rows = days(40)
        book.merge(rows)
        tell(book, rows[:20] + rows[39:], WHOLE)
        book.merge(rows[20:30])
        assert [len(one.rows) for one in asked(book)] == [9]
        book.merge(rows)
        assert [one.state for one in asked(book)] == [State.GONE]


def test_a_row_that_became_another_is_not_missing(database: Database) -> None:
    """sync.md 9, 10: what was pending and is told as posted was paired, not swept."""
    with ledger(database.url) as book:
        book.merge([row("p", pending=True), row("t1", on=DAY + timedelta(days=1))])
        rows = [row("q", replaces="p"), row("t1", on=DAY + timedelta(days=1))]
        assert tell(book, rows, WHOLE) == 0
        assert book.ids() == ["q", "t1"]


def test_the_days_of_an_account_are_its_own(database: Database) -> None:
    """sync.md 14: what is covered of one account says nothing of another."""
    with ledger(database.url, "a", "b") as book:
        early = date(2026, 1, 5)
        book.merge([row("t0", on=early), row("u0", account="b", on=early), row("u1", account="b")])
        tell(book, [row("t0", on=early), row("u1", account="b")], WHOLE)
        assert book.ids() == ["t0", "u0", "u1"]


def test_a_sweep_is_written_down(database: Database) -> None:
    """sync.md 31: rows that a sweep takes away have their image, as any change."""
    with ledger(database.url) as book:
        book.merge(days(3))
        tell(book, days(1) + days(1, first=2), WHOLE)
        images = sa.text("SELECT count(*) FROM before_images WHERE run_id = :run")
        found = book.database.read_now(
            lambda one: one.execute(images, {"run": book.run}).scalar_one()
        )
        assert found == 1


def test_windows_are_added_up(database: Database) -> None:
    """sync.md 14: few in each of several windows are many in all, and wait for the person."""
    with ledger(database.url) as book:
        book.merge(days(30))
        others = (Covered("a", DAY + timedelta(20), DAY + timedelta(29)), *window(0, 9).covered)
        assert tell(book, days(9, first=10), window(10, 19, *others)) == 0
        (question,) = asked(book)
        assert len(question.rows) == 21


def test_windows_apart_leave_what_lies_between(database: Database) -> None:
    """sync.md 14: two windows cover their own days, not those between them."""
    with ledger(database.url) as book:
        book.merge(days(9))
        late = Covered("a", DAY + timedelta(6), DAY + timedelta(7))
        assert tell(book, [], window(0, 2, late)) == 5
        assert book.ids() == ["t3", "t4", "t5", "t8"]


@pytest.mark.parametrize("state", [State.OPEN, State.REFUSED])
def test_what_was_asked_is_not_taken_unasked(database: Database, state: State) -> None:
    """sync.md 14: a window that moves on finds fewer of the rows, and they still wait."""
    with ledger(database.url) as book:
        book.merge(days(20))
        tell(book, days(8, first=12), window(0, 19))
        (question,) = asked(book)
        book.database.write_now(suggestions.decide, [question.id], state, now=book.now)
        assert tell(book, days(8, first=12), window(5, 24)) == 0
        assert len(book.ids()) == 20
        assert [one.state for one in asked(book)] == [state]


def test_what_waits_counts_with_what_is_newly_missing(database: Database) -> None:
    """sync.md 14: a bank that forgets a little more each day is asked about, row by row."""
    with ledger(database.url) as book:
        book.merge(days(40))
        tell(book, days(28, first=12), window(0, 39))
        assert tell(book, days(26, first=14), window(0, 39)) == 0
        assert [len(one.rows) for one in asked(book)] == [12, 2]


def test_what_the_person_wanted_kept_counts_no_more(database: Database) -> None:
    """sync.md 14: their answer is for those rows; a few others go as they would have."""
    with ledger(database.url) as book:
        book.merge(days(40))
        tell(book, days(28, first=12), window(0, 39))
        (question,) = asked(book)
        book.database.write_now(suggestions.decide, [question.id], State.REFUSED, now=book.now)
        assert tell(book, days(26, first=14), window(0, 39)) == 2
        book.merge(days(12))
        assert tell(book, days(35, first=5), window(0, 39)) == 5


@pytest.mark.parametrize("account", ["a", None])
def test_a_row_that_cannot_be_read_is_not_missing(database: Database, account: str | None) -> None:
    """sync.md 8, 14: the bank tells it; what is stored of it stays as it was."""
    with ledger(database.url) as book:
        book.merge(days(4))
        assert tell(book, [*days(1), *days(1, first=3)], unread("t1", account)) == 1
        assert book.ids() == ["t0", "t1", "t3"]


def test_a_row_that_nobody_can_name_may_be_any(database: Database) -> None:
    """sync.md 8, 14: where even its id cannot be read, nothing of its account is known missing."""
    with ledger(database.url, "a", "b") as book:
        both = [*days(3), row("u0", account="b"), row("u1", account="b")]
        book.merge(both)
        assert tell(book, [*days(1), row("u0", account="b")], unread(None)) == 1
        assert book.ids() == ["t0", "t1", "t2", "u0"]
        assert tell(book, [*days(1), row("u0", account="b")], unread(None, None)) == 0


def test_a_pending_row_that_cannot_be_read_is_not_gone(database: Database) -> None:
    """sync.md 8, 10: it is neither paired nor expired, though the feed sends no removals."""
    with ledger(database.url) as book:
        book.merge([row("p", pending=True)])
        book.later(days=20)
        page = Page([row("q", on=DAY + timedelta(days=1))], [], None, more=False)
        book.merge_pages([page], SILENT, unread("p"))
        assert book.ids() == ["p", "q"]
