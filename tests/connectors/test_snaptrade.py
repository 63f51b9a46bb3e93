"""SnapTrade's connector: its pages, cursor and windows, what it declares."""

from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.connectors import build
from penstock.connectors.snaptrade import SnapTrade
from penstock.domain.errors import ContractBroken, InvalidInput, RowsMoved
from penstock.domain.holding import SecurityType
from penstock.domain.limit import Scope
from penstock.domain.protocol import PendingRule
from penstock.domain.rate_headers import GENERAL
from penstock.domain.request import Response
from penstock.domain.secret import Secret
from penstock.domain.update import Absence, Balances, Covered, Holdings, Page
from penstock.domain.uses import use_told, uses_of
from tests.connectors.driving import Found, by_hand
from tests.connectors.snaptrade_samples import (
    ACCOUNT,
    BROKERS,
    STREAM,
    Broker,
    account,
    activity,
    encoded,
    position,
)

SMALL = replace(BROKERS, page_size=3)


def pull(broker: Broker, cursor: str | None = None, connector: SnapTrade = BROKERS) -> Found:
    """Read the one account."""
    return by_hand(connector.pull(STREAM, cursor), broker)[0]


def pages(found: Found) -> list[Page]:
    """Return the pages of a reading."""
    return [step for step in found if isinstance(step, Page)]


def names(found: Found) -> set[str]:
    """Return the ids of the rows of a reading."""
    return {row.external_id for page in pages(found) for row in page.upserts}


def rows(*days: int) -> list[dict[str, Any]]:
    """Return activities of these days of November, the newest first."""
    days = tuple(sorted(days, reverse=True))
    return [
        activity(f"t{number}", trade_date=f"2026-11-{day:02d}T00:00:00Z")
        for number, day in enumerate(days)
    ]


def test_a_first_reading_asks_for_everything() -> None:
    """sync.md 6: no startDate; cash and positions come before the last page, the cursor with it."""
    broker = Broker(rows(18, 17), positions=[position()])
    found = pull(broker)
    assert broker.asked == [
        "accounts",
        "accounts/acc/activities?offset=0&limit=1000",
        "authorizations/conn",
        "accounts/acc/balances",
        "accounts/acc/positions/all",
    ]
    balances, holdings, page = found
    assert isinstance(balances, Balances)
    assert isinstance(holdings, Holdings)
    assert [one.symbol for one in holdings.holdings] == ["AAPL"]
    assert isinstance(page, Page)
    assert (page.next_cursor, page.more, page.covered) == ("2026-11-18", False, ())


def test_later_readings_ask_for_a_month_once_more() -> None:
    """sync.md 14: told in full from 30 days before the cursor on, and asked two days earlier.

    Nobody says in which zone SnapTrade cuts its days: none is taken for missing at the edge.
    """
    broker = Broker(rows(18, 17))
    (page,) = pages(pull(broker, "2026-11-17"))
    assert "startDate=2026-10-16" in broker.asked[1]
    assert page.covered == (Covered(ACCOUNT, date(2026, 10, 18), date.max),)
    assert page.next_cursor == "2026-11-18"


def test_the_cursor_goes_neither_back_nor_into_the_future() -> None:
    """A row dated in years to come would hide all that comes before it from the next reading."""
    assert pages(pull(Broker(rows(2)), "2026-11-17"))[-1].next_cursor == "2026-11-17"
    assert pages(pull(Broker()))[-1].next_cursor is None
    future = Broker([activity(trade_date="2062-11-18T00:00:00Z")])
    assert pages(pull(future))[-1].next_cursor == "2026-11-20"


def test_rows_without_a_day_of_trade_keep_a_reading_whole() -> None:
    """`startDate` goes by `trade_date`, which may be null: such a row would seem to be gone."""
    undated = activity("odd", trade_date=None, settlement_date="2026-11-17T00:00:00Z")
    found = pull(Broker([*rows(18), undated]))
    assert "odd" in names(found)
    assert pages(found)[-1].next_cursor is None, "the next reading asks for all of it again"


