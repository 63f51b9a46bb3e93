"""Answers in SnapTrade's shapes, of our own making, and a SnapTrade that gives them."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from penstock.connectors.snaptrade import SnapTrade
from penstock.domain.request import Request, Response
from penstock.domain.update import Stream
from tests.sandbox.visitor import NOON

BASE = "https://api.snaptrade.com"
ACCOUNT, CONNECTION = "acc", "conn"
STREAM = Stream(ACCOUNT, (ACCOUNT,))
BROKERS = SnapTrade(clock=lambda: NOON)
SPECIFICATION = Path(__file__).parents[3] / "shared/data/specs/snaptrade/api.yaml"


def specification() -> Path:
    """Return the official OpenAPI file; skips where it is not at hand."""
    if not SPECIFICATION.exists():
        pytest.skip(f"SnapTrade's own specification is not here: {SPECIFICATION}")
    return SPECIFICATION


def activity(name: str = "t1", **changes: Any) -> dict[str, Any]:
    """Return a sale."""
    return {
        "id": name,
        "symbol": {"symbol": "VAB.TO", "description": "A bond fund", "currency": {"code": "CAD"}},
        "currency_universal_symbol": None,
        "option_symbol": None,
        "price": 0.4,
        "units": -5.2,
        "amount": 263.82,
        "currency": {"id": "c", "code": "USD", "name": "US Dollar"},
        "type": "SELL",
        "option_type": "",
        "description": "SOLD 5.2 UNITS",
        "trade_date": "2026-11-18T16:27:55Z",
        "settlement_date": "2026-11-20T00:00:00Z",
        "fee": 0,
        "fx_rate": None,
        "institution": "A Broker",
        "external_reference_id": "ref-1",
        **changes,
    }


def account(uid: str = ACCOUNT, **changes: Any) -> dict[str, Any]:
    """Return an account."""
    return {
        "id": uid,
        "brokerage_authorization": CONNECTION,
        "name": "Individual",
        "number": "Q6542138443",
        "institution_account_id": "5495",
        "institution_name": "A Broker",
        "created_date": "2024-07-23T22:50:22.761390Z",
        "sync_status": {
            "transactions": {"initial_sync_completed": True, "last_successful_sync": "2026-11-19"},
            "holdings": {
                "initial_sync_completed": True,
                "last_successful_sync": "2026-11-20 02:42:46.561408+00:00",
            },
        },
        "balance": {"total": {"amount": 15363.23, "currency": "USD"}},
        "raw_type": "Margin",
        "account_category": "INVESTMENT",
        "is_paper": False,
        **changes,
    }


def position(**changes: Any) -> dict[str, Any]:
    """Return a position of shares."""
    return {
        "instrument": {
            "kind": "stock",
            "id": "i1",
            "symbol": "AAPL",
            "raw_symbol": "AAPL",
            "description": "Apple Inc.",
            "currency": "USD",
        },
        "units": "10.5",
        "price": "123.45",
        "cost_basis": "118.2",
        "currency": "USD",
        **changes,
    }


def cash(**changes: Any) -> dict[str, Any]:
    """Return the cash in one currency."""
    return {"currency": {"code": "USD"}, "cash": 300.71, "buying_power": 410.71, **changes}


def encoded(content: object) -> bytes:
    """Write an answer."""
    return json.dumps(content).encode()


@dataclass
class Broker:
    """A SnapTrade with one account. `moves` are done before each page of activities but the first.

    `asked` is every address, without its host.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    about: dict[str, Any] = field(default_factory=account)
    cash: list[dict[str, Any]] = field(default_factory=lambda: [cash()])
    positions: list[dict[str, Any]] = field(default_factory=list)
    disabled: bool = False
    moves: list[Any] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def __call__(self, request: Request) -> Response:
        self.asked.append(request.url.removeprefix(f"{BASE}/"))
        parts = urlsplit(request.url)
        query = {name: value for name, (value,) in parse_qs(parts.query).items()}
        return Response(200, {}, encoded(self._answer(parts.path, query)))

    def _answer(self, path: str, query: dict[str, str]) -> object:
        match path.rpartition("/")[2]:
            case "activities":
                return self._page(query)
            case "balances":
                return self.cash
            case "all":
                freshness = {"as_of": "2026-11-20T03:30:00+00:00"}
                return {"results": self.positions, "data_freshness": freshness}
            case "accounts":
                return [self.about]
            case name if name == CONNECTION:
                brokerage = {"display_name": "A Broker"}
                return {"id": CONNECTION, "disabled": self.disabled, "brokerage": brokerage}
            case _:
                raise AssertionError(path)

    def _page(self, query: dict[str, str]) -> object:
        offset, limit = int(query["offset"]), int(query["limit"])
        if offset and self.moves:
            self.moves.pop(0)(self)
        since = query.get("startDate", "")
        rows = [row for row in self.rows if (row["trade_date"] or "") >= since]
        return {
            "data": rows[offset : offset + limit],
            "pagination": {"offset": offset, "limit": limit, "total": len(rows)},
        }
