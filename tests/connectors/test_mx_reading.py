"""What MX is asked for, page by page and from one reading to the next, and what that covers."""

from datetime import date, timedelta
from typing import Any

import msgspec
import pytest

from penstock.connectors.mx_reading import Mark, read_mark
from penstock.domain.errors import ContractBroken, RowsMoved
from penstock.domain.update import Balances, Covered, Page, Stream
from tests.connectors.driving import by_hand
from tests.connectors.mx_samples import (
    ACCOUNT,
    CARD,
    CHECKING,
    CONNECTOR,
    HEARD,
    OWED,
    Bank,
    body,
    ended,
    login,
    one_after_another,
    paged,
    pull,
    row,
)

DAY = date(2026, 11, 20)
READ = Mark(DAY - timedelta(days=1), (CHECKING, CARD), late=3, early=0)


def cursor(mark: Mark = READ) -> str:
    """Write a cursor."""
    return msgspec.json.encode(mark).decode()


def test_pages_by_number() -> None:
    """Page after page until the last; every row once."""
    rows = [row(guid=f"TRN-{number}") for number in range(25)]
    found = pull(Bank(*rows), page_size=10)
    pages = [step for step in found if isinstance(step, Page)]
    assert [len(page.upserts) for page in pages] == [10, 10, 5]
    assert [page.more for page in pages] == [True, True, False]
    assert isinstance(found[-2], Balances), "they come before the page at which all is stored"


def drifting(first: list[Any], second: list[Any], **more: Any) -> Any:
    """Answer two pages, between which rows moved."""
    pages = [
        paged("transactions", first, 1, 2, total_entries=4),
        paged("transactions", second, 2, 2, **{"total_entries": 4} | more),
    ]
    return one_after_another(*pages)


ONE_TO_FOUR = [row(guid=f"TRN-{number}") for number in (1, 2, 3, 4)]


@pytest.mark.parametrize(
    "answers",
    [
        drifting(ONE_TO_FOUR[:2], ONE_TO_FOUR[1:3]),
        drifting(ONE_TO_FOUR[:2], ONE_TO_FOUR[2:], total_entries=5),
        drifting(ONE_TO_FOUR[:2], ONE_TO_FOUR[3:]),
        drifting([row(guid=None), row(guid=None)], [row(guid=None)]),
    ],
    ids=["a row came before", "one more", "a row is missing", "nameless ones too"],
)
def test_rows_that_move_between_two_pages_are_read_again(answers: Any) -> None:
    """sync.md 3: whatever was lost or told twice on the way, the whole update starts over."""
    with pytest.raises(RowsMoved):
        pull(Bank(transactions=answers))


@pytest.mark.parametrize(
    "change",
    [
        {"aggregated_at": "2026-11-20T03:40:00Z", "successfully_aggregated_at": HEARD},
        {"successfully_aggregated_at": "2026-11-20T03:40:00Z"},
        {"is_being_aggregated": True},
    ],
)
def test_a_job_of_mxs_own_in_between_starts_it_over(change: dict[str, Any]) -> None:
    """One row gone and another come leaves the numbers as they were: the login tells it."""
    bank = Bank(row(), status=one_after_another(login(), login(**change)))
    with pytest.raises(RowsMoved, match="anew"):
        pull(bank)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (paged("transactions", [], page=3), "page 3 came in place of 1"),
        (paged("transactions", [], pages=2), "page 1 of 2 is empty"),
        (body(transactions=[]), "pagination"),
        (paged("transactions", [row(guid="9998"), row(guid="9998")]), "two of one page"),
    ],
)
def test_pages_that_make_no_sense_are_refused(answer: bytes, why: str) -> None:
    """Less than all is never called a success."""
    with pytest.raises(ContractBroken, match=why):
        pull(Bank(transactions=answer))


