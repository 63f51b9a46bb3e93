"""SnapTrade's activities, accounts and balances, and what they mean."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from penstock.connectors.snaptrade_accounts import (
    find_account,
    institution_of,
    parse_accounts,
    parse_balances,
    parse_disabled,
    seen,
)
from penstock.connectors.snaptrade_rows import parse_activities, parse_activity
from penstock.domain.account import AccountType
from penstock.domain.balance import BalanceKind
from penstock.domain.errors import ContractBroken
from penstock.domain.transaction import Status, TransactionSeen
from tests.connectors.snaptrade_samples import account, activity, cash, encoded

NEW_YORK = ZoneInfo("America/New_York")
AT = datetime(2026, 11, 20, 3, 30, tzinfo=UTC)


def row(**changes: Any) -> TransactionSeen:
    """Map one activity."""
    return parse_activity(encoded(activity(**changes)), "acc")


def test_an_activity_is_a_posted_row() -> None:
    """+ is cash coming in; the trade's day books it, the settlement's is its value day."""
    assert row() == TransactionSeen(
        account="acc",
        external_id="t1",
        status=Status.POSTED,
        amount=Decimal("263.82"),
        currency="USD",
        booked_on=date(2026, 11, 18),
        value_on=date(2026, 11, 20),
        authorized_on=None,
        description="SOLD 5.2 UNITS",
        counterparty="A bond fund",
        category="SELL",
        reference="ref-1",
    )
    assert row(type="BUY", amount=-10.5).amount == Decimal("-10.50")


def test_numbers_are_exact() -> None:
    """sync.md 15: JSON numbers never pass through binary fractions."""
    text = json.dumps(activity(amount="AMOUNT")).replace('"AMOUNT"', "-1234567890123.10000001")
    assert str(parse_activity(text.encode(), "acc").amount) == "-1234567890123.10000001"
    assert str(row(amount=0.1).amount) == "0.10"


@pytest.mark.parametrize(
    ("told", "day"),
    [
        ("2026-11-18T00:00:00Z", 18),
        ("2026-11-18T23:59:59.999999Z", 18),
        ("2026-11-18T22:00:00-05:00", 19),
        ("2026-11-18T16:27:55", 18),
        ("2026-11-18 16:27:55.561408+00:00", 18),
    ],
)
def test_a_day_is_greenwichs(told: str, day: int) -> None:
    """Brokers that know only a day tell its midnight there: no other zone may be applied."""
    assert row(trade_date=told).booked_on == date(2026, 11, day)


def test_without_a_trade_date_the_settlement_books_it() -> None:
    """`trade_date` may be null; without either day a row cannot be mapped."""
    assert row(trade_date=None).booked_on == date(2026, 11, 20)
    with pytest.raises(ContractBroken, match="trade_date"):
        row(trade_date=None, settlement_date=None)


@pytest.mark.parametrize("kind", ["SPLIT", "STOCK_DIVIDEND", "TRANSFER", "OPTIONEXPIRATION", "X"])
def test_where_only_securities_move_the_amount_is_none(kind: str) -> None:
    """`amount` may be null: no cash moved, and the row is told all the same."""
    assert row(type=kind, amount=None).amount == 0
    moved = row(type=kind, amount=None, currency=None)
    assert (str(moved.amount), moved.currency) == ("0.00", "CAD"), "what it is traded in"


@pytest.mark.parametrize("kind", ["BUY", "SELL", "DIVIDEND", "CONTRIBUTION", "FEE", None])
def test_what_moves_cash_must_say_how_much(kind: str | None) -> None:
    """sync.md 8: a purchase without an amount is no purchase for nothing: it is kept aside."""
    with pytest.raises(ContractBroken, match="amount"):
        row(type=kind, amount=None)


def test_a_trade_may_be_in_a_coin() -> None:
    """`currency` is null then, and `currency_universal_symbol` says in what it is."""
    coin = {"symbol": "ETH", "description": "Ether", "currency": None}
    told = row(amount=-0.000000000000000137, currency=None, currency_universal_symbol=coin)
    assert (told.currency, told.amount) == ("ETH", Decimal("-0.000000000000000137"))
    with pytest.raises(ContractBroken, match="currency"):
        row(currency=None)


def test_what_a_broker_has_no_words_for_is_described() -> None:
    """Its type, its units, and what it is."""
    assert row(description="").description == "SELL -5.2 VAB.TO"
    option = {"ticker": "AAPL  261218C00240000"}
    told = row(description=None, symbol=None, option_symbol=option, units=None)
    assert told.description == "SELL AAPL  261218C00240000"
    assert row(description=None, units=1e300).description.startswith("SELL 1E+300")


def test_what_cannot_be_mapped_is_kept_whole() -> None:
    """sync.md 8: with its id and its account; the others on the page come all the same."""
    bad = [activity("b1", amount="much"), activity(""), activity("0"), {"x": 1}]
    body = encoded({"data": [activity(), *bad], "pagination": {"total": 5}})
    page = parse_activities(body, "acc")
    assert [one.external_id for one in page.upserts] == ["t1"]
    assert [one.external_id for one in page.unmapped] == ["b1", None, None, None]
    assert {one.account for one in page.unmapped} == {"acc"}
    assert json.loads(page.unmapped[0].raw) == bad[0]
    assert (page.offset, page.total, page.names[:2]) == (None, 5, ["t1", "b1"])


def encoded_one(told: dict[str, Any]) -> bytes:
    """Write a list of one account."""
    return encoded([told])


def test_an_account_in_our_terms() -> None:
    """The broker's own id outlives the connection; a person knows the number's last digits."""
    known = seen(find_account(encoded_one(account()), "acc"))
    assert (known.external_id, known.name, known.currency) == ("acc", "Individual", "USD")
    assert (known.mask, known.identity) == ("8443", "A Broker:5495")
    assert seen(find_account(encoded_one(account(name=None)), "acc")).name == "A Broker"
    assert (
        seen(find_account(encoded_one(account(is_paper=True)), "acc")).name == "Individual (paper)"
    )


@pytest.mark.parametrize(
    ("number", "identity"),
    [("Q6542", "A Broker:Q6542"), ("****4321", None), ("xxxx4321", None), ("", None), ("0", None)],
)
def test_a_number_that_is_masked_is_no_identity(number: str, identity: str | None) -> None:
    """Two accounts may end in the same digits."""
    told = account(institution_account_id=None, number=number)
    assert seen(find_account(encoded_one(told), "acc")).identity == identity


@pytest.mark.parametrize(
    ("category", "words", "kind"),
    [
        ("INVESTMENT", "Margin", AccountType.INVESTMENT),
        ("DEPOSIT", "Checking", AccountType.CHECKING),
        ("DEPOSIT", "High-yield SAVINGS", AccountType.SAVINGS),
        ("LOC", "Credit Card", AccountType.CREDIT_CARD),
        ("LOC", None, AccountType.LOAN),
        (None, "TFSA", AccountType.INVESTMENT),
        ("NEW", None, AccountType.OTHER),
    ],
)
def test_what_kind_of_account_it_is(category: str | None, words: str | None, kind: Any) -> None:
    """What SnapTrade cannot tell is to be taken for an investment."""
    told = account(account_category=category, raw_type=words)
    assert seen(find_account(encoded_one(told), "acc")).type is kind


def test_an_account_without_a_total_has_no_currency_yet() -> None:
    """`total` may be null until the broker was first read: ISO 4217's word for it is XXX."""
    for balance in ({"total": None}, {"total": {"amount": None, "currency": None}}):
        assert seen(find_account(encoded_one(account(balance=balance)), "acc")).currency == "XXX"


