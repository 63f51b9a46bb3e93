"""The Monzo connector: how it reads on, comes back, and remembers what it was not told."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.connectors.monzo import Monzo
from penstock.connectors.monzo_cursor import ALWAYS, Span, read_mark
from penstock.connectors.monzo_rows import parse_rows
from penstock.domain.balance import BalanceKind
from penstock.domain.errors import ContractBroken
from penstock.domain.request import Request, Response
from penstock.domain.transaction import Status
from penstock.domain.update import Balances, Covered, Page, Stream
from tests.connectors.driving import Found, by_hand
from tests.connectors.monzo_samples import NOW, Hand, held, made, page, transaction

BANK = Monzo(page_size=100)
STREAM = Stream("acc", ("acc",))


def pull(hand: Hand, cursor: str | None = None, bank: Monzo = BANK) -> Found:
    """Read from a cursor."""
    hand.asked.clear()
    return by_hand(bank.pull(STREAM, cursor), hand)[0]


def names(found: Found) -> list[str]:
    """Return the ids of all rows that came, in order."""
    return [row.external_id for one in found if isinstance(one, Page) for row in one.upserts]


def last(found: Found) -> Page:
    """Return the last page."""
    assert isinstance(found[-1], Page)
    return found[-1]


def cursor_of(found: Found) -> str:
    """Return the cursor that an update ends with."""
    cursor = last(found).next_cursor
    assert cursor
    return cursor


def days_ago(days: float) -> datetime:
    """Return an instant."""
    return NOW - timedelta(days=days)


def several(*ages: float) -> list[dict[str, Any]]:
    """Return purchases made so many days ago."""
    return [made(f"tx_{age:g}", days_ago(age)) for age in ages]


def test_a_list_goes_on_after_its_last_id() -> None:
    """`since` is an instant first, then an id; oldest first, until a page is empty."""
    hand = Hand(several(*range(8, 0, -1)), opened=days_ago(30).isoformat())
    found = pull(hand)
    assert names(found) == [f"tx_{age}" for age in range(8, 0, -1)]
    recent = [query["since"] for query in hand.asked if "before" not in query]
    assert recent == ["2026-08-23T12:00:00Z", "tx_6", "tx_3", "tx_1"]
    assert {query["limit"] for query in hand.asked} == {"100"}, "the most that Monzo allows"
    assert {query["expand[]"] for query in hand.asked} == {"merchant"}
    assert [one.more for one in found if isinstance(one, Page)] == [True] * 4 + [False]


def test_the_first_reading_asks_for_everything() -> None:
    """sync.md 6: all of it is told for five minutes only; a year at a time, the newest first."""
    hand = Hand(several(1, 88, 100, 400, 500, 1300), opened=days_ago(1350).isoformat())
    found = pull(hand)
    assert set(names(found)) == {row["id"] for row in hand.rows}
    starts = [query["since"] for query in hand.asked if not query["since"].startswith("tx_")]
    assert len(starts) == 1 + 4
    assert starts == sorted(starts, reverse=True)
    assert min(starts) == "2023-03-10T12:00:00Z", "a day before the account was opened"
    assert last(found).said == ()
    assert read_mark(cursor_of(found)).owed is None
    assert last(found).covered == (), "from the beginning, all is covered anyway"


@pytest.mark.parametrize("opened", [None, "0001-01-01T00:00:00Z"])
def test_an_account_without_a_day_of_opening_is_read_from_the_banks_own(opened: str | None) -> None:
    """Nobody banked at Monzo before 2015; a clock's zero is written as the first instant of all."""
    hand = Hand(several(1, 2000), opened=opened)
    assert names(pull(hand)) == ["tx_1", "tx_2000"]
    assert min(query["since"] for query in hand.asked) == "2015-01-01T00:00:00Z"


def test_windows_overlap_a_little() -> None:
    """Whether `before` is included is not documented: what is made at a seam comes all the same."""
    seam = NOW - ALWAYS
    hand = Hand([made("tx_seam", seam)], opened=days_ago(200).isoformat())
    assert set(names(pull(hand))) == {"tx_seam"}


def test_a_young_account_owes_nothing() -> None:
    """What is told at any time is all there is."""
    hand = Hand(several(1, 20), opened=days_ago(21).isoformat(), whole=lambda _: False)
    found = pull(hand)
    assert all("before" not in query for query in hand.asked)
    assert last(found).said == ()


