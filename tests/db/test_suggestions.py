"""What became of a suggestion, and whether the same may be suggested again (sync.md 10, 27)."""

import pytest

from penstock.db import suggestions
from penstock.db.suggestions import Kind, New, Role, State
from tests.databases import Database
from tests.db.merging import NOW, Ledger, ledger, row


def suggest(book: Ledger, subject: str) -> bool:
    """Suggest to sweep the one row of the ledger; say whether it is a suggestion now."""
    given = New(
        book.owner_id,
        book.accounts["a"],
        1,
        Kind.SWEEP,
        subject,
        "The bank does not name it any more.",
        {book.rows()[0].id: Role.MISSING},
    )
    return book.database.write_now(suggestions.suggest, given, now=NOW)


def states(book: Ledger) -> list[State]:
    """Return what became of each suggestion that is stored; the newest is the last."""
    found = book.database.read_now(
        suggestions.page, owner_id=book.owner_id, state=None, after=0, limit=10
    )
    return [one.state for one in found]


@pytest.mark.parametrize(
    ("became", "again"),
    [
        (State.OPEN, [State.OPEN]),
        (State.REFUSED, [State.REFUSED]),
        (State.ACCEPTED, [State.OPEN]),
        (State.GONE, [State.OPEN]),
    ],
)
def test_what_was_refused_is_not_suggested_again(
    database: Database, became: State, again: list[State]
) -> None:
    """A person says no once; what was accepted, or was not so any more, may be so anew."""
    with ledger(database.url) as book:
        book.merge([row("x")])
        assert suggest(book, "x")
        (open_one,) = book.database.read_now(
            suggestions.page, owner_id=book.owner_id, state=State.OPEN, after=0, limit=10
        )
        book.database.write_now(suggestions.decide, [open_one.id], became, now=NOW)
        assert suggest(book, "x") is (became in (State.ACCEPTED, State.GONE))
        assert states(book) == again


def test_another_subject_is_another_suggestion(database: Database) -> None:
    """A no to one thing is no answer to another."""
    with ledger(database.url) as book:
        book.merge([row("x")])
        assert suggest(book, "x")
        (first,) = book.database.read_now(
            suggestions.page, owner_id=book.owner_id, state=State.OPEN, after=0, limit=10
        )
        book.database.write_now(suggestions.decide, [first.id], State.REFUSED, now=NOW)
        assert suggest(book, "y")
        assert states(book) == [State.REFUSED, State.OPEN]
