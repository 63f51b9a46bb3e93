"""Plaid's transactions, accounts and balances, as samples of our own making have them."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.connectors.plaid_accounts import (
    parse_accounts,
    parse_balances,
    parse_institution,
    parse_item,
)
from penstock.connectors.plaid_rows import parse_page, parse_removal, parse_row
from penstock.domain.account import AccountType
from penstock.domain.balance import BalanceKind
from penstock.domain.errors import ContractBroken
from penstock.domain.institution import Institution
from penstock.domain.transaction import Removal, Status
from tests.connectors.plaid_samples import (
    ACCOUNT,
    BALANCES,
    GONE,
    ITEM,
    STATUS,
    UPDATED,
    accounts,
    body,
    page,
    row,
)

NEW_YORK = ZoneInfo("America/New_York")
AT = datetime(2026, 11, 20, 3, 30, tzinfo=UTC)


def mapped(**changes: Any) -> Any:
    """Map one row, with some of it changed."""
    return parse_row(msgspec.json.encode(row(**changes)))


def test_a_posted_row() -> None:
    """All that Plaid tells of a row, in our words."""
    seen = mapped()
    assert (seen.account, seen.external_id, seen.status) == ("acc-1", "9aXkTqR4v", Status.POSTED)
    assert (str(seen.amount), seen.currency) == ("-42.50", "USD")
    assert (seen.booked_on, seen.value_on) == (date(2026, 11, 18), None)
    assert seen.authorized_on == date(2026, 11, 16)
    assert seen.description == "POS MILL ST BAKERY 0042"
    assert seen.counterparty == "Mill Street Bakery"
    assert seen.category == "FOOD_AND_DRINK_GROCERIES"
    assert seen.pending_external_id == "p-9aXkTqR4v"


def test_plus_is_money_out() -> None:
    """sync.md 15: at Plaid a purchase is positive and wages are negative; here it is as it is."""
    assert str(mapped(amount=12).amount) == "-12.00"
    assert str(mapped(amount=-2500.75).amount) == "2500.75"
    assert str(mapped(amount=0).amount) == "0.00"


@given(st.decimals(-(10**9), 10**9, places=2))
def test_numbers_are_read_exactly(amount: Decimal) -> None:
    """sync.md 15: a JSON number never passes through a float."""
    written = msgspec.json.Encoder(decimal_format="number").encode(row(amount=amount))
    assert parse_row(written).amount == -amount


def test_a_pending_row() -> None:
    """It is on no books; its `date` is the day on which it happened."""
    seen = mapped(pending=True, pending_transaction_id=None, date="2026-11-16")
    assert (seen.status, seen.booked_on, seen.value_on) == (Status.PENDING, None, None)
    assert seen.authorized_on == date(2026, 11, 16)
    assert mapped(pending=True, authorized_date=None).authorized_on == date(2026, 11, 18)


def test_the_link_to_the_pending_row_may_be_missing() -> None:
    """Plaid cannot always match them (plaid/support#116); a blank one is none."""
    assert mapped(pending_transaction_id=None).pending_external_id is None
    assert mapped(pending_transaction_id="").pending_external_id is None


def test_currencies_without_an_iso_code() -> None:
    """Exactly one of the two codes is there; neither is a row for the quarantine."""
    seen = mapped(iso_currency_code=None, unofficial_currency_code="BTC", amount=0.0025)
    assert (str(seen.amount), seen.currency) == ("-0.00250000", "BTC")
    with pytest.raises(ContractBroken, match="neither"):
        mapped(iso_currency_code=None)


def test_words_where_some_are_missing() -> None:
    """The bank's own words, else Plaid's; a cheque's number where there is no reference."""
    seen = mapped(original_description=None, merchant_name=None, check_number="1042")
    assert (seen.description, seen.counterparty) == ("Mill Street Bakery", None)
    assert seen.reference == "1042"
    assert mapped(personal_finance_category=None, payment_meta=None).category is None


def test_a_page() -> None:
    """Added and modified are upserts; a removal is another row's name and account."""
    changed = row(transaction_id="m1", amount=1)
    read = parse_page(page(row(), modified=[changed], removed=[GONE], more=True))
    assert [one.external_id for one in read.upserts] == ["9aXkTqR4v", "m1"]
    assert read.removed == [Removal("acc-1", "p-9aXkTqR4v")]
    assert (read.next_cursor, read.more, read.unmapped) == ("c1", True, ())


@pytest.mark.parametrize(
    "changes",
    [
        {"transaction_id": None},
        {"transaction_id": " "},
        {"transaction_id": "0"},
        {"amount": "NaN"},
        {"amount": "sNaN"},
        {"amount": "-Infinity"},
        {"amount": None},
        {"amount": "9" * 60},
        {"date": "2026-02-30"},
        {"date": None},
        {"pending": "maybe"},
        {"iso_currency_code": "dollars"},
    ],
    ids=str,
)
def test_a_bad_row_goes_along_whole(changes: dict[str, Any]) -> None:
    """sync.md 8: it is neither dropped, nor does it hold back the rows beside it."""
    bad = row(**changes)
    read = parse_page(page(row(transaction_id="good"), bad, removed=[GONE]))
    assert [one.external_id for one in read.upserts] == ["good"]
    assert len(read.removed) == 1
    (kept,) = read.unmapped
    assert msgspec.json.decode(kept.raw) == bad
    assert kept.account == "acc-1"


def test_a_removal_that_names_nothing_goes_along_whole() -> None:
    """sync.md 8 holds for removals too."""
    read = parse_page(page(removed=[{"transaction_id": "", "account_id": "acc-1"}]))
    assert len(read.unmapped) == 1
    with pytest.raises(ContractBroken):
        parse_removal(b'{"account_id":"acc-1"}')


def account(kind: str, subtype: str | None = None, **balances: Any) -> dict[str, Any]:
    """Return an account of another type."""
    return {**ACCOUNT, "type": kind, "subtype": subtype, "balances": {**BALANCES, **balances}}


@pytest.mark.parametrize(
    ("kind", "subtype", "expected"),
    [
        ("depository", "checking", AccountType.CHECKING),
        ("depository", "money market", AccountType.SAVINGS),
        ("depository", "something new", AccountType.OTHER),
        ("depository", None, AccountType.OTHER),
        ("credit", "credit card", AccountType.CREDIT_CARD),
        ("loan", "student", AccountType.LOAN),
        ("investment", "ira", AccountType.INVESTMENT),
        ("something new", None, AccountType.OTHER),
    ],
)
def test_types_of_accounts(kind: str, subtype: str | None, expected: AccountType) -> None:
    """What Plaid invents later is another kind of account, and no error."""
    _, (seen,) = parse_accounts(accounts(account(kind, subtype)))
    assert seen.type is expected


def test_an_account() -> None:
    """It is known by its last digits; what outlives an Item identifies it, where Plaid tells it."""
    _, (seen,) = parse_accounts(accounts(ACCOUNT))
    assert (seen.external_id, seen.name, seen.mask) == ("acc-1", "Everyday", "0042")
    assert (seen.currency, seen.identity) == ("USD", None)
    _, (lasting,) = parse_accounts(accounts({**ACCOUNT, "persistent_account_id": "for-ever"}))
    assert lasting.identity == "for-ever"


def stated(account: dict[str, Any]) -> dict[BalanceKind, str]:
    """Return what is stated of an account."""
    told = parse_balances(accounts(account), AT, NEW_YORK)
    return {each.kind: str(each.amount) for each in told}


def test_what_is_owed_is_negative() -> None:
    """sync.md 15: cards and loans state what is owed as a positive amount.

    What can be spent is positive everywhere; a card that was overpaid is in our favour.
    """
    current, available, limit = BalanceKind.CURRENT, BalanceKind.AVAILABLE, BalanceKind.LIMIT
    assert stated(ACCOUNT) == {current: "120.10", available: "110.94"}
    card = account("credit", "credit card", current=410.5, available=1589.5, limit=2000)
    assert stated(card) == {current: "-410.50", available: "1589.50", limit: "2000.00"}
    assert stated(account("credit", current=-20, available=None)) == {current: "20.00"}
    assert stated(account("loan", current=65262, available=None)) == {current: "-65262.00"}
    assert stated(account("depository", current=None)) == {available: "110.94"}


def test_balances_are_as_of_the_items_update() -> None:
    """sync.md 17: not as of the question; the day is the institution's own."""
    told = parse_balances(accounts(ACCOUNT), AT, NEW_YORK)
    assert {(each.as_of, each.as_of_on) for each in told} == {(AT, date(2026, 11, 19))}
    dated = account("depository", last_updated_datetime="2026-11-18T12:00:00Z")
    told = parse_balances(accounts(dated), AT, NEW_YORK)
    assert {each.as_of_on for each in told} == {date(2026, 11, 18)}


def test_the_item() -> None:
    """When its consent ends, and when it was updated; either may not be said."""
    seen = parse_item(body(item={**ITEM, "consent_expiration_time": UPDATED}, status=STATUS))
    assert (seen.consent_ends, seen.updated) == (AT, AT)
    for status in (None, {}, {"transactions": None}):
        seen = parse_item(body(item=ITEM, status=status))
        assert (seen.consent_ends, seen.updated) == (None, None)
    with pytest.raises(ContractBroken, match="no offset"):
        parse_item(body(item={**ITEM, "consent_expiration_time": "2026-11-20T03:30:00"}))


def test_an_institution_by_its_name() -> None:
    """For Items that do not name theirs."""
    answer = body(institution={"institution_id": "ins_1", "name": "Mill Bank"})
    assert parse_institution(answer) == Institution("ins_1", "Mill Bank")


@pytest.mark.parametrize(
    "account",
    [
        {**ACCOUNT, "account_id": " "},
        {**ACCOUNT, "balances": {**BALANCES, "iso_currency_code": None}},
        {**ACCOUNT, "balances": {**BALANCES, "current": "NaN"}},
        {**ACCOUNT, "balances": None},
    ],
    ids=range(4),
)
def test_a_bad_account_is_refused(account: dict[str, Any]) -> None:
    """An account that cannot be told from others, or has no money, is nobody's guess."""
    with pytest.raises(ContractBroken):
        parse_balances(accounts(account), AT, NEW_YORK)
