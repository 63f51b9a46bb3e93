"""What a page of a listing costs: counted in the steps that SQLite takes, which no load changes."""

from dataclasses import replace
from datetime import date, timedelta

import pytest

from penstock.db import listing as listings
from penstock.db.lane import Database as Lanes
from penstock.db.listing import Listing
from penstock.db.migrations import upgrade
from tests.db.books import DAY, TODAY, open_books
from tests.steps import counted

ROWS, LIMIT = 2_000, 20


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the URL of a new SQLite file: PostgreSQL counts no steps."""
    url = f"sqlite:///{tmp_path_factory.mktemp('cost') / 'penstock.db'}"
    upgrade(url)
    return url


def cost(database: Lanes, owner: int, asked: Listing, back: int) -> int:
    """Return how many steps the page takes that comes after `back` rows."""

    def read(limit: int, after: tuple[date, int] | None) -> list[tuple[date, int]]:
        rows = database.read_now(
            listings.page, asked, owner_id=owner, today=TODAY, after=after, limit=limit
        )
        ends = map(listings.position, rows)
        return [(date.fromisoformat(str(day)), number) for day, number in ends]

    after = read(back, None)[-1] if back else None
    with counted(database.engine) as steps:
        assert len(read(LIMIT, after)) == LIMIT
    return steps.taken


@pytest.mark.parametrize("days", [1, 500], ids=["all on one day", "four a day"])
@pytest.mark.parametrize(
    "asked",
    [
        Listing(),
        Listing(since=DAY - timedelta(days=900)),
        Listing(until=DAY + timedelta(days=900)),
        Listing(since=DAY - timedelta(days=900), until=DAY + timedelta(days=900)),
    ],
    ids=["all", "since", "until", "both"],
)
@pytest.mark.parametrize("of_account", [False, True], ids=["every account", "one account"])
def test_the_last_page_costs_what_the_first_does(
    url: str, days: int, asked: Listing, *, of_account: bool
) -> None:
    """However many rows stand before it, on the same day or on others."""
    with open_books(url) as books:
        owner = books.person()
        account = books.account(owner, books.connection(owner))
        dated = [{"dated_on": DAY - timedelta(days=n % days)} for n in range(ROWS)]
        books.transactions(owner, account, [dict(one) for one in dated])
        asked = replace(asked, account_id=account if of_account else None)
        first, last = (cost(books.database, owner, asked, n) for n in (0, ROWS - LIMIT))
        assert last < 1.25 * first


def test_the_few_rows_of_one_account_are_found_without_reading_all_others(url: str) -> None:
    """An old account of few rows costs no more beside one of many."""
    with open_books(url) as books:
        owner = books.person()
        few, many = (books.account(owner, books.connection(owner)) for _ in range(2))
        old = [{"dated_on": DAY - timedelta(days=400)} for _ in range(LIMIT)]
        books.transactions(owner, few, old)
        alone = cost(books.database, owner, Listing(account_id=few), 0)
        books.transactions(owner, many, [{"dated_on": DAY} for _ in range(ROWS)])
        assert cost(books.database, owner, Listing(account_id=few), 0) < 1.25 * alone