@pytest.mark.parametrize(
    "changes",
    [
        {"id": "other"},
        {"id": " "},
        {"brokerage_authorization": ""},
        {"balance": {"total": {"currency": "dollars"}}},
        {"sync_status": {"holdings": {"last_successful_sync": "2026-11-20T00:00:00"}}},
    ],
)
def test_an_account_that_makes_no_sense_is_refused(changes: dict[str, Any]) -> None:
    """Blank ids, another account than was asked for, instants that are none."""
    with pytest.raises(ContractBroken):
        seen(find_account(encoded_one(account(**changes)), "acc"))


def test_several_brokers_are_snaptrade() -> None:
    """One connection here reaches all that a person has connected there."""
    both = [account(), account("two", institution_name="Another")]
    assert institution_of(parse_accounts(encoded(both)), "SnapTrade").name == "SnapTrade"
    assert institution_of(parse_accounts(encoded(both[:1])), "SnapTrade").name == "A Broker"
    assert institution_of([], "SnapTrade").external_id == "snaptrade"


def test_a_connection_says_whether_it_is_disabled() -> None:
    """And by which name people know it."""
    told = {"id": "conn", "disabled": False, "brokerage": {"display_name": "A Broker"}}
    assert parse_disabled(encoded(told), "conn") is None
    assert parse_disabled(encoded(told | {"disabled": True}), "conn") == "A Broker"
    assert parse_disabled(encoded({"id": "conn", "disabled": True}), "conn") == "The broker"
    with pytest.raises(ContractBroken):
        parse_disabled(encoded(told), "other")


def test_an_account_may_have_cash_in_several_currencies() -> None:
    """Each is stated; a day is the broker's own."""
    euros = cash(currency={"code": "EUR"}, cash=-1, buying_power=None)
    stated = parse_balances(encoded([cash(), euros]), "acc", AT, NEW_YORK)
    assert [(one.kind, str(one.amount), one.currency) for one in stated] == [
        (BalanceKind.CURRENT, "300.71", "USD"),
        (BalanceKind.AVAILABLE, "410.71", "USD"),
        (BalanceKind.CURRENT, "-1.00", "EUR"),
    ]
    assert {(one.as_of, one.as_of_on) for one in stated} == {(AT, date(2026, 11, 19))}
    for wrong in ([cash(), cash()], [cash(currency={})], [cash(cash="NaN")]):
        with pytest.raises(ContractBroken):
            parse_balances(encoded(wrong), "acc", AT, NEW_YORK)