def test_an_account_is_first_read_from_its_beginning() -> None:
    """sync.md 6: all that MX has; without a day it would tell 120 of them."""
    bank = Bank(row())
    pull(bank)
    assert bank.windows() == [{"from_date": "2000-01-01", "to_date": "2027-11-21"}]


def test_then_three_months_and_what_was_changed_are_read() -> None:
    """Changes have a day alone, so two more are asked for; rows may be searched for days before."""
    bank = Bank(row())
    pull(bank, cursor())
    assert bank.windows() == [
        {"from_date": "2026-08-18", "to_date": "2027-11-21"},
        {"from_date": "2000-01-01", "to_date": "2027-11-21", "from_updated_at": "2026-11-17"},
    ]


@pytest.mark.parametrize(
    "mark",
    [
        msgspec.structs.replace(READ, accounts=(CHECKING,)),
        msgspec.structs.replace(READ, heard=DAY - timedelta(days=151)),
    ],
    ids=["a new account", "months of silence"],
)
def test_what_cannot_be_told_by_changes_is_read_from_the_beginning(mark: Mark) -> None:
    """MX tells the changes of six months at most, and of a new account none."""
    bank = Bank(row())
    pull(bank, cursor(mark))
    assert [one["from_date"] for one in bank.windows()] == ["2000-01-01"]


def test_only_days_told_in_full_are_covered() -> None:
    """sync.md 14: rows are dated when booked, and searched for by when they happened.

    The cursor knows how far the two were ever apart, so that no row that is stored in these days
    could have been left out by the search.
    """
    late = row(date="2026-10-01", posted_at="2026-11-10T12:00:00Z")
    early = row(guid="TRN-2", date="2026-11-16", posted_at="2026-11-15T12:00:00Z")
    page = ended(Bank(late, early), cursor())
    days = date(2026, 8, 21), date(2027, 11, 20)
    assert page.covered == (Covered(CHECKING, *days), Covered(CARD, *days))
    assert page.next_cursor is not None
    mark = read_mark(page.next_cursor)
    assert (mark.heard, mark.late, mark.early) == (DAY, 40, 1)
    bank = Bank()
    page = ended(bank, page.next_cursor)
    assert bank.windows()[0]["from_date"] == str(DAY - timedelta(days=90 + 40))
    assert page.covered[0] == Covered(CHECKING, DAY - timedelta(days=90), date(2027, 11, 19))


def test_an_account_that_is_not_listed_is_not_covered() -> None:
    """sync.md 17: its rows are not told because it is not there, and not because they went."""
    bank = Bank(accounts=paged("accounts", [ACCOUNT]))
    page = ended(bank, cursor())
    assert [one.account for one in page.covered] == [CHECKING]


def test_an_account_that_came_meanwhile_is_left_for_the_next_reading() -> None:
    """Which reads all of it: the cursor does not know it."""
    stream = Stream("transactions", (CHECKING,))
    rows = [row(), row(guid="TRN-2", account_guid=CARD)]
    found, _ = by_hand(CONNECTOR.pull(stream, None), Bank(*rows))
    balances, page = found
    assert isinstance(balances, Balances)
    assert isinstance(page, Page)
    assert {each.account for each in balances.balances} == {CHECKING}
    assert {each.account for each in page.upserts} == {CHECKING}
    assert page.next_cursor is not None
    assert read_mark(page.next_cursor).accounts == (CHECKING,)


def test_a_cursor_of_others_is_refused() -> None:
    """It is ours alone to read."""
    with pytest.raises(ContractBroken, match="none of ours"):
        pull(Bank(), "nonsense")


def test_two_pages_of_accounts() -> None:
    """Accounts come in pages as well."""
    pages = [
        paged("accounts", [ACCOUNT], 1, 2, total_entries=2),
        paged("accounts", [OWED], 2, 2, total_entries=2),
    ]
    _, discovery = by_hand(CONNECTOR.discover(), Bank(accounts=one_after_another(*pages)))
    assert [each.external_id for each in discovery.accounts] == [CHECKING, CARD]