@pytest.mark.parametrize("cursor", ["", "soon", "2026-13-01", "0"])
def test_a_cursor_that_is_none_is_refused(cursor: str) -> None:
    """A damaged cursor is an error, not a fresh start in silence."""
    with pytest.raises(ContractBroken):
        next(BROKERS.pull(STREAM, cursor))


def test_the_earliest_cursor_is_no_trouble() -> None:
    """No calendar ends before what is asked for."""
    broker = Broker()
    pull(broker, "0001-01-05")
    assert "startDate=1899-11-30" in broker.asked[1]


def test_each_page_begins_with_the_last_row_of_the_one_before() -> None:
    """Offsets shift when rows come or go: the overlap shows whether they did."""
    broker = Broker(rows(*range(1, 9)))
    found = pull(broker, connector=SMALL)
    offsets = [one.partition("offset=")[2][:1] for one in broker.asked if "offset" in one]
    assert offsets == ["0", "2", "4", "6"]
    assert names(found) == {f"t{number}" for number in range(8)}
    assert [page.more for page in pages(found)] == [True, True, True, False]
    assert {page.next_cursor for page in pages(found)[:-1]} == {None}


def a_row_comes(broker: Broker) -> None:
    """Book one, the newest."""
    broker.rows.insert(0, activity("new", trade_date="2026-11-19T00:00:00Z"))


def a_row_goes(broker: Broker) -> None:
    """Take the newest back."""
    broker.rows.pop(0)


def one_comes_and_one_goes(broker: Broker) -> None:
    """Take back one that was read, and book one that stands behind what was read."""
    broker.rows.pop(0)
    broker.rows.append(activity("old", trade_date="2026-11-01T00:00:00Z"))


def all_is_gathered_anew(broker: Broker) -> None:
    """Let SnapTrade read from the broker again: nothing shifts, but it may be other rows."""
    broker.about = account(
        sync_status={"transactions": {"last_successful_sync": "2026-11-20"}, "holdings": {}}
    )


@pytest.mark.parametrize(
    "move", [a_row_comes, a_row_goes, one_comes_and_one_goes, all_is_gathered_anew]
)
def test_rows_that_move_between_two_pages_start_the_update_over(move: Any) -> None:
    """sync.md 3: a row that slid over the edge of a page would be lost; then all is read anew."""
    broker = Broker(rows(*range(2, 10)), moves=[move])
    with pytest.raises(RowsMoved):
        pull(broker, connector=SMALL)
    again = pull(broker, connector=SMALL)
    assert names(again) == {row["id"] for row in broker.rows}


@given(
    size=st.integers(2, 5),
    count=st.integers(0, 12),
    edits=st.lists(st.lists(st.tuples(st.booleans(), st.integers(0, 12)), max_size=2), max_size=4),
)
def test_no_row_that_stands_throughout_is_lost(
    size: int, count: int, edits: list[list[tuple[bool, int]]]
) -> None:
    """Whatever comes and goes between pages: what is there before and after was told, or it moved.

    The row that stayed cannot be passed over, wherever others were put in or taken out.
    """
    fresh = iter(range(100, 200))

    def moving(steps: list[tuple[bool, int]]) -> Any:
        def move(broker: Broker) -> None:
            for puts, place in steps:
                if puts:
                    row = activity(f"t{next(fresh)}")
                    broker.rows.insert(min(place, len(broker.rows)), row)
                elif broker.rows:
                    broker.rows.pop(place % len(broker.rows))

        return move

    broker = Broker([activity(f"t{n}") for n in range(count)], moves=[moving(e) for e in edits])
    before = {row["id"] for row in broker.rows}
    try:
        found = pull(broker, connector=replace(BROKERS, page_size=size))
    except (RowsMoved, ContractBroken):
        return
    assert before & {row["id"] for row in broker.rows} <= names(found)


def test_a_page_that_leads_nowhere_is_refused() -> None:
    """sync.md 5: an empty page while more is announced, or another place than was asked for."""
    for pagination in ({"offset": 0, "total": 5}, {"offset": 7, "total": 0}):
        body = encoded({"data": [], "pagination": pagination})

        def answer(request: Any, body: bytes = body) -> Response:
            told = Broker()(request)
            return replace(told, body=body) if "activities" in request.url else told

        with pytest.raises(ContractBroken):
            by_hand(BROKERS.pull(STREAM, None), answer)


