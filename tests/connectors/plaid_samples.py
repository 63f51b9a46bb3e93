"""Answers as Plaid gives them, of our own making, and its specification where it is at hand."""

from collections.abc import Generator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from penstock.domain.request import Request, Response

SPECIFICATION = Path(__file__).parents[3] / "shared/data/specs/plaid/2020-09-14.yml"

ROW: dict[str, Any] = {
    "transaction_id": "9aXkTqR4v",
    "account_id": "acc-1",
    "amount": 42.5,
    "iso_currency_code": "USD",
    "unofficial_currency_code": None,
    "date": "2026-11-18",
    "authorized_date": "2026-11-16",
    "datetime": None,
    "authorized_datetime": None,
    "name": "Mill Street Bakery",
    "original_description": "POS MILL ST BAKERY 0042",
    "merchant_name": "Mill Street Bakery",
    "pending": False,
    "pending_transaction_id": "p-9aXkTqR4v",
    "personal_finance_category": {
        "primary": "FOOD_AND_DRINK",
        "detailed": "FOOD_AND_DRINK_GROCERIES",
    },
    "payment_channel": "in store",
    "payment_meta": {"reference_number": None, "payee": None},
    "location": {"city": None},
    "account_owner": None,
    "check_number": None,
    "transaction_code": None,
}
GONE = {"transaction_id": "p-9aXkTqR4v", "account_id": "acc-1"}
BALANCES: dict[str, Any] = {
    "available": 110.94,
    "current": 120.1,
    "limit": None,
    "iso_currency_code": "USD",
    "unofficial_currency_code": None,
}
ACCOUNT: dict[str, Any] = {
    "account_id": "acc-1",
    "balances": BALANCES,
    "mask": "0042",
    "name": "Everyday",
    "official_name": "Mill Bank Everyday Checking",
    "type": "depository",
    "subtype": "checking",
}
ITEM: dict[str, Any] = {
    "item_id": "item-1",
    "institution_id": "ins_1",
    "institution_name": "Mill Bank",
    "webhook": None,
    "error": None,
    "consent_expiration_time": None,
}
UPDATED = "2026-11-20T03:30:00Z"
STATUS = {"transactions": {"last_successful_update": UPDATED, "last_failed_update": None}}


def body(**content: Any) -> bytes:
    """Write an answer."""
    return msgspec.json.encode({**content, "request_id": "r1"})


def row(**changes: Any) -> dict[str, Any]:
    """Return a row, with some of it changed."""
    return {**ROW, **changes}


def page(*added: Any, more: bool = False, cursor: str = "c1", **lists: list[Any]) -> bytes:
    """Write a page of /transactions/sync."""
    content = {"added": list(added), "modified": [], "removed": [], **lists}
    return body(**content, next_cursor=cursor, has_more=more, accounts=[])


def accounts(*listed: dict[str, Any], **item: Any) -> bytes:
    """Write an answer of /accounts/get; `item` are changes of the Item."""
    return body(accounts=list(listed), item={**ITEM, **item})


def error(kind: str, code: str, **more: Any) -> bytes:
    """Write an error."""
    return body(error_type=kind, error_code=code, error_message="…", display_message=None, **more)


class Told:
    """Answers in their order, each good unless it is an error; remembers what was asked."""

    def __init__(self, *answers: bytes, status: int = 200) -> None:
        self.answers = list(answers)
        self.status = status
        self.asked: list[tuple[str, dict[str, Any]]] = []

    def run(self, asking: Generator[Request, Response, Any]) -> Any:
        """Run a step of a link to its end."""
        try:
            request = next(asking)
            while True:
                assert not request.authorized
                self.asked.append((request.endpoint, msgspec.json.decode(request.body or b"")))
                told = self.answers.pop(0)
                status = 400 if b"error_code" in told else self.status
                request = asking.send(Response(status, {}, told))
        except StopIteration as end:
            return end.value


def specification() -> Path:
    """Return Plaid's own specification; skips where it is not at hand."""
    if not SPECIFICATION.exists():
        pytest.skip(f"Plaid's specification is not at {SPECIFICATION}")
    return SPECIFICATION
