"""The SimpleFIN connector: its windows, what it does with errors, and what it declares."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.connectors.simplefin import SimpleFIN
from penstock.connectors.simplefin_windows import LONGEST, Mark, recent, write_mark
from penstock.domain.consent import ConsentState
from penstock.domain.errors import ContractBroken
from penstock.domain.limit import DAY as A_DAY
from penstock.domain.limit import Scope
from penstock.domain.protocol import PendingRule, VerdictKind
from penstock.domain.request import Response
from penstock.domain.update import Absence, Balances, Page, Stream
from tests.connectors.driving import Found, by_hand
from tests.connectors.simplefin_samples import (
    DAY,
    NOON,
    account,
    answering,
    row,
    told,
    window,
)
from tests.sandbox.visitor import Watch

BANK = SimpleFIN(clock=Watch())
ONE, TWO = "mill.example/A1", "mill.example/A2"
EVERYTHING = Stream("accounts", (ONE, TWO))
FULL = told(account("A1", row()), account("A2"))
EMPTY = told(account("A1"), account("A2"))
END = NOON + DAY + DAY // 2
"""When the day after tomorrow begins."""
YESTERDAY = write_mark(date(2026, 11, 19), (ONE, TWO))


def pages(found: Found) -> list[Page]:
    """Return the pages."""
    return [step for step in found if isinstance(step, Page)]


def pull(cursor: str | None, *bodies: bytes) -> tuple[Found, list[tuple[int, int]]]:
    """Read with these answers; return what came, and the windows that were asked for."""
    answer, asked = answering(*bodies)
    found, _ = by_hand(BANK.pull(EVERYTHING, cursor), answer)
    return found, [window(request) for request in asked]


def test_pending_is_asked_for_and_never_refused() -> None:
    """Some servers take `pending=0` for yes: it is 1 or not there at all."""
    answer, asked = answering(EMPTY)
    by_hand(BANK.pull(EVERYTHING, None), answer)
    by_hand(BANK.pull(EVERYTHING, YESTERDAY), answer)
    by_hand(BANK.discover(), answer)
    queries = [dict(parse_qsl(request.url.partition("?")[2])) for request in asked]
    assert {query.get("pending") for query in queries} == {"1", None}
    assert queries[-1] == {"balances-only": "1"}, "accounts alone need no transactions"


def test_the_first_reading_goes_back_until_nothing_comes() -> None:
    """sync.md 6: ninety days at a time, the newest first, until two windows have nothing."""
    found, asked = pull(None, FULL, EMPTY, FULL, EMPTY, EMPTY, FULL)
    assert len(asked) == 5, "one empty window is no end, two are"
    assert asked[0] == (END - 90 * DAY, END)
    for newer, older in pairwise(asked):
        assert older == (newer[0] - 90 * DAY, newer[0]), (
            "the end is not included: no gap, no overlap"
        )
    assert [page.more for page in pages(found)] == [True] * 4 + [False]


def test_the_first_reading_stays_within_a_days_requests() -> None:
    """However much there is: two years, and some of the 24 are left for what may go wrong."""
    _, asked = pull(None, FULL)
    assert len(asked) == 8


def test_a_later_reading_asks_for_a_month_once_more() -> None:
    """One request: from a month before the last reading until the day after tomorrow begins."""
    found, asked = pull(YESTERDAY, FULL)
    assert asked == [(END - 33 * DAY, END)]
    (page,) = pages(found)
    assert {(one.account, one.since, one.until) for one in page.covered} == {
        (name, date(2026, 10, 20), date(2026, 11, 21)) for name in (ONE, TWO)
    }
    assert page.next_cursor == write_mark(date(2026, 11, 20), (ONE, TWO))


def test_what_was_missed_for_months_is_read_in_windows() -> None:
    """After a long absence no window is longer than the bridge answers for."""
    _, asked = pull(write_mark(date(2026, 3, 1), (ONE, TWO)), EMPTY)
    assert all(end - start <= 90 * DAY for start, end in asked)
    assert asked[-1][0] == int(datetime(2026, 1, 30, tzinfo=UTC).timestamp())


@given(st.dates(date(2024, 1, 1), date(2026, 11, 25)))
def test_windows_leave_no_gap(read_to: date) -> None:
    """sync.md 14: from a month before the mark to beyond today, each window where the next ends."""
    today = date(2026, 11, 20)
    windows = list(recent(Mark(read_to, ()), today))
    assert windows[0].end > today
    assert windows[-1].start == min(read_to, today) - timedelta(days=30)
    for newer, older in pairwise(windows):
        assert older.end == newer.start
    assert all(timedelta() < one.end - one.start <= LONGEST for one in windows)


def test_an_account_that_is_new_is_read_to_its_beginning() -> None:
    """Another bank linked at the bridge: its history comes, and the others' does not again."""
    answer, asked = answering(FULL, told(account("A2", row())), told(account("A2")))
    cursor = write_mark(date(2026, 11, 19), (ONE,))
    found, _ = by_hand(BANK.pull(EVERYTHING, cursor), answer)
    named = [parse_qsl(request.url.partition("?")[2]) for request in asked]
    assert [[text for name, text in one if name == "account"] for one in named] == [
        [], ["A2"], ["A2"], ["A2"],
    ]  # fmt: skip
    assert pages(found)[-1].next_cursor == write_mark(date(2026, 11, 20), (ONE, TWO))


