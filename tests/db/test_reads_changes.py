"""The change feed: nothing is skipped, whatever is written while it is read (sync.md 19)."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.db import changes, erasures, feeds
from penstock.db.accounts import accounts
from penstock.db.balances import balances
from penstock.db.changes import KINDS, START, Position
from penstock.db.transactions import transactions
from tests.databases import Database
from tests.db.books import NOW, TODAY, Books, open_books

TABLES = {"account": accounts, "balance": balances, "transaction": transactions}


def read(books: Books, owner: int, after: Position, limit: int) -> changes.ChangePage:
    """Read one page."""
    return books.database.read_now(
        changes.page, owner_id=owner, today=TODAY, after=after, limit=limit
    )


def follow(books: Books, owner: int, limit: int) -> Iterator[changes.Change]:
    """Read the feed to its end."""
    after, more = START, True
    while more:
        page = read(books, owner, after, limit)
        yield from page.changes
        more = page.more
        after = page.changes[-1].position if page.changes else after


def touch(table: sa.Table, numbers: list[int], owner: int) -> Callable[[sa.Connection], None]:
    """Return a commit that changes rows, numbered as every commit must."""

    def work(connection: sa.Connection) -> None:
        number = feeds.next_change(connection, owner)
        connection.execute(
            table.update().where(table.c.id.in_(numbers)).values(change_number=number)
        )

    return work


def stored(books: Books, owner: int) -> list[tuple[int, int, int]]:
    """Return where every row of the owner stands in the feed, in the feed's order."""
    tables = (accounts, balances, transactions, erasures.erasures)
    found: list[tuple[int, int, int]] = []
    for kind, table in enumerate(tables):
        query = sa.select(table.c.change_number, table.c.id).where(table.c.owner_id == owner)
        rows = books.database.read_now(lambda connection, q: connection.execute(q).all(), query)
        found += [(row.change_number, kind, row.id) for row in rows]
    return sorted(found)


COMMITS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(1, 6)),
        st.tuples(st.sampled_from(list(TABLES)), st.integers(0, 30)),
        st.tuples(st.just("erase"), st.integers(0, 30)),
    ),
    max_size=12,
)


def test_the_feed_is_every_row_at_its_last_number(database: Database) -> None:
    """sync.md 19: pages put together are every row once, ordered by number, kind and id."""
    with open_books(database.url) as books:

        @settings(max_examples=40)
        @given(commits=COMMITS, limit=st.integers(1, 7))
        def check(commits: list[tuple[str, int]], limit: int) -> None:
            owner = books.person()
            account = books.account(owner, books.connection(owner))
            made: dict[str, list[int]] = {"account": [account], "balance": [], "transaction": []}
            for what, number in commits:
                apply(books, owner, made, what, number)
            expected = stored(books, owner)
            assert [tuple(one.position) for one in follow(books, owner, limit)] == expected

        check()


def apply(books: Books, owner: int, made: dict[str, list[int]], what: str, number: int) -> None:
    """Write one commit of the story."""
    account = made["account"][0]
    if what == "add":
        made["transaction"] += books.transactions(owner, account, [{}] * number)
        made["balance"].append(books.balance(owner, account))
    elif what in TABLES and made[what]:
        chosen = made[what][: 1 + number % len(made[what])]
        books.database.write_now(touch(TABLES[what], chosen, owner))
    elif made["transaction"]:
        gone = made["transaction"].pop(number % len(made["transaction"]))
        books.database.write_now(erase, owner, gone)


def erase(connection: sa.Connection, owner: int, gone: int) -> None:
    """Delete a transaction for good, and leave its stub."""
    number = feeds.next_change(connection, owner)
    rows = sa.select(transactions.c.id).where(transactions.c.id == gone)
    erasures.note(connection, owner_id=owner, kind="transaction", rows=rows, change_number=number)
    connection.execute(transactions.delete().where(transactions.c.id == gone))


def test_an_erased_row_leaves_a_stub(database: Database) -> None:
    """sync.md 19: a reader learns that a row is gone, with the kind and the number that it had."""
    with open_books(database.url) as books:
        owner = books.person()
        account = books.account(owner, books.connection(owner))
        gone = books.transaction(owner, account)
        books.database.write_now(erase, owner, gone)
        last = list(follow(books, owner, 10))[-1]
        assert (last.kind, last.row.kind, last.row.row_id) == ("erasure", "transaction", gone)
        assert KINDS.index("erasure") == last.position.kind


def test_a_strangers_feed_is_empty(database: Database) -> None:
    """X1: a feed holds its owner's rows only, even for a cursor that starts in the middle."""
    with open_books(database.url) as books:
        owner, stranger = books.person(), books.person()
        books.transaction(owner, books.account(owner, books.connection(owner)))
        assert read(books, stranger, START, 10) == changes.ChangePage([], more=False)
        assert read(books, stranger, Position(1, 2, 1), 10).changes == []


