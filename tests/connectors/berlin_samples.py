"""Answers as European banks give them, of our own making, in both of our dialects."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from penstock.domain.request import Request, Response

SPECIFICATION = (
    Path(__file__).parents[3] / "shared/data/specs/berlin-group/psd2-api_v1.3.12-2022-07-06.yaml"
)
BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
DATE = {"date": "Fri, 20 Nov 2026 12:00:00 GMT"}
PLACES: Mapping[str, str] = {"EUR": "acc-1/EUR"}

BOOKED: dict[str, Any] = {
    "entryReference": "2026-11-18-00017",
    "transactionId": "b7f0c1",
    "endToEndId": "NOTPROVIDED",
    "bookingDate": "2026-11-18",
    "valueDate": "2026-11-19",
    "transactionAmount": {"currency": "EUR", "amount": "-42.50"},
    "creditorName": "Mühlenbäckerei",
    "creditorAccount": {"iban": "DE02100100109307118603"},
    "remittanceInformationUnstructuredArray": ["Danke für", "Ihren Einkauf"],
    "bankTransactionCode": "PMNT-ICDT-ESCT",
    "balanceAfterTransaction": {
        "balanceType": "interimBooked",
        "balanceAmount": {"currency": "EUR", "amount": "100.00"},
    },
}
HELD: dict[str, Any] = {
    "transactionAmount": {"currency": "EUR", "amount": "-9.00"},
    "remittanceInformationUnstructured": "Taxi",
}
STANDING_ORDER: dict[str, Any] = {
    "transactionAmount": {"currency": "EUR", "amount": "-600.00"},
    "additionalInformationStructured": {"standingOrderDetails": {"startDate": "2026-01-01"}},
}
LISTED: dict[str, Any] = {
    "entry_reference": "5561990681",
    "transaction_id": "aB3dE",
    "merchant_category_code": "5499",
    "transaction_amount": {"currency": "EUR", "amount": "42.50"},
    "creditor": {"name": "Mühlenbäckerei", "postal_address": None},
    "creditor_account": {"iban": "FI0455231152453547", "other": None},
    "debtor": None,
    "bank_transaction_code": {"description": "Card purchase", "code": "12", "sub_code": None},
    "credit_debit_indicator": "DBIT",
    "status": "BOOK",
    "booking_date": "2026-11-18",
    "value_date": "2026-11-19",
    "transaction_date": "2026-11-16",
    "balance_after_transaction": {"currency": "EUR", "amount": "100.00"},
    "reference_number": "RF07850352502356628678117",
    "remittance_information": ["Danke für", "Ihren Einkauf"],
    "note": None,
    "exchange_rate": {
        "unit_currency": "USD",
        "exchange_rate": "1.1",
        "rate_type": "SPOT",
        "instructed_amount": {"currency": "USD", "amount": "46.75"},
    },
}


def body(content: object) -> bytes:
    """Write an answer."""
    return json.dumps(content).encode()


def report(
    *booked: Mapping[str, Any], pending: tuple[Mapping[str, Any], ...] = (), **more: Any
) -> bytes:
    """Write NextGenPSD2's account report."""
    links = {"account": {"href": "/v1/accounts/acc-1"}, **more.pop("links", {})}
    told = {"booked": booked, "pending": pending, "_links": links, **more}
    return body({"account": {"iban": "DE1"}, "transactions": told})


def listed(*rows: Mapping[str, Any], key: str | None = None) -> bytes:
    """Write a page of Enable Banking's transactions."""
    return body({"transactions": rows, "continuation_key": key})


def refusal(*codes: str) -> bytes:
    """Write an error of NextGenPSD2."""
    return body({"tppMessages": [{"category": "ERROR", "code": code} for code in codes]})


def specification() -> Path:
    """Return the official file; skips where it is absent."""
    if not SPECIFICATION.exists():
        pytest.skip(f"{SPECIFICATION.name} is not here: it is no part of the project")
    return SPECIFICATION


class Told:
    """Answers in turn, and keeps what was asked."""

    def __init__(self, *answers: Response | bytes) -> None:
        self.asked: list[Request] = []
        self._answers = iter(answers)

    def __call__(self, request: Request) -> Response:
        self.asked.append(request)
        answer = next(self._answers)
        return answer if isinstance(answer, Response) else Response(200, DATE, answer)