def test_an_account_that_appears_in_mid_reading_waits() -> None:
    """Linked after the accounts were listed: nobody knows it yet; the next reading reads it all."""
    found, _ = pull(YESTERDAY, told(account("A1"), account("A2"), account("A3", row())))
    (page,) = pages(found)
    assert page.upserts == []
    assert page.next_cursor == write_mark(date(2026, 11, 20), (ONE, TWO))


def test_the_balances_are_the_newest_answers() -> None:
    """Each account's, once, before the last page."""
    found, _ = pull(None, FULL, EMPTY)
    (balances,) = [step for step in found if isinstance(step, Balances)]
    assert [one.account for one in balances.balances] == [ONE, ONE, TWO, TWO]
    assert isinstance(found[-1], Page)


def test_errors_inside_a_good_answer_are_said() -> None:
    """They go along with the rows that did come; nothing counts as missing, nothing as read."""
    found, _ = pull(YESTERDAY, told(account("A1", row()), errors=("Sign in at <Mill> again",)))
    (page,) = pages(found)
    assert [one.external_id for one in page.upserts] == ["t1"]
    assert page.said == ("Sign in at Mill again",)
    assert page.covered == ()
    assert page.next_cursor == YESTERDAY, "these days are read again"


def test_errors_of_the_first_reading_do_not_make_it_begin_anew() -> None:
    """The history is there; the last window is read again as long as there are errors."""
    found, _ = pull(None, told(account("A1", row()), errors=("no",)), EMPTY)
    cursor = pages(found)[-1].next_cursor
    _, asked = pull(cursor, EMPTY)
    assert asked == [(END - 90 * DAY, END)]


def test_no_account_at_all_and_an_error_is_no_discovery() -> None:
    """Else every account would count as closed: it is refused, in the bridge's own words."""
    answer, _ = answering(told(errors=("You must reauthenticate.",)))
    with pytest.raises(ContractBroken, match="You must reauthenticate"):
        by_hand(BANK.discover(), answer)
    answer, _ = answering(told())
    _, discovery = by_hand(BANK.discover(), answer)
    assert discovery.accounts == []


def test_the_institution_is_named_by_the_banks() -> None:
    """A connection reaches many banks: it is called by their names, a few of them."""
    banks = [account(org={"domain": f"b{n}.example", "name": f"Bank {n}"}) for n in range(5)]
    for count, name in ((1, "Bank 0"), (3, "Bank 0, Bank 1, Bank 2")):
        answer, _ = answering(told(*banks[:count]))
        _, discovery = by_hand(BANK.discover(), answer)
        assert (discovery.institution.external_id, discovery.institution.name) == (
            "simplefin",
            name,
        )
    answer, _ = answering(told(*banks))
    _, discovery = by_hand(BANK.discover(), answer)
    assert discovery.institution.name == "Bank 0, Bank 1, Bank 2, and 2 more"


@pytest.mark.parametrize(
    ("status", "kind", "consent"),
    [
        (200, VerdictKind.OK, None),
        (402, VerdictKind.CONSENT, ConsentState.LOGIN_REQUIRED),
        (403, VerdictKind.CONSENT, ConsentState.REVOKED),
        (404, VerdictKind.CONTRACT, None),
        (429, VerdictKind.THROTTLED, None),
        (500, VerdictKind.TRANSIENT, None),
    ],
)
def test_what_answers_mean(status: int, kind: VerdictKind, consent: ConsentState | None) -> None:
    """Neither what was revoked nor what was not paid for mends by asking again."""
    verdict = BANK.classify(Response(status, {}, b""))
    assert (verdict.kind, verdict.consent) == (kind, consent)
    assert (status == 402) == ("subscription" in verdict.message)


@pytest.mark.parametrize("cursor", ["", "1795176000", '{"read_to":"soon","accounts":[]}', "[]"])
def test_a_cursor_that_is_none_is_refused(cursor: str) -> None:
    """A damaged cursor is an error, not a fresh start in silence."""
    with pytest.raises(ContractBroken):
        next(BANK.pull(EVERYTHING, cursor))


def test_what_it_declares() -> None:
    """24 requests a day for each access, retries too; ids change; silence ends what is pending."""
    (limit,) = BANK.budgets
    assert (limit.calls, limit.window, limit.scope) == (24, A_DAY, Scope.CONNECTION)
    assert (BANK.pending_rule, BANK.reissues_ids) == (PendingRule.UNLINKED, True)
    assert (BANK.absence, BANK.sends_removals) == (Absence.PENDING_GONE, False)
