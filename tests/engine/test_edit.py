"""What people write themselves: above the provider's word, and numbered in the feed."""

from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from penstock.db import accounts, connections, feeds, transactions
from penstock.domain.errors import NotFound
from penstock.engine import edit
from tests.databases import Database
from tests.db.books import NOW, TODAY, Books, open_books

LATER = NOW + timedelta(hours=1)


def row_of(books: Books, number: int) -> sa.Row[Any]:
    """Return a transaction as it is stored."""
    table = transactions.transactions
    query = table.select().where(table.c.id == number)
    return books.database.read_now(lambda connection: connection.execute(query).one())


def last_change(books: Books, owner: int) -> int:
    """Return the last number of the owner's feed."""
    query = sa.select(feeds.feeds.c.last).where(feeds.feeds.c.owner_id == owner)
    return books.database.read_now(lambda connection: int(connection.execute(query).scalar_one()))


def test_a_persons_word_stands_beside_the_providers(database: Database) -> None:
    """sync.md 12: the person's category, note and hiding go into columns that no sync writes."""
    with open_books(database.url) as books:
        owner = books.person()
        number = books.transaction(
            owner, books.account(owner, books.connection(owner)), category="shopping"
        )
        words = edit.TransactionEdit(category="gifts", note="for Ada", hidden=True)
        books.database.write_now(edit.edit_transaction, number, words, owner_id=owner, now=LATER)
        row = row_of(books, number)
        assert (row.category, row.person_category) == ("shopping", "gifts")
        assert (row.note, row.hidden, row.updated_at) == ("for Ada", True, LATER)
        read = books.database.read_now(transactions.get, number, owner_id=owner, today=TODAY)
        assert read.category == "gifts"


def test_none_clears_and_silence_keeps(database: Database) -> None:
    """sync.md 12: an edit touches what it names only, and None gives the provider's word back."""
    with open_books(database.url) as books:
        owner = books.person()
        number = books.transaction(
            owner,
            books.account(owner, books.connection(owner)),
            category="shopping",
            person_category="gifts",
            note="for Ada",
        )
        words = edit.TransactionEdit(category=None)
        books.database.write_now(edit.edit_transaction, number, words, owner_id=owner, now=LATER)
        read = books.database.read_now(transactions.get, number, owner_id=owner, today=TODAY)
        assert (read.category, read.note) == ("shopping", "for Ada")


def test_every_edit_is_numbered(database: Database) -> None:
    """sync.md 19: an edited, deleted, restored row and a renamed account come last in the feed."""
    with open_books(database.url) as books:
        owner = books.person()
        account = books.account(owner, books.connection(owner))
        number = books.transaction(owner, account)
        write = books.database.write_now
        write(
            edit.edit_transaction,
            number,
            edit.TransactionEdit(note="x"),
            owner_id=owner,
            now=LATER,
        )
        assert row_of(books, number).change_number == last_change(books, owner)
        write(edit.delete_transaction, number, owner_id=owner, now=LATER)
        assert row_of(books, number).change_number == last_change(books, owner)
        write(edit.restore_transaction, number, owner_id=owner, now=LATER)
        assert row_of(books, number).change_number == last_change(books, owner)
        write(edit.edit_account, account, edit.AccountEdit(label="Mine"), owner_id=owner)
        stored = books.database.read_now(accounts.get, account, owner_id=owner)
        assert stored.change_number == last_change(books, owner)


def test_an_edit_that_changes_nothing_writes_nothing(database: Database) -> None:
    """sync.md 7: the same edit twice leaves the row's number where it was."""
    with open_books(database.url) as books:
        owner = books.person()
        account = books.account(owner, books.connection(owner))
        number = books.transaction(owner, account)
        write = books.database.write_now
        for _ in range(2):
            write(edit.delete_transaction, number, owner_id=owner, now=LATER)
        deleted = row_of(books, number)
        assert deleted.change_number == 3
        write(edit.delete_transaction, number, owner_id=owner, now=LATER + timedelta(days=1))
        assert row_of(books, number) == deleted
        write(
            edit.edit_transaction,
            number,
            edit.TransactionEdit(hidden=False, note=None),
            owner_id=owner,
            now=LATER + timedelta(days=1),
        )
        assert row_of(books, number) == deleted
        before = books.database.read_now(accounts.get, account, owner_id=owner)
        write(edit.edit_account, account, edit.AccountEdit(hidden=False), owner_id=owner)
        assert books.database.read_now(accounts.get, account, owner_id=owner) == before


def test_a_deletion_can_be_taken_back(database: Database) -> None:
    """sync.md 12: people delete and restore; the row itself is never gone."""
    with open_books(database.url) as books:
        owner = books.person()
        number = books.transaction(owner, books.account(owner, books.connection(owner)))
        write = books.database.write_now
        write(edit.delete_transaction, number, owner_id=owner, now=LATER)
        assert row_of(books, number).deleted_at == LATER
        write(edit.restore_transaction, number, owner_id=owner, now=LATER)
        assert row_of(books, number).deleted_at is None


def test_an_account_is_renamed_hidden_and_given_a_first_day(database: Database) -> None:
    """An account's label, hiding and first day are the person's; the provider's name stays."""
    with open_books(database.url) as books:
        owner = books.person()
        account = books.account(owner, books.connection(owner))
        words = edit.AccountEdit(label="Joint", hidden=True, start_on=date(2026, 1, 1))
        books.database.write_now(edit.edit_account, account, words, owner_id=owner)
        row = books.database.read_now(accounts.get, account, owner_id=owner)
        assert (row.label, row.hidden, row.start_on) == ("Joint", True, date(2026, 1, 1))
        assert row.name == "Current account"


def test_a_stranger_edits_nothing(database: Database) -> None:
    """X1: another person's rows cannot be edited, and the attempt takes no number."""
    with open_books(database.url) as books:
        owner, stranger = books.person(), books.person()
        connection = books.connection(owner)
        account = books.account(owner, connection)
        number = books.transaction(owner, account)
        before = (row_of(books, number), last_change(books, stranger))
        write = books.database.write_now
        note = edit.TransactionEdit(note="mine now")
        with pytest.raises(NotFound):
            write(edit.edit_transaction, number, note, owner_id=stranger, now=LATER)
        with pytest.raises(NotFound):
            write(edit.delete_transaction, number, owner_id=stranger, now=LATER)
        with pytest.raises(NotFound):
            write(edit.restore_transaction, number, owner_id=stranger, now=LATER)
        with pytest.raises(NotFound):
            write(edit.edit_account, account, edit.AccountEdit(label="x"), owner_id=stranger)
        with pytest.raises(NotFound):
            write(edit.rename_connection, connection, "x", owner_id=stranger)
        assert (row_of(books, number), last_change(books, stranger)) == before


def test_a_connection_is_renamed(database: Database) -> None:
    """A connection's label is the person's, and None takes it away."""
    with open_books(database.url) as books:
        owner = books.person()
        connection = books.connection(owner)
        write = books.database.write_now
        write(edit.rename_connection, connection, "My bank", owner_id=owner)
        row = books.database.read_now(connections.get, connection, owner_id=owner)
        assert row.label == "My bank"
        write(edit.rename_connection, connection, None, owner_id=owner)
        row = books.database.read_now(connections.get, connection, owner_id=owner)
        assert row.label is None