def test_an_account_whose_history_is_being_gathered_is_not_ready() -> None:
    """sync.md 1: nothing is asked of it yet, nothing stored, and it does not count as done."""
    status = {"transactions": {"initial_sync_completed": False}, "holdings": {}}
    broker = Broker(rows(18), about=account(sync_status=status))
    (page,) = pages(pull(broker))
    assert (page.next_cursor, page.upserts, len(broker.asked)) == ("", (), 1)


def test_a_disabled_connection_is_said_and_what_is_known_comes() -> None:
    """SnapTrade goes on telling what it last heard: it must not look as if all were well."""
    (page,) = pages(pull(Broker(rows(18), disabled=True)))
    assert page.said == ["A Broker must be connected again, at https://dashboard.snaptrade.com."]
    assert len(page.upserts) == 1
    assert not pages(pull(Broker(rows(18))))[0].said


def test_holdings_that_a_broker_hides_are_not_none() -> None:
    """`holdings_unavailable`: empty cash and positions do not mean that the account is empty."""
    hidden = {"holdings_unavailable": True, "initial_sync_completed": True}
    broker = Broker(rows(18), about=account(sync_status={"holdings": hidden}))
    assert [type(step) for step in pull(broker)] == [Page]
    assert not any("positions" in one or "balances" in one for one in broker.asked)


def test_a_position_without_a_number_leaves_what_is_known() -> None:
    """`units` may be null: then nothing is said of the account's holdings, but to the person."""
    broker = Broker(positions=[position(), position(units=None)])
    found = pull(broker)
    assert not [step for step in found if isinstance(step, Holdings)]
    assert pages(found)[0].said == ["How many of AAPL are held is not told."]


def test_what_it_declares() -> None:
    """Never pending; silence says that a row is gone; ids may change when all is gathered anew."""
    assert BROKERS.pending_rule is PendingRule.NEVER
    assert (BROKERS.absence, BROKERS.sends_removals) == (Absence.REMOVED, False)
    assert BROKERS.reissues_ids


def test_its_limits_are_those_that_its_headers_tell() -> None:
    """250 a minute for the client; 10 for each account, whatever is asked of it."""
    client, of_account = BROKERS.budgets
    minute = timedelta(minutes=1)
    assert (client.calls, client.window, client.told_by) == (250, minute, GENERAL)
    assert client.scope is Scope.CONNECTION, "each Personal key is a client of its own"
    assert (of_account.calls, of_account.window, of_account.told_by) == (10, minute, "account")
    requests = []
    asking = BROKERS.pull(STREAM, None)
    broker = Broker(rows(18))
    step: Any = next(asking)
    while not isinstance(step, Page):
        if isinstance(step, Balances | Holdings):
            step = next(asking)
            continue
        requests.append(step)
        step = asking.send(broker(step))
    of_acc = [one for one in requests if one.account]
    assert len(of_acc) == len(requests) - 2 == 3
    for told, count in ((GENERAL, 5), ("account", 3)):
        of = requests if told is GENERAL else of_acc
        keys = [use_told(BROKERS.budgets, "snaptrade", 1, one, told).key for one in of]
        assert (len(set(keys)), len(keys)) == (1, count)
    assert len(uses_of(BROKERS.budgets, "snaptrade", 1, of_acc[0])) == 2


def test_cash_like_funds_are_told_as_cash() -> None:
    """They are in the cash balance too: whoever adds up must be able to tell."""
    broker = Broker(positions=[position(cash_equivalent=True)])
    (holdings,) = [step for step in pull(broker) if isinstance(step, Holdings)]
    assert holdings.holdings[0].type is SecurityType.CASH


def test_its_settings() -> None:
    """A zone that is none is refused at once; without a client id only a key is taken."""
    made = build({"snaptrade_zone": Secret("UTC")})["snaptrade"]
    assert isinstance(made, SnapTrade)
    assert (made.zone.key, made.missing_settings, len(made.link_plans)) == ("UTC", (), 1)
    with pytest.raises(InvalidInput, match="PENSTOCK_SNAPTRADE_ZONE"):
        build({"snaptrade_zone": Secret("Nowhere")})
