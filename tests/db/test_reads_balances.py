"""Balances as they are read: the newest of each kind, and an account's history."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.db import balances
from penstock.db.balances import History
from penstock.domain.balance import BalanceKind
from penstock.domain.errors import NotFound
from tests.databases import Database
from tests.db.books import NOW, Books, open_books

STATEMENTS = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from(BalanceKind),
        st.sampled_from(["EUR", "GBP", "USD"]),
        st.integers(0, 4),
        st.integers(-5, 5),
    ),
    max_size=15,
)


def state(
    books: Books, owner: int, accounts: list[int], one: tuple[int, Any, str, int, int]
) -> int:
    """Write one statement of a bank."""
    account, kind, currency, days, amount = one
    as_of = NOW - timedelta(days=days)
    return books.balance(
        owner,
        accounts[account],
        kind=str(kind),
        currency=currency,
        amount=Decimal(amount),
        as_of=as_of,
        as_of_on=as_of.date(),
    )


def test_the_newest_of_each_kind_and_currency(database: Database) -> None:
    """Of each account, kind and currency, the statement with the latest instant is given, once."""
    with open_books(database.url) as books:

        @settings(max_examples=40)
        @given(statements=STATEMENTS)
        def check(statements: list[tuple[int, Any, str, int, int]]) -> None:
            owner = books.person()
            connection = books.connection(owner)
            accounts = [books.account(owner, connection) for _ in range(2)]
            newest: dict[tuple[int, str, str], tuple[int, int]] = {}
            for one in statements:
                number = state(books, owner, accounts, one)
                key = (accounts[one[0]], str(one[1]), one[2])
                newest[key] = max(newest.get(key, (-9, 0)), (-one[3], number))
            rows = books.database.read_now(balances.newest, accounts, owner_id=owner)
            assert {(row.account_id, row.kind, row.currency): row.id for row in rows} == {
                key: number for key, (_, number) in newest.items()
            }
            some = books.database.read_now(balances.newest, accounts[:1], owner_id=owner)
            assert [row.id for row in some] == [
                row.id for row in rows if row.account_id == accounts[0]
            ]

        check()


def test_what_an_undone_run_heard_is_not_shown(database: Database) -> None:
    """sync.md 31: the newest that stands is given; where none does there is none, in pages too."""
    with open_books(database.url) as books:
        owner = books.person()
        connection = books.connection(owner)
        account, empty, other = (books.account(owner, connection) for _ in range(3))
        kept = books.run(owner, connection)
        undone = books.run(owner, connection, undone_at=NOW)
        before = books.balance(owner, account, run_id=kept, as_of=NOW - timedelta(days=1))
        for one in (account, empty):
            books.balance(owner, one, run_id=undone)
        last = books.balance(owner, other, run_id=kept)
        asked = [account, empty, other]
        rows = books.database.read_now(balances.newest, asked, owner_id=owner)
        assert [row.id for row in rows] == [before, last]
        pages: list[int] = []
        after: tuple[int, str, str] | None = None
        while page := books.database.read_now(
            balances.newest, asked, owner_id=owner, after=after, limit=1
        ):
            pages += [row.id for row in page]
            after = (page[-1].account_id, page[-1].kind, page[-1].currency)
        assert pages == [before, last]


def test_a_history_goes_back_in_pages(database: Database) -> None:
    """sync.md 17: every balance that was ever heard is there, the newest statement first."""
    with open_books(database.url) as books:
        owner = books.person()
        account = books.account(owner, books.connection(owner))
        heard = [(0, BalanceKind.CURRENT, "EUR", days, days) for days in (3, 1, 2, 1)]
        heard += [(0, BalanceKind.LIMIT, "EUR", 1, 500)]
        numbers = [state(books, owner, [account], one) for one in heard]
        history = History(account)
        read: list[sa.Row[Any]] = []
        after: tuple[datetime, int] | None = None
        while rows := books.database.read_now(
            balances.page, history, owner_id=owner, after=after, limit=2
        ):
            read += rows
            after = (rows[-1].stated_at, rows[-1].id)
        expected = sorted(zip(heard, numbers, strict=True), key=lambda one: (one[0][3], -one[1]))
        assert [row.id for row in read] == [number for _, number in expected]
        day = (NOW - timedelta(days=2)).date()
        chosen = History(account, BalanceKind.CURRENT, since=day, until=day)
        only = books.database.read_now(balances.page, chosen, owner_id=owner, limit=9)
        assert [row.id for row in only] == [numbers[2]]


def test_a_balance_is_read_as_it_was_stated(database: Database) -> None:
    """The instant is UTC and has no fraction where there is none; the amount keeps its digits."""
    with open_books(database.url) as books:
        owner = books.person()
        account = books.account(owner, books.connection(owner))
        books.balance(
            owner, account, as_of=datetime(2026, 1, 1, tzinfo=UTC), amount=Decimal("1.50")
        )
        (row,) = books.database.read_now(balances.newest, [account], owner_id=owner)
        assert row.amount == "1.50"
        assert str(row.as_of) in ("2026-01-01T00:00:00Z", "2026-01-01 00:00:00+00:00")


def test_a_stranger_sees_no_balance(database: Database) -> None:
    """X1: neither the newest ones nor the history of another person's account are given."""
    with open_books(database.url) as books:
        owner, stranger = books.person(), books.person()
        account = books.account(owner, books.connection(owner))
        books.balance(owner, account)
        assert books.database.read_now(balances.newest, [account], owner_id=stranger) == []
        with pytest.raises(NotFound):
            books.database.read_now(balances.page, History(account), owner_id=stranger, limit=9)


