"""Answers as MX gives them, of our own making, and its specification where it is at hand."""

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest

from penstock.connectors.mx import MX
from penstock.connectors.mx_app import App
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from penstock.domain.update import Page, Stream
from tests.connectors.driving import Found, by_hand
from tests.sandbox.visitor import NOON

SPECIFICATION = Path(__file__).parents[3] / "shared/data/specs/mx/v20111101.yml"
URL = "https://mx.test"
CONNECTOR = MX(App(URL, "me", Secret("canary")), clock=lambda: NOON)
USER, MEMBER = "USR-1", "MBR-1"
HEARD = "2026-11-20T03:30:00Z"
CHECKING, CARD = "ACT-1", "ACT-2"
STREAM = Stream("transactions", (CHECKING, CARD))
CURRENCIES = {CHECKING: "USD", CARD: "USD"}

ROW: dict[str, Any] = {
    "guid": "TRN-1",
    "id": "1734681600000-a-0",
    "account_guid": CHECKING,
    "amount": 42.5,
    "type": "DEBIT",
    "status": "POSTED",
    "date": "2026-11-16",
    "transacted_at": "2026-11-16T12:00:00Z",
    "posted_at": "2026-11-18T12:00:00Z",
    "created_at": "2026-11-16T18:52:36Z",
    "updated_at": "2026-11-18T18:52:38Z",
    "currency_code": None,
    "description": "Mill Street Bakery",
    "original_description": "POS MILL ST BAKERY 0042",
    "merchant_guid": "MCH-1",
    "category": "Groceries",
    "top_level_category": "Food & Dining",
    "memo": None,
    "check_number_string": None,
    "is_income": False,
}
ACCOUNT: dict[str, Any] = {
    "guid": CHECKING,
    "id": "1040434698",
    "name": "Everyday",
    "nickname": None,
    "type": "CHECKING",
    "subtype": "NONE",
    "currency_code": "USD",
    "account_number": "XXXXX0042",
    "balance": 120.1,
    "available_balance": 110.94,
    "available_credit": None,
    "credit_limit": None,
    "is_closed": False,
}
OWED: dict[str, Any] = {
    **ACCOUNT,
    "guid": CARD,
    "name": "Card",
    "type": "CREDIT_CARD",
    "account_number": "0077",
    "balance": 327.01,
    "available_balance": None,
    "available_credit": 1672.99,
    "credit_limit": 2000,
}
LOGIN: dict[str, Any] = {
    "guid": MEMBER,
    "user_guid": USER,
    "name": "Mill Bank",
    "institution_code": "mill",
    "connection_status": "CONNECTED",
    "is_being_aggregated": False,
    "aggregated_at": HEARD,
    "successfully_aggregated_at": HEARD,
}


def body(**content: Any) -> bytes:
    """Write an answer."""
    return msgspec.json.encode(content)


def row(**changes: Any) -> dict[str, Any]:
    """Return a row, with some of it changed."""
    return {**ROW, **changes}


def login(**changes: Any) -> bytes:
    """Write what is told of a login."""
    return body(member={**LOGIN, **changes})


def paged(what: str, listed: Iterable[Any], page: int = 1, pages: int = 1, **more: Any) -> bytes:
    """Write a page of a list; alone it is all of it."""
    rows = list(listed)
    where = {"current_page": page, "per_page": 25, "total_entries": len(rows), "total_pages": pages}
    return body(**{what: rows}, pagination={**where, **more})


class Bank:
    """Answers requests as MX would: each by its endpoint; lists are cut into pages.

    `answers` are bodies, or what makes them of the request; `asked` is what was asked.
    """

    def __init__(self, *rows: Any, **answers: bytes | Response | Callable[[Request], Any]) -> None:
        self.rows = list(rows)
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.answers: dict[str, Any] = {
            "member": login(),
            "aggregate": login(is_being_aggregated=True),
            "status": login(),
            "accounts": paged("accounts", [ACCOUNT, OWED]),
            "transactions": self._page,
            **answers,
        }

    def __call__(self, request: Request) -> Response:
        query = dict(parse_qsl(urlsplit(request.url).query))
        self.asked.append((request.endpoint, query))
        told = self.answers[request.endpoint]
        if callable(told):
            told = told(request)
        return told if isinstance(told, Response) else Response(200, {}, told, request.url)

    def windows(self) -> list[dict[str, str]]:
        """Return what was asked of transactions, but for the pages."""
        asked = [query for endpoint, query in self.asked if endpoint == "transactions"]
        for query in asked:
            del query["page"], query["records_per_page"]
        return asked

    def _page(self, request: Request) -> bytes:
        query = dict(parse_qsl(urlsplit(request.url).query))
        page, size = int(query["page"]), int(query["records_per_page"])
        days = (date.fromisoformat(query[name]) for name in ("from_date", "to_date"))
        since, until = days
        found = [
            one
            for one in self.rows
            if not one.get("date") or since <= date.fromisoformat(one["date"]) < until
        ]
        return paged(
            "transactions",
            found[(page - 1) * size : page * size],
            page,
            max(1, -(-len(found) // size)),
            total_entries=len(found),
        )


class Told:
    """Answers of a link, each by its method and path; remembers what was asked."""

    def __init__(self, answers: Mapping[str, bytes | int]) -> None:
        self.answers = answers
        self.asked: list[tuple[str, Any]] = []

    def run(self, asking: Generator[Request, Response, Any]) -> Any:
        """Run a step of a link to its end."""
        try:
            request = next(asking)
            while True:
                assert not request.authorized
                name = f"{request.method} {request.url.removeprefix(URL).partition('?')[0]}"
                self.asked.append((name, msgspec.json.decode(request.body or b"null")))
                told = self.answers[name]
                status, content = (200, told) if isinstance(told, bytes) else (told, b"")
                request = asking.send(Response(status, {}, content, request.url))
        except StopIteration as end:
            return end.value


def pull(bank: Bank, since: str | None = None, page_size: int = 1_000) -> Found:
    """Read a stream."""
    return by_hand(replace(CONNECTOR, page_size=page_size).pull(STREAM, since), bank)[0]


def ended(bank: Bank, since: str | None = None) -> Page:
    """Read a stream; return its last page, which says what all of it means."""
    page = pull(bank, since)[-1]
    assert isinstance(page, Page)
    return page


def one_after_another(*bodies: bytes) -> Any:
    """Answer with each in turn, and with the last for ever."""
    left = list(bodies)
    return lambda _request: left.pop(0) if len(left) > 1 else left[0]


def specification() -> Path:
    """Return MX's own specification; skips where it is not at hand."""
    if not SPECIFICATION.exists():
        pytest.skip(f"MX's specification is not at {SPECIFICATION}")
    return SPECIFICATION
