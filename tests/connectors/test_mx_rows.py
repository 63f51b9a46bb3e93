"""MX's transactions: unsigned amounts, two names, days in noons, and what may be missing."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.connectors.mx_rows import parse_rows
from penstock.domain.transaction import Status, TransactionSeen
from tests.connectors.mx_samples import CHECKING, CURRENCIES, paged, row


def mapped(**changes: Any) -> TransactionSeen:
    """Return the one row of a page."""
    rows = parse_rows(paged("transactions", [row(**changes)]), CURRENCIES)
    assert not rows.unmapped, rows.unmapped
    return rows.upserts[0]


def refused(**changes: Any) -> str:
    """Return why a row cannot be mapped."""
    rows = parse_rows(paged("transactions", [row(**changes), row(guid="TRN-2")]), CURRENCIES)
    (bad,) = rows.unmapped
    assert (len(rows.upserts), rows.listed) == (1, 2), "one bad row does not hold back the others"
    return bad.reason


def test_a_posted_row() -> None:
    """Booked when it was posted, made when it was transacted; the bank's own words first."""
    found = mapped()
    assert found == TransactionSeen(
        account=CHECKING,
        external_id="TRN-1",
        status=Status.POSTED,
        amount=Decimal("-42.50"),
        currency="USD",
        booked_on=found.booked_on,
        value_on=None,
        authorized_on=found.authorized_on,
        description="POS MILL ST BAKERY 0042",
        counterparty="Mill Street Bakery",
        category="Groceries",
    )
    assert (f"{found.booked_on}", f"{found.authorized_on}") == ("2026-11-18", "2026-11-16")


def test_a_pending_row() -> None:
    """It is not booked, whatever `posted_at` expects."""
    found = mapped(status="PENDING")
    assert (found.status, found.booked_on) == (Status.PENDING, None)
    assert f"{found.authorized_on}" == "2026-11-16"


@pytest.mark.parametrize(("way", "amount"), [("CREDIT", "42.50"), ("DEBIT", "-42.50")])
def test_type_says_which_way_it_went(way: str, amount: str) -> None:
    """sync.md 15: an amount has no sign, on a card as on any account."""
    assert str(mapped(type=way).amount) == amount
    assert str(mapped(type=way, account_guid="ACT-2").amount) == amount


def test_nothing_has_no_sign() -> None:
    """Zero is zero, either way."""
    assert {str(mapped(amount=0, type=way).amount) for way in ("CREDIT", "DEBIT")} == {"0.00"}


def test_both_names() -> None:
    """`guid` is MX's own; `id` is anything, and is not looked at."""
    for other in (None, "", "0", "TRN-9", 17):
        assert mapped(id=other).external_id == "TRN-1"


@pytest.mark.parametrize("guid", [None, "", " ", "0", 7])
def test_a_blank_guid_is_no_name(guid: object) -> None:
    """sync.md 13: nor is a placeholder."""
    assert refused(guid=guid)


def test_a_row_without_a_currency_is_in_its_accounts() -> None:
    """`currency_code` may be null; where it is not, it counts."""
    assert mapped(currency_code=None).currency == "USD"
    assert str(mapped(currency_code="JPY", amount=500).amount) == "-500"


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"amount": -1}, "has a sign"),
        ({"amount": None}, "amount"),
        ({"amount": "12"}, ""),
        ({"type": None}, "type"),
        ({"type": "TRANSFER"}, "'TRANSFER'"),
        ({"status": "HELD"}, "'HELD'"),
        ({"status": None}, "status"),
        ({"currency_code": "us$"}, "no currency"),
        ({"account_guid": "ACT-9"}, "does not list"),
        ({"transacted_at": "2026-11-16T12:00:00"}, "no offset"),
        ({"date": "2026-02-30"}, "date"),
        ({"posted_at": "9999-12-31T23:59:59-12:00"}, "out of all time"),
        ({"date": None, "transacted_at": None, "posted_at": None}, "no day"),
    ],
)
def test_what_cannot_be_mapped_is_set_aside_by_name(changes: dict[str, Any], why: str) -> None:
    """Unknown words, signs, days that are none: whole, into quarantine."""
    if changes == {"amount": "12"}:
        assert str(mapped(amount="12").amount) == "-12.00", "a number as text is a number"
        return
    reason = refused(**changes)
    assert "TRN-1" in reason or "guid" in reason or reason
    assert why in reason


@pytest.mark.parametrize(
    ("days", "booked", "authorized"),
    [
        ({"posted_at": None}, "2026-11-16", "2026-11-16"),
        ({"transacted_at": None, "date": "2026-11-18"}, "2026-11-18", "None"),
        ({"transacted_at": None, "posted_at": None}, "2026-11-16", "None"),
        ({"date": None}, "2026-11-18", "2026-11-16"),
        ({"posted_at": "2026-11-18T23:30:00-05:00"}, "2026-11-19", "2026-11-16"),
    ],
)
def test_days_may_be_missing(days: dict[str, Any], booked: str, authorized: str) -> None:
    """`date` is the day it happened, or else the day it was booked: one of them is enough."""
    found = mapped(**days)
    assert (f"{found.booked_on}", f"{found.authorized_on}") == (booked, authorized)


def test_words_may_be_missing() -> None:
    """MX's own words where the bank has none; who was paid only where MX knows the merchant."""
    assert mapped(original_description=None).description == "Mill Street Bakery"
    assert mapped(original_description=None, description=None).description == ""
    assert mapped(merchant_guid=None).counterparty is None
    assert mapped(memo="invoice 7").reference == "invoice 7"
    assert mapped(check_number_string="0042").reference == "0042"


@given(st.decimals(0, 10**9, places=2), st.sampled_from(["CREDIT", "DEBIT"]))
def test_amounts_are_exact(amount: Decimal, way: str) -> None:
    """sync.md 15: never through float."""
    told = paged("transactions", [row(amount="@", type=way)]).replace(b'"@"', str(amount).encode())
    (found,) = parse_rows(told, CURRENCIES).upserts
    assert abs(found.amount) == amount
    assert found.amount == 0 or (found.amount > 0) == (way == "CREDIT")
