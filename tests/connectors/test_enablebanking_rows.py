"""What Enable Banking's transactions mean, and which of them make no sense."""

import json
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from penstock.connectors.enablebanking_rows import parse_aside, parse_list
from penstock.domain.errors import ContractBroken
from penstock.domain.transaction import Status
from tests.connectors.berlin_samples import LISTED, PLACES, body, listed


def test_what_a_row_says() -> None:
    """The direction gives the sign, of what it was abroad too; `transaction_id` is no id."""
    (row,) = parse_list(listed(LISTED), PLACES).rows
    assert (row.external_id, row.amount, row.status) == (
        "5561990681",
        Decimal("-42.50"),
        Status.POSTED,
    )
    assert (row.booked_on, row.value_on, row.authorized_on) == (
        date(2026, 11, 18),
        date(2026, 11, 19),
        date(2026, 11, 16),
    )
    assert (row.original_amount, row.original_currency) == (Decimal("-46.75"), "USD")
    assert (row.description, row.counterparty) == ("Danke für Ihren Einkauf", "Mühlenbäckerei")
    (came,) = parse_list(listed({**LISTED, "credit_debit_indicator": "CRDT"}), PLACES).rows
    assert (came.amount, came.original_amount) == (Decimal("42.50"), Decimal("46.75"))
    for none in (None, "", " ", "0"):
        (row,) = parse_list(listed({**LISTED, "entry_reference": none}), PLACES).rows
        assert row.external_id == ""


@pytest.mark.parametrize(
    ("status", "meaning"),
    [("BOOK", Status.POSTED), ("PDNG", Status.PENDING), ("HOLD", Status.PENDING),
     ("SCHD", Status.PENDING), ("OTHR", Status.POSTED)],
)  # fmt: skip
def test_statuses(status: str, meaning: Status) -> None:
    """Pending ones have no booking day; one of unknown status is booked if it has one."""
    (row,) = parse_list(listed({**LISTED, "status": status}), PLACES).rows
    assert row.status is meaning
    assert (row.booked_on is None) == (meaning is Status.PENDING)


def test_what_was_cancelled_is_no_movement() -> None:
    """actual#1812: declined rows are not imported."""
    gone = [{**LISTED, "status": word} for word in ("CNCL", "RJCT")]
    found = parse_list(listed(*gone), PLACES)
    assert (found.rows, found.unmapped) == ([], [])


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"transaction_amount": {"currency": "EUR", "amount": "-1.00"}}, "has a sign"),
        ({"transaction_amount": {"currency": "EUR", "amount": "1,00"}}, "no amount"),
        ({"transaction_amount": {"currency": "SEK", "amount": "1.00"}}, "no money in 'SEK'"),
        ({"credit_debit_indicator": "SIDEWAYS"}, "SIDEWAYS"),
        ({"status": "OTHR", "booking_date": None}, "nobody knows"),
        ({"status": "NEW"}, "nobody knows"),
        ({"booking_date": "18.11.2026"}, "is no day"),
        (dict.fromkeys(("booking_date", "value_date", "transaction_date")), "has no day"),
    ],
)
def test_a_row_that_makes_no_sense_is_set_aside(changes: dict[str, Any], why: str) -> None:
    """Whole, and alone: the others of the page are stored; it can be mapped again."""
    found = parse_list(listed({**LISTED, **changes}, LISTED), PLACES)
    assert len(found.rows) == 1
    (aside,) = found.unmapped
    assert why in aside.reason
    with pytest.raises(ContractBroken):
        parse_aside(aside.raw)
    good = json.loads(aside.raw) | {"row": LISTED}
    assert parse_aside(body(good)).amount == Decimal("-42.50")
