"""The Up connector: how it pages, comes back to what was held, and knows what stands."""

from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.connectors.up import Up
from penstock.connectors.up_cursor import read_cursor
from penstock.connectors.up_rows import MELBOURNE, parse_rows
from penstock.domain.balance import BalanceKind
from penstock.domain.errors import ContractBroken
from penstock.domain.request import Request, Response
from penstock.domain.update import Balances, Covered, Page, Stream
from tests.connectors.driving import Answering, Found, by_hand, dated
from tests.connectors.up_samples import (
    BASE,
    DATE,
    HOLD,
    account,
    held,
    money,
    one,
    page,
    transaction,
)

BANK = Up()
STREAM = Stream("acc", ("acc",))
LIST = f"{BASE}/accounts/acc/transactions"


def answering(pages: Mapping[str, bytes], asked: list[str], *balances: str) -> Answering:
    """Return a bank with these pages, the first without a name, and these balances in turn."""
    left = list(balances or ["100.00"])

    def answer(request: Request) -> Response:
        asked.append(request.url)
        if not request.url.startswith(LIST):
            return Response(200, DATE, one(account(left.pop(0) if left[1:] else left[0])))
        name = request.url if request.url in pages else ""
        return Response(200, DATE, pages[name])

    return answer


def pull(body: bytes, cursor: str | None = None, *balances: str) -> tuple[Found, list[str]]:
    """Read one page from a cursor; return what came and what was asked for."""
    asked: list[str] = []
    found, _ = by_hand(BANK.pull(STREAM, cursor), answering({"": body}, asked, *balances))
    return found, asked


def last(found: Found) -> Page:
    """Return the last page."""
    assert isinstance(found[-1], Page)
    return found[-1]


def stated(found: Found) -> dict[BalanceKind, str]:
    """Return the balances."""
    (balances,) = [step for step in found if isinstance(step, Balances)]
    return {one.kind: str(one.amount) for one in balances.balances}


def test_the_first_reading_asks_for_everything() -> None:
    """sync.md 6: no filter, so that all the history comes; what is covered needs no saying."""
    found, asked = pull(page(transaction()))
    (listed,) = [url for url in asked if url.startswith(LIST)]
    assert parse_qs(urlsplit(listed).query) == {"page[size]": ["100"]}
    assert last(found).covered == ()


def test_pages_are_followed_by_their_links() -> None:
    """`links.next` is whole, and is asked for as it is; the update is whole at its end only."""
    second, third = f"{LIST}?page%5Bafter%5D=a", f"{LIST}?page%5Bafter%5D=b"
    pages = {
        "": page(transaction("t1"), after=second),
        second: page(after=third),
        third: page(transaction("t2")),
    }
    asked: list[str] = []
    found, _ = by_hand(BANK.pull(STREAM, None), answering(pages, asked))
    told = [step for step in found if isinstance(step, Page)]
    assert [(len(one.upserts), one.more) for one in told] == [(1, True), (0, True), (1, False)]
    assert [one.next_cursor is None for one in told] == [True, True, False]
    assert asked[2:4] == [second, third], "an empty page is no end"


@pytest.mark.parametrize(
    "link",
    [
        "https://elsewhere.example/api/v1/accounts/acc/transactions",
        "https://api.up.com.au.elsewhere.example/api/v1/x",
        "https://api.up.com.au/api/v2/x",
        "http://api.up.com.au/api/v1/x",
        "/api/v1/accounts/acc/transactions?page=2",
        "",
    ],
)
def test_a_link_that_leads_away_is_not_followed(link: str) -> None:
    """The token stays at the bank: `links.next` must stay below the address that was set."""
    with pytest.raises(ContractBroken, match="leads away"):
        pull(page(transaction(), after=link))


def test_a_link_that_leads_back_ends_the_reading() -> None:
    """sync.md 5: a list that turns in a circle is refused."""
    second = f"{LIST}?page%5Bafter%5D=a"
    pages = {"": page(transaction(), after=second), second: page(transaction(), after=second)}
    with pytest.raises(ContractBroken, match="leads back"):
        by_hand(BANK.pull(STREAM, None), answering(pages, []))


def test_accounts_are_paged_too() -> None:
    """Who has many savers has several pages of accounts; each has a stream of its own."""
    second = f"{BASE}/accounts?page%5Bafter%5D=a"
    pages = {second: page(account() | {"id": "two"})}

    def answer(request: Request) -> Response:
        return Response(200, DATE, pages.get(request.url, page(account(), after=second)))

    _, discovery = by_hand(BANK.discover(), answer)
    assert [each.external_id for each in discovery.accounts] == ["acc", "two"]
    assert [each.key for each in BANK.streams(discovery)] == ["acc", "two"]


def test_the_cursor_is_a_week_before_the_newest() -> None:
    """What is a week old and settled is not read again; Melbourne's midnight begins a day."""
    about = {"createdAt": "2026-11-18T23:30:00+11:00", "settledAt": "2026-11-18T23:31:00+11:00"}
    found, _ = pull(page(transaction(**about)))
    assert last(found).next_cursor == "2026-11-11T00:00:00+11:00/2026-11-11"


