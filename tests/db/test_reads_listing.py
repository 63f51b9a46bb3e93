"""What a listing of transactions gives: every filter against the same filter written in Python."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import apsw
import pytest
import sqlalchemy as sa
from hypothesis import example, given, settings
from hypothesis import strategies as st

from penstock.db import listing as listings
from penstock.db import transactions
from penstock.db.listing import Listing
from penstock.domain.errors import NotFound
from tests.databases import Database
from tests.db.books import DAY, NOW, TODAY, Books, open_books

# Few values, so that filters hit, and texts made of all that is a wildcard somewhere.
DAYS = st.integers(0, 24).map(lambda back: TODAY - timedelta(days=back))
TEXTS = st.text("aAbéÉωΩ%_*?[]^-\\.+(", max_size=4)
AMOUNTS = st.sampled_from(
    "0.00 -10.00 10.00 9.99 -0.01 12345678901234567890.12 12345678901234567890.13"
    " -99999999999999999999.99 0.000000000000000001".split()
).map(Decimal)
MAYBE = st.booleans()


@dataclass(frozen=True, slots=True)
class Row:
    """One transaction to be."""

    account: int
    values: dict[str, Any] = field(hash=False)


ROWS = st.lists(
    st.builds(
        Row,
        account=st.integers(0, 2),
        values=st.fixed_dictionaries(
            {
                "dated_on": DAYS,
                "amount": AMOUNTS,
                "status": st.sampled_from(["pending", "posted"]),
                "description": TEXTS,
                "counterparty": st.none() | TEXTS,
                "note": st.none() | TEXTS,
                "reference": st.none() | TEXTS,
                "category": st.sampled_from([None, "food", "rent"]),
                "person_category": st.sampled_from([None, None, "food", "rent"]),
                "hidden": MAYBE,
                "removed_at": st.sampled_from([None, None, NOW]),
                "deleted_at": st.sampled_from([None, None, NOW]),
            }
        ),
    ),
    max_size=24,
)
ACCOUNTS = st.tuples(*[st.fixed_dictionaries({"hidden": MAYBE, "start_on": st.none() | DAYS})] * 3)
LISTINGS = st.builds(
    Listing,
    account_id=st.sampled_from([None, None, 0, 1]),
    connection_id=st.sampled_from([None, None, 0, 1]),
    since=st.none() | DAYS,
    until=st.none() | DAYS,
    at_least=st.none() | AMOUNTS,
    at_most=st.none() | AMOUNTS,
    text=st.none() | TEXTS.filter(bool),
    status=st.sampled_from([None, "pending", "posted"]),
    category=st.sampled_from([None, "food", "rent"]),
    removed=MAYBE,
    hidden=MAYBE,
    deleted=MAYBE,
)


def wanted(row: Row, accounts: tuple[dict[str, Any], ...], asked: Listing) -> bool:
    """Say in plain Python whether a listing has a row. Accounts 0 and 1 share a connection."""
    values, account = row.values, accounts[row.account]
    texts = [values[name] or "" for name in ("description", "counterparty", "note", "reference")]
    hidden = values["hidden"] or (account["hidden"] and asked.account_id is None)
    return all(
        (
            asked.account_id in (None, row.account),
            asked.connection_id in (None, row.account // 2),
            asked.since is None or asked.since <= values["dated_on"],
            asked.until is None or asked.until >= values["dated_on"],
            asked.at_least is None or values["amount"] >= asked.at_least,
            asked.at_most is None or values["amount"] <= asked.at_most,
            asked.text is None or any(asked.text.lower() in text.lower() for text in texts),
            asked.status in (None, values["status"]),
            asked.category in (None, values["person_category"] or values["category"]),
            asked.removed or values["removed_at"] is None,
            asked.hidden or not hidden,
            asked.deleted or values["deleted_at"] is None,
            account["start_on"] is None or values["dated_on"] >= account["start_on"],
        )
    )


def pages(books: Books, asked: Listing, owner: int, limit: int) -> list[Sequence[Any]]:
    """Read a listing to its end, page by page."""
    read: list[Sequence[Any]] = []
    after: tuple[date, int] | None = None
    while True:
        rows = books.database.read_now(
            listings.page, asked, owner_id=owner, today=TODAY, after=after, limit=limit
        )
        read += rows
        if len(rows) < limit:
            return read
        day, number = listings.position(rows[-1])
        after = (date.fromisoformat(str(day)), number)


def test_a_listing_is_what_its_filters_say(database: Database) -> None:
    """Any filters over any rows give what Python gives, newest first, whatever the page's size.

    Nobody else's rows are among them, although the table is full of them.
    """
    with open_books(database.url) as books:

        @settings(max_examples=100)
        @given(rows=ROWS, accounts=ACCOUNTS, asked=LISTINGS, limit=st.integers(1, 9))
        @example(
            rows=[Row(0, _plain("12345678901234567890.12")), Row(0, _plain("-0.01"))],
            accounts=({"hidden": False, "start_on": None},) * 3,
            asked=Listing(at_least=Decimal("12345678901234567890.13")),
            limit=1,
        )
        def check(
            rows: list[Row], accounts: tuple[dict[str, Any], ...], asked: Listing, limit: int
        ) -> None:
            owner = books.person()
            connections = [books.connection(owner), books.connection(owner)]
            made = [
                books.account(owner, connections[n // 2], **values)
                for n, values in enumerate(accounts)
            ]
            values = [{"account_id": made[row.account], **row.values} for row in rows]
            numbers = books.transactions(owner, made[0], values)
            expected = [
                number
                for number, row in sorted(
                    zip(numbers, rows, strict=True),
                    key=lambda one: (one[1].values["dated_on"], one[0]),
                    reverse=True,
                )
                if wanted(row, accounts, asked)
            ]
            real = replace(
                asked,
                account_id=None if asked.account_id is None else made[asked.account_id],
                connection_id=(
                    None if asked.connection_id is None else connections[asked.connection_id]
                ),
            )
            assert [row[0] for row in pages(books, real, owner, limit)] == expected

        check()


def _plain(amount: str) -> dict[str, Any]:
    texts = {"description": "", "counterparty": None, "note": None, "reference": None}
    more = {"dated_on": DAY, "amount": Decimal(amount), "status": "posted", "hidden": False}
    rest = {"category": None, "person_category": None, "removed_at": None, "deleted_at": None}
    return texts | more | rest


def test_a_row_is_read_as_it_was_written(database: Database) -> None:
    """Amounts keep every digit and never get an exponent; the person's category stands first."""
    with open_books(database.url) as books:
        owner = books.person()
        account = books.account(owner, books.connection(owner), currency="BTC")
        number = books.transaction(
            owner,
            account,
            amount=Decimal("0.00000001"),
            currency="BTC",
            original_amount=Decimal("-12345678901234567890.123456789012345678"),
            category="travel",
            person_category="holiday",
        )
        row = books.database.read_now(transactions.get, number, owner_id=owner, today=TODAY)
        assert row.amount == "0.00000001"
        assert row.original_amount == "-12345678901234567890.123456789012345678"
        assert (row.category, row.person_category, row.provider_category) == (
            "holiday",
            "holiday",
            "travel",
        )
        assert str(row.dated_on) == "2026-11-02"