def test_a_statement_is_appended_once_and_a_correction_each_time(database: Database) -> None:
    """sync.md 17: said twice in one update it is one row; corrected, and back again, it is three.

    What was heard last of an instant is what stands there.
    """
    with open_books(database.url) as books:
        owner = books.person()
        account = books.account(owner, books.connection(owner))
        said = {"owner_id": owner, "account_id": account, "run_id": 1, "kind": "current"}
        said |= {"currency": "EUR", "as_of": NOW, "as_of_on": NOW.date(), "observed_at": NOW}
        said |= {"change_number": 1}
        new = [
            books.database.write_now(balances.append, [said | {"amount": Decimal(text)}] * 2)
            for text in ("1.00", "1.00", "2.00", "1.00")
        ]
        assert new == [1, 0, 1, 1]
        (newest,) = books.database.read_now(balances.newest, [account], owner_id=owner)
        assert Decimal(newest.amount) == 1


def _hourly(books: Books, many: int) -> list[dict[str, Any]]:
    """Return as many balances of a new account, an hour apart."""
    owner = books.person()
    account = books.account(owner, books.connection(owner))
    known = {"owner_id": owner, "account_id": account, "run_id": 1, "kind": "current"}
    known |= {"currency": "EUR", "as_of_on": NOW.date(), "observed_at": NOW, "change_number": 1}
    return [
        known | {"amount": Decimal(hour), "as_of": NOW - timedelta(hours=hour)}
        for hour in range(many)
    ]


def test_an_update_may_tell_ten_thousand_balances(database: Database) -> None:
    """sync.md 17: all are appended, and told again none is, however few values a query may bind."""
    with open_books(database.url) as books:
        told = _hourly(books, 10_000)
        appended = [books.database.write_now(balances.append, told) for _ in range(2)]
        assert appended == [10_000, 0]


def test_what_is_known_is_known_among_any_number(database: Database) -> None:
    """sync.md 17: one more statement is one more row, however many are told beside it."""
    with open_books(database.url) as books:
        told = _hourly(books, 20)
        each = range(1, len(told) + 1)
        new = [books.database.write_now(balances.append, told[:many]) for many in each]
        assert new == [1] * len(told)
