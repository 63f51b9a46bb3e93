"""Up's own examples, and answers written by hand."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

SPECIFICATION = Path(__file__).parents[3] / "shared" / "data" / "specs" / "up-bank" / "openapi.json"
BASE = "https://api.up.com.au/api/v1"
DATE = {"date": "Fri, 20 Nov 2026 12:00:00 GMT"}
HOLD = "2026-11-18T23:30:00+11:00"


def examples(path: str) -> list[bytes]:
    """Return the official examples of answers to GET a path; skips where they are not at hand."""
    if not SPECIFICATION.exists():
        pytest.skip(f"Up's OpenAPI file is not at {SPECIFICATION}")
    operation = msgspec.json.decode(SPECIFICATION.read_bytes())["paths"][path]["get"]
    return [msgspec.json.encode(one) for one in _answers(operation["responses"]["200"])]


def _answers(part: Any) -> Iterator[Any]:
    if isinstance(part, dict):
        for key, inner in part.items():
            if key == "x-up:example":
                yield inner["response"]
            else:
                yield from _answers(inner)


def money(value: str, currency: str = "AUD") -> dict[str, Any]:
    """Return an amount, written twice."""
    return {
        "currencyCode": currency,
        "value": value,
        "valueInBaseUnits": int(value.replace(".", "")),
    }


def transaction(name: str = "t1", account: str = "acc", **about: Any) -> dict[str, Any]:
    """Return a purchase that has settled; `about` are other attributes of it."""
    attributes = {
        "status": "SETTLED",
        "rawText": "FERRY TERMINAL 4711",
        "description": "Ferry Terminal",
        "message": None,
        "isCategorizable": True,
        "holdInfo": None,
        "roundUp": None,
        "cashback": None,
        "amount": money("-7.40"),
        "foreignAmount": None,
        "cardPurchaseMethod": {"method": "CONTACTLESS", "cardNumberSuffix": "0001"},
        "settledAt": "2026-11-20T00:10:00+11:00",
        "createdAt": HOLD,
        "transactionType": "Purchase",
        "note": None,
        "performingCustomer": {"displayName": "Ada"},
        **about,
    }
    return {
        "type": "transactions",
        "id": name,
        "attributes": attributes,
        "relationships": {
            "account": {"data": {"type": "accounts", "id": account}},
            "transferAccount": {"data": None},
            "category": {"data": {"type": "categories", "id": "public-transport"}},
            "parentCategory": {"data": {"type": "categories", "id": "transport"}},
            "tags": {"data": []},
        },
    }


def held(name: str = "t1", **about: Any) -> dict[str, Any]:
    """Return a purchase that is on hold."""
    return transaction(name, **{"status": "HELD", "settledAt": None, **about})


def page(*resources: dict[str, Any], after: str | None = None) -> bytes:
    """Return a page of a list; `after` is the address of the next."""
    return msgspec.json.encode({"data": resources, "links": {"prev": None, "next": after}})


def account(balance: str = "100.00", **about: Any) -> dict[str, Any]:
    """Return an account."""
    attributes = {
        "displayName": "Spending",
        "accountType": "TRANSACTIONAL",
        "ownershipType": "INDIVIDUAL",
        "balance": money(balance),
        "createdAt": "2020-02-01T00:00:00+11:00",
        **about,
    }
    return {"type": "accounts", "id": "acc", "attributes": attributes, "relationships": {}}


def one(resource: dict[str, Any]) -> bytes:
    """Return the answer for one resource."""
    return msgspec.json.encode({"data": resource})