def test_refused_history_is_said_and_kept_in_mind() -> None:
    """After five minutes only 90 days are told: never silently less, and asked for again."""
    hand = Hand(several(1, 88, 100, 400), whole=lambda _: False)
    found = pull(hand)
    assert names(found) == ["tx_88", "tx_1"]
    (said,) = last(found).said
    assert "from 2023-01-31 to 2026-08-23 could not be read" in said
    assert "Monzo app" in said
    cursor = cursor_of(found)
    assert "could not be read" in last(pull(hand, cursor)).said[0]
    hand.whole = lambda _: True
    found = pull(hand, cursor)
    assert names(found) == ["tx_1", "tx_400", "tx_100"], "a year at a time"
    assert last(found).said == ()
    assert names(pull(hand, cursor_of(found))) == ["tx_1"]
    assert all("before" not in query for query in hand.asked)


def test_history_that_ends_half_way_has_no_gap() -> None:
    """The five minutes are over while a year is read: that year is left out whole, and owed."""
    ages = (1, 100, 200, 300, 440, 500, 600, 700, 800)
    hand = Hand(several(*ages), opened=days_ago(900).isoformat())
    hand.whole = lambda since: since != days_ago(600)  # refused in the middle of the second year
    found = pull(hand)
    assert set(names(found)) == {"tx_1", "tx_100", "tx_200", "tx_300", "tx_440"}
    owed = read_mark(cursor_of(found)).owed
    assert owed is not None
    assert owed.until == days_ago(89 + 364)


def test_months_without_a_reading_are_owed_too() -> None:
    """Whoever does not read for three months has a gap that Monzo does not fill by itself."""
    hand = Hand(several(120, 100), opened=days_ago(120).isoformat(), now=days_ago(99))
    hand.rows = several(120, 100)
    cursor = cursor_of(pull(hand))
    hand.rows += several(98, 91, 80)
    hand.now, hand.whole = NOW, lambda _: False
    found = pull(hand, cursor)
    assert names(found) == ["tx_80"]
    assert "from 2026-08-06 to 2026-08-23 could not be read" in last(found).said[0]
    hand.whole = lambda _: True
    assert set(names(pull(hand, cursor_of(found)))) >= {"tx_98", "tx_91"}


def test_only_what_is_recent_where_no_more_is_wanted() -> None:
    """The setting `history` is `recent`: nothing older is asked for, and nothing is missed."""
    hand = Hand(several(1, 100), whole=lambda _: False)
    found = pull(hand, bank=Monzo(whole_history=False))
    assert (names(found), last(found).said) == (["tx_1"], ())


def test_later_readings_ask_for_a_week_and_for_what_is_pending() -> None:
    """What was read may change: it settles, is declined, another amount; so it is told again."""
    hand = Hand([made("tx_old", days_ago(30), settled=""), *several(20, 9, 6)])
    cursor = cursor_of(pull(hand))
    found = pull(hand, cursor)
    assert hand.asked[0]["since"].startswith("2026-10-20T23:00"), "midnight in London"
    assert names(found)[0] == "tx_old"
    assert last(found).covered == (Covered("acc", date(2026, 10, 21), date.max),)
    hand.rows[0]["settled"] = "2026-11-20T09:00:00Z"
    found = pull(hand, cursor_of(found))
    cursor = cursor_of(found)
    assert names(found)[0] == "tx_old"
    pull(hand, cursor)
    assert hand.asked[0]["since"].startswith("2026-10-20T23:00"), "it is dated within the last week"
    hand.now = NOW + timedelta(days=9)
    pull(hand, cursor_of(pull(hand, cursor)))
    assert hand.asked[0]["since"].startswith("2026-11-22")


def test_what_is_pending_for_months_is_not_waited_for() -> None:
    """Monzo does not tell it any more: it stays as it was, and nobody takes it for missing."""
    hand = Hand([made("tx_old", days_ago(88), settled="")])
    cursor = cursor_of(pull(hand))
    hand.now = NOW + timedelta(days=3)
    hand.whole = lambda _: False
    found = pull(hand, cursor)
    assert (names(found), last(found).said) == ([], ())
    (covered,) = last(found).covered
    assert covered.since > days_ago(88).date()


