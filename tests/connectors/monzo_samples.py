"""Answers as Monzo gives them, of our own making, and a Monzo of which the test is the hand."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from penstock.domain.request import Request, Response

BASE = "https://api.monzo.com"
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
OPENED = "2023-02-01T09:00:00Z"
FEW = 3


def transaction(name: str = "tx_1", **about: Any) -> dict[str, Any]:
    """Return a purchase that has settled, as it is listed; `about` are other fields of it."""
    return {
        "id": name,
        "account_id": "acc",
        "created": "2026-11-18T23:30:00.123Z",
        "settled": "2026-11-19T23:45:00Z",
        "amount": -740,
        "currency": "GBP",
        "local_amount": -740,
        "local_currency": "GBP",
        "description": "FERRY TERMINAL         LONDON        GBR",
        "merchant": {"id": "merch_1", "name": "Ferry Terminal", "emoji": "x"},
        "counterparty": {},
        "category": "transport",
        "notes": "Two tickets",
        "metadata": {"notes": "Two tickets"},
        "scheme": "mastercard",
        "is_load": False,
        "include_in_spending": True,
        "amount_is_pending": False,
        **about,
    }


def held(name: str = "tx_1", **about: Any) -> dict[str, Any]:
    """Return a purchase that is authorised only."""
    return transaction(name, **{"settled": "", "amount_is_pending": True, **about})


def made(name: str, at: datetime, **about: Any) -> dict[str, Any]:
    """Return a purchase of some instant, settled a day later unless something else is said."""
    settled = written(at + timedelta(days=1))
    return transaction(name, **{"created": written(at), "settled": settled, **about})


def written(at: datetime) -> str:
    """Return an instant as Monzo writes it."""
    return at.isoformat().replace("+00:00", "Z")


def page(*rows: dict[str, Any]) -> bytes:
    """Return a page of a list."""
    return msgspec.json.encode({"transactions": rows})


def account(**about: Any) -> dict[str, Any]:
    """Return an account, as it is listed."""
    return {
        "id": "acc",
        "closed": False,
        "created": OPENED,
        "description": "user_00009237aqC8c5umZmrRdh",
        "type": "uk_retail",
        "currency": "GBP",
        "country_code": "GB",
        "account_number": "12345678",
        "sort_code": "040004",
        **about,
    }


def refusal(status: int, code: str) -> Response:
    """Return a refusal."""
    body = msgspec.json.encode({"code": code, "message": "No.", "params": {}})
    return Response(status, {}, body)


@dataclass
class Hand:
    """A Monzo that has these rows, and tells pages of `FEW` of them.

    `whole` says whether what is older than 90 days is told, for each window that is asked for.
    """

    rows: list[dict[str, Any]] = field(default_factory=list)
    balances: list[int] = field(default_factory=lambda: [10_000])
    whole: Callable[[datetime], bool] = lambda _since: True
    now: datetime = NOW
    opened: str | None = OPENED
    asked: list[dict[str, str]] = field(default_factory=list)

    def __call__(self, request: Request) -> Response:
        assert request.url.startswith(BASE + "/")
        parts = urlsplit(request.url)
        query = {name: texts[0] for name, texts in parse_qs(parts.query).items()}
        headers = {"date": format_datetime(self.now, usegmt=True)}
        match parts.path:
            case "/accounts":
                body = msgspec.json.encode({"accounts": [account(created=self.opened)]})
            case "/balance":
                left = self.balances.pop(0) if self.balances[1:] else self.balances[0]
                body = msgspec.json.encode({"balance": left, "currency": "GBP", "spend_today": 0})
            case _:
                self.asked.append(query)
                return self._list(query, headers, can_do_without=403 in request.takes)
        return Response(200, headers, body)

    def _list(
        self, query: dict[str, str], headers: dict[str, str], *, can_do_without: bool
    ) -> Response:
        rows, since = sorted(self.rows, key=lambda row: str(row["created"])), query["since"]
        if since.startswith("tx_"):
            (at,) = [number for number, row in enumerate(rows) if row["id"] == since]
            start = datetime.fromisoformat(rows[at]["created"])
            rows = rows[at + 1 :]
        else:
            start = datetime.fromisoformat(since)
        until = datetime.fromisoformat(query["before"]) if "before" in query else self.now
        assert until - start <= timedelta(hours=8760), "Monzo answers 400 to that"
        if start < self.now - timedelta(days=90) and not self.whole(start):
            assert can_do_without
            return refusal(403, "forbidden.verification_required")
        told = [
            row
            for row in rows
            if datetime.fromisoformat(row["created"]) >= start
            and ("before" not in query or datetime.fromisoformat(row["created"]) < until)
        ]
        return Response(200, headers, page(*told[:FEW]))