def test_the_cursor_waits_for_what_is_held() -> None:
    """A hold of long ago is told again and again, until it has settled or is gone."""
    old = "2026-09-01T10:00:00+10:00"
    found, _ = pull(page(transaction("new"), held("old", createdAt=old)))
    assert last(found).next_cursor == "2026-09-01T00:00:00+10:00/2026-09-01"


def test_what_settled_late_is_told_with_the_days_by_which_it_is_dated() -> None:
    """Dated within the week, created long before: it is asked for, as these days are told."""
    about = {"createdAt": "2026-09-01T10:00:00+10:00", "settledAt": "2026-11-17T10:00:00+11:00"}
    found, _ = pull(page(transaction("new"), transaction("late", **about)))
    assert last(found).next_cursor == "2026-09-01T00:00:00+10:00/2026-11-11"


def test_the_days_that_are_told_do_not_go_back() -> None:
    """Where the newest was deleted, earlier days are not known in full."""
    cursor = "2026-11-17T00:00:00+11:00/2026-11-17"
    found, _ = pull(page(transaction(createdAt=HOLD)), cursor)
    assert last(found).next_cursor == cursor


def test_nothing_seen_leaves_the_cursor_alone() -> None:
    """sync.md 1: an empty list gives no cursor to store."""
    for cursor in (None, "2026-11-11T00:00:00+11:00/2026-11-11"):
        assert last(pull(page(), cursor)[0]).next_cursor is None


def test_later_readings_tell_days_from_the_cursors_on() -> None:
    """sync.md 14: asked is from one instant on, told in full is from one day on."""
    found, asked = pull(page(held()), "2026-11-02T00:00:00+11:00/2026-11-12")
    (listed,) = [url for url in asked if url.startswith(LIST)]
    assert parse_qs(urlsplit(listed).query)["filter[since]"] == ["2026-11-02T00:00:00+11:00"]
    assert last(found).covered == (Covered("acc", date(2026, 11, 12), date.max),)


@given(
    made=st.lists(
        st.tuples(st.integers(0, 60), st.none() | st.integers(0, 30)), min_size=1, max_size=8
    ),
    more=st.lists(st.tuples(st.integers(60, 70), st.none() | st.integers(0, 9)), max_size=4),
)
def test_everything_dated_by_the_days_that_are_told_is_asked_for(
    made: list[tuple[int, int | None]], more: list[tuple[int, int | None]]
) -> None:
    """sync.md 14: rows of any age, held or settled late, reading after reading.

    A row that is dated by the days of a reading and not asked for would be taken for missing.
    """

    def resources(rows: list[tuple[int, int | None]], first: int) -> list[tuple[datetime, Any]]:
        start = datetime(2026, 9, 1, 12, tzinfo=MELBOURNE)
        built = []
        for number, (day, lag) in enumerate(rows, first):
            created = start + timedelta(days=day)
            about = {"createdAt": created.isoformat()}
            if lag is not None:
                settled = (created + timedelta(days=lag)).isoformat()
                about |= {"status": "SETTLED", "settledAt": settled}
            built.append((created, held(f"t{number}", **about)))
        return built

    bank = resources(made, 0)
    cursor = last(pull(page(*(one for _, one in bank)))[0]).next_cursor
    for step in ([], resources(more, 100), []):
        bank += step
        assert cursor is not None
        since = read_cursor(cursor)
        told = [one for created, one in bank if created >= since.read_from]
        missed = [one for created, one in bank if created < since.read_from]
        for row in parse_rows(page(*missed), "acc").upserts:
            assert dated(row) < since.told_from
        found, _ = pull(page(*told), cursor)
        cursor = last(found).next_cursor or cursor


@pytest.mark.parametrize(
    "cursor", ["", "soon", "2026-07-01T22:37:51/2026-07-01", "2026-07-01T22:37:51+10:00", "/"]
)
def test_a_cursor_that_is_none_is_refused(cursor: str) -> None:
    """A damaged cursor is an error, not a fresh start in silence."""
    with pytest.raises(ContractBroken):
        next(BANK.pull(STREAM, cursor))


def test_the_current_balance_is_the_available_one_and_the_holds() -> None:
    """What is on hold has been taken off what is available, its Round Up too."""
    rounded = {"amount": money("-0.60"), "boostPortion": None}
    found, _ = pull(page(held(roundUp=rounded), transaction("t2")))
    assert stated(found) == {BalanceKind.AVAILABLE: "100.00", BalanceKind.CURRENT: "108.00"}
    (balances,) = [step for step in found if isinstance(step, Balances)]
    assert {one.as_of_on for one in balances.balances} == {date(2026, 11, 20)}


def test_no_current_balance_where_it_is_unsure() -> None:
    """Money moved while it was read, or a row could not be: then only what Up states itself."""
    moved, _ = pull(page(held()), None, "100.00", "92.60")
    assert stated(moved) == {BalanceKind.AVAILABLE: "92.60"}
    unread, _ = pull(page(held(), transaction("bad", amount=None)))
    assert stated(unread) == {BalanceKind.AVAILABLE: "100.00"}
    foreign, _ = pull(page(held(amount=money("-7.40", "NZD"))))
    assert stated(foreign) == {BalanceKind.AVAILABLE: "100.00"}
