"""What could not be read is kept until the bank tells that very row again (sync.md 8)."""

from typing import Any

from penstock.db import quarantine
from tests.databases import Database
from tests.db.merging import NOW, Ledger, ledger, row


def keep(book: Ledger, account: str | None, external_id: str = "1") -> None:
    """Keep a row of an account, always with the same words."""
    kept: dict[str, Any] = {
        "owner_id": book.owner_id,
        "connection_id": book.connection_id,
        "run_id": 1,
        "stream": "all",
        "account": account,
        "external_id": external_id,
        "reason": "It has no amount.",
        "raw": b"{}",
        "created_at": NOW,
    }
    book.database.write_now(quarantine.keep, [kept])


def left(book: Ledger) -> list[str | None]:
    """Return whose rows are kept still."""
    kept = book.database.read_now(quarantine.open_of, book.connection_id)
    return [one.account for one in kept]


def test_equal_words_of_two_accounts_are_two_rows(database: Database) -> None:
    """sync.md 7, 8: an id is its account's own; the same row of the same account is kept once."""
    with ledger(database.url, "a", "b") as book:
        for account in ("a", "b", "a", None, None):
            keep(book, account)
        assert left(book) == ["a", "b", None]


def test_only_the_row_itself_lets_it_go(database: Database) -> None:
    """sync.md 7, 8: another account's row of that id, told well, says nothing of this one."""
    with ledger(database.url, "a", "b") as book:
        keep(book, "a")
        book.merge([row("1", account="b")])
        assert left(book) == ["a"]
        book.merge([row("1", account="b", description="Again")])
        assert left(book) == ["a"]
        book.merge([row("1")])
        assert left(book) == []


def test_a_row_of_nobody_known_is_let_go_by_its_id(database: Database) -> None:
    """sync.md 8: where its account could not be read either, the id is all there is to go by."""
    with ledger(database.url, "a", "b") as book:
        for account in (None, "garbled"):
            keep(book, account)
        book.merge([row("2")])
        assert left(book) == [None, "garbled"]
        book.merge([row("1")])
        assert left(book) == []
