"""Answers of a SimpleFIN server, written by hand after the protocol, and tokens that open it."""

from base64 import b64encode
from typing import Any

import msgspec

from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret

BRIDGE = "https://bridge.simplefin.org"
CLAIM = f"{BRIDGE}/simplefin/claim/canary-claim"
ACCESS = "https://canary-name:canary-password@bridge.simplefin.org/simplefin"
ORG = {"domain": "mill.example", "name": "Mill Bank", "sfin-url": f"{BRIDGE}/simplefin"}
NOON = 1_795_176_000  # 2026-11-20 12:00 in Greenwich
DAY = 86_400


def token(address: str = CLAIM) -> Secret:
    """Return what a person pastes."""
    return Secret(b64encode(address.encode()).decode())


def row(name: str = "t1", **about: Any) -> dict[str, Any]:
    """Return a posted transaction."""
    return {
        "id": name,
        "posted": NOON,
        "amount": "-7.40",
        "description": "Ferry Terminal",
        "transacted_at": NOON - 2 * DAY,
        **about,
    }


def pending(name: str = "t1", **about: Any) -> dict[str, Any]:
    """Return a pending transaction."""
    return row(name, **{"posted": 0, "pending": True, **about})


def account(name: str = "A1", *rows: dict[str, Any], **about: Any) -> dict[str, Any]:
    """Return an account with these transactions."""
    return {
        "org": ORG,
        "id": name,
        "name": "Everyday",
        "currency": "USD",
        "balance": "100.23",
        "available-balance": "75.23",
        "balance-date": NOON,
        "transactions": rows,
        "extra": {"account-open-date": 978_360_153},
        **about,
    }


def told(*accounts: dict[str, Any], errors: tuple[str, ...] = ()) -> bytes:
    """Return an answer."""
    return msgspec.json.encode({"errors": errors, "accounts": accounts})


def window(request: Request) -> tuple[int, int]:
    """Return the seconds that were asked for."""
    query = dict(pair.split("=") for pair in request.url.partition("?")[2].split("&"))
    return int(query["start-date"]), int(query["end-date"])


def answering(*bodies: bytes) -> tuple[Any, list[Request]]:
    """Return a server with these answers in turn, the last for all that follow, and its log."""
    left, asked = list(bodies), list[Request]()

    def answer(request: Request) -> Response:
        asked.append(request)
        return Response(200, {}, left.pop(0) if left[1:] else left[0])

    return answer, asked