@pytest.mark.parametrize(
    ("values", "overdue"),
    [
        ({"status": "pending", "dated_on": TODAY - timedelta(days=15)}, True),
        ({"status": "pending", "dated_on": TODAY - timedelta(days=14)}, False),
        ({"status": "pending", "dated_on": DAY, "removed_at": NOW}, False),
        ({"status": "posted", "dated_on": DAY}, False),
    ],
)
def test_an_old_pending_row_is_flagged(
    database: Database, values: dict[str, Any], overdue: bool
) -> None:
    """sync.md 10: a pending row older than 14 days is overdue."""
    with open_books(database.url) as books:
        owner = books.person()
        account = books.account(owner, books.connection(owner))
        number = books.transaction(owner, account, **values)
        row = books.database.read_now(transactions.get, number, owner_id=owner, today=TODAY)
        assert row.overdue is overdue


def test_a_stranger_finds_nothing(database: Database) -> None:
    """X1: another person's account, connection and transaction are as if they were not there."""
    with open_books(database.url) as books:
        owner, stranger = books.person(), books.person()
        connection = books.connection(owner)
        account = books.account(owner, connection)
        number = books.transaction(owner, account)
        for asked in (Listing(account_id=account), Listing(connection_id=connection)):
            with pytest.raises(NotFound):
                pages(books, asked, stranger, 10)
        with pytest.raises(NotFound):
            books.database.read_now(transactions.get, number, owner_id=stranger, today=TODAY)
        assert pages(books, Listing(), stranger, 10) == []


def test_the_order_of_numbers_gives_every_row_once(database: Database) -> None:
    """Reading by number meets each of the owner's rows exactly once, in any state."""
    with open_books(database.url) as books:
        owner, other = books.person(), books.person()
        account = books.account(owner, books.connection(owner))
        elsewhere = books.account(other, books.connection(other))
        mine: list[int] = []
        for n in range(7):
            mine.append(books.transaction(owner, account, deleted_at=NOW if n % 2 else None))
            books.transaction(other, elsewhere)
        read: list[int] = []
        while rows := books.database.read_now(
            transactions.page_by_number,
            owner_id=owner,
            today=TODAY,
            after=read[-1] if read else 0,
            limit=3,
        ):
            read += [row.id for row in rows]
        assert read == mine


def test_no_page_needs_a_sort(sqlite_database: Database) -> None:
    """A page is read along an index, so that the last one costs what the first does."""
    with open_books(sqlite_database.url) as books:
        owner = books.person()
        account = books.account(owner, books.connection(owner))
        for asked in (Listing(), Listing(account_id=account)):
            plan = _plan(books, asked, owner)
            assert "ORDER BY" not in plan, plan
            assert "SEARCH transactions USING INDEX" in plan, plan


def _plan(books: Books, asked: Listing, owner: int) -> str:
    seen: list[str] = []

    def read(connection: sa.Connection) -> str:
        driver: Any = connection.connection.driver_connection
        driver.inner.trace_v2(apsw.SQLITE_TRACE_STMT, lambda told: seen.append(told["sql"]))
        listings.page(connection, asked, owner_id=owner, today=TODAY, after=(DAY, 1), limit=10)
        driver.inner.trace_v2(0, None)
        sql = next(one for one in reversed(seen) if "FROM transactions" in one)
        rows = driver.execute(f"EXPLAIN QUERY PLAN {sql}", (None,) * sql.count("?")).fetchall()
        return "; ".join(row[-1] for row in rows)

    return books.database.read_now(read)