@given(
    born=st.lists(st.tuples(st.integers(0, 200), st.none() | st.integers(0, 40)), max_size=12),
    gaps=st.lists(st.integers(0, 60), min_size=1, max_size=5),
)
def test_all_that_is_told_to_be_covered_is_told(
    born: list[tuple[int, int | None]], gaps: list[int]
) -> None:
    """sync.md 14: of the days that a reading covers, every pending row is among what it tells."""
    start = datetime(2026, 1, 1, 12, tzinfo=UTC)
    hand, cursor, day = Hand(opened=start.isoformat(), whole=lambda _: False), None, 0
    for gap in gaps:
        day += gap
        hand.now = start + timedelta(days=day)
        hand.rows = [
            made(
                f"tx_{number:03}",
                start + timedelta(days=made_on, minutes=number),
                settled=""
                if lag is None or made_on + lag > day
                else (start + timedelta(days=made_on + lag)).isoformat(),
            )
            for number, (made_on, lag) in enumerate(born)
            if made_on < day
        ]
        found = pull(hand, cursor)
        cursor = cursor_of(found)
        told = set(names(found))
        for covered in last(found).covered:
            for row in parse_rows(page(*hand.rows), "acc").upserts:
                dated = row.authorized_on
                if row.status is Status.PENDING and dated and dated >= covered.since:
                    assert row.external_id in told


def test_a_list_that_leads_back_is_refused() -> None:
    """sync.md 5: a list that turns in a circle is an error; the same last id is just its end."""

    def telling(*lists: str) -> Callable[[Request], Response]:
        left, hand = list(lists), Hand(opened=days_ago(1).isoformat())

        def answer(request: Request) -> Response:
            if "/transactions" not in request.url:
                return hand(request)
            return Response(200, {}, page(transaction(left.pop(0))))

        return answer

    with pytest.raises(ContractBroken, match="leads back"):
        by_hand(BANK.pull(STREAM, None), telling("tx_a", "tx_b", "tx_a"))
    found, _ = by_hand(BANK.pull(STREAM, None), telling("tx_a", "tx_b", "tx_b"))
    assert names(found) == ["tx_a", "tx_b", "tx_b"]


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "soon",
        "{}",
        '{"read_to":"2026-11-20T12:00:00","read_from":"2026-11-20T12:00:00Z","told_from":"2026-11-20"}',
    ],
)
def test_a_cursor_that_is_none_is_refused(cursor: str) -> None:
    """A damaged cursor is an error, not a fresh start in silence."""
    with pytest.raises(ContractBroken):
        next(BANK.pull(STREAM, cursor))


def test_nothing_at_all_is_a_place_too() -> None:
    """An empty account that was read to its end is read on from there."""
    found = pull(Hand())
    assert names(found) == []
    assert read_mark(cursor_of(found)).read_to == NOW


def stated(found: Found) -> dict[BalanceKind, str]:
    """Return the balances."""
    (balances,) = [step for step in found if isinstance(step, Balances)]
    assert {one.as_of for one in balances.balances} == {NOW}
    return {one.kind: str(one.amount) for one in balances.balances}


def test_the_current_balance_is_the_available_one_and_the_holds() -> None:
    """What is on hold has been taken off what is available."""
    hand = Hand([held("tx_1"), transaction("tx_2")])
    assert stated(pull(hand)) == {BalanceKind.AVAILABLE: "100.00", BalanceKind.CURRENT: "107.40"}


def test_no_current_balance_where_it_is_unsure() -> None:
    """Money moved while it was read, or a row could not be: then only what Monzo states itself."""
    moved = Hand([held()], balances=[10_000, 9_260])
    assert stated(pull(moved)) == {BalanceKind.AVAILABLE: "92.60"}
    unread = Hand([held("tx_1"), transaction("tx_2", amount="?")])
    assert stated(pull(unread)) == {BalanceKind.AVAILABLE: "100.00"}


def test_a_year_is_the_most_that_is_asked_at_once() -> None:
    """More than 8,760 hours are a 400: pieces are shorter, and meet."""
    span = Span(days_ago(1000), days_ago(89))
    pieces = list(span.windows())
    assert pieces[0].until == span.until
    assert pieces[-1].since == span.since
    assert all(one.since == other.until for one, other in pairwise(pieces))
    assert all(one.until - one.since < timedelta(days=365) for one in pieces)