def test_what_a_page_does_not_reach_comes_later(database: Database) -> None:
    """sync.md 19: a row that changes behind the reader comes again; one ahead of it comes once."""
    with open_books(database.url) as books:
        owner = books.person()
        account = books.account(owner, books.connection(owner))
        first, second = books.transactions(owner, account, [{}, {}])
        page = read(books, owner, START, 2)
        assert [one.row.id for one in page.changes] == [account, first]
        assert page.more
        books.database.write_now(touch(transactions, [first, second], owner))
        rest = read(books, owner, page.changes[-1].position, 10)
        assert [one.row.id for one in rest.changes] == [first, second]
        assert not rest.more


def test_a_commit_between_two_looks_is_not_split(database: Database) -> None:
    """sync.md 19: a page that sees one row of a commit never passes by another row of it.

    The commit falls between the page's look at accounts and its look at transactions.
    """
    with open_books(database.url) as books:
        owner = books.person()
        account = books.account(owner, books.connection(owner))
        number = books.transaction(owner, account)
        first = read(books, owner, START, 10)
        engine = books.database.engine
        committed = threading.Event()

        def commit(_c: object, _cursor: object, sql: str, *_rest: object) -> None:
            if "FROM transactions" in sql and not committed.is_set():
                committed.set()
                books.database.write_now(touch_both, owner, account, number)

        sa.event.listen(engine, "before_cursor_execute", commit)
        page = read(books, owner, first.changes[-1].position, 10)
        assert committed.is_set()
        after = page.changes[-1].position if page.changes else first.changes[-1].position
        rest = read(books, owner, after, 10)
        seen = [(one.kind, one.row.id) for one in (*page.changes, *rest.changes)]
        assert ("account", account) in seen
        assert ("transaction", number) in seen


def touch_both(connection: sa.Connection, owner: int, account: int, number: int) -> None:
    """Change an account and a transaction under one number."""
    change = feeds.next_change(connection, owner)
    for table, row in ((accounts, account), (transactions, number)):
        connection.execute(table.update().where(table.c.id == row).values(change_number=change))


@pytest.mark.postgres
def test_concurrent_writers_break_no_order(postgres_database: Database) -> None:
    """sync.md 19: while threads commit at once, a reader that only goes forward sees every change.

    The reader keeps the last state that it was given of each row, and must end with exactly what
    is stored.
    """
    with open_books(postgres_database.url) as books:
        owner = books.person()
        connection = books.connection(owner)
        shares = []
        for _ in range(3):
            account = books.account(owner, connection)
            shares.append((account, books.transactions(owner, account, [{}] * 5)))
        done = threading.Event()
        seen: dict[tuple[str, int], str] = {}

        def write(account: int, share: list[int]) -> None:
            for count in range(40):
                books.database.write_now(count_up, owner, account, share, count)

        def keep_reading() -> None:
            after, last_look = START, False
            while not last_look:
                last_look = done.is_set()
                after = catch_up(books, owner, after, seen)

        reader = threading.Thread(target=keep_reading)
        writers = [threading.Thread(target=write, args=share) for share in shares]
        for thread in (reader, *writers):
            thread.start()
        for thread in writers:
            thread.join()
        done.set()
        reader.join()
        assert len(seen) == 3 + 15 + 3 * 40
        assert seen == books.database.read_now(all_there_is)


def all_there_is(connection: sa.Connection) -> dict[tuple[str, int], str]:
    """Return what is stored, as a reader should have it in the end."""
    names = connection.execute(sa.select(accounts.c.id, accounts.c.name))
    texts = connection.execute(sa.select(transactions.c.id, transactions.c.description))
    return {("account", row.id): row.name for row in names} | {
        ("transaction", row.id): row.description for row in texts
    }


def catch_up(
    books: Books, owner: int, after: Position, seen: dict[tuple[str, int], str]
) -> Position:
    """Read to the end of the feed, and keep what is told last of each row; return the end."""
    while (page := read(books, owner, after, 4)).changes:
        for one in page.changes:
            text = one.row.name if one.kind == "account" else one.row.description
            seen[one.kind, one.row.id] = text
        after = page.changes[-1].position
    return after


def count_up(
    connection: sa.Connection, owner: int, account: int, share: list[int], count: int
) -> None:
    """Change an account and some of its rows and add one, under one number."""
    number = feeds.next_change(connection, owner)
    values: dict[str, Any] = {"description": f"count {count}", "change_number": number}
    connection.execute(
        transactions.update().where(transactions.c.id.in_(share[: 1 + count % 5])).values(values)
    )
    connection.execute(
        transactions.insert().values(
            owner_id=owner,
            account_id=account,
            external_id=f"{share[0]}-{count}",
            status="posted",
            amount=1,
            currency="EUR",
            dated_on=TODAY,
            first_run_id=1,
            last_run_id=1,
            created_at=NOW,
            updated_at=NOW,
            **values,
        )
    )
    connection.execute(
        accounts.update()
        .where(accounts.c.id == account)
        .values(name=f"count {count}", change_number=number)
    )
