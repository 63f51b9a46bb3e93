"""Starling's own sample answers, and items of the feed written by hand."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

SAMPLES = Path(__file__).parents[3] / "shared" / "data" / "specs" / "starling"
DATE = {"date": "Fri, 20 Nov 2026 12:00:00 GMT"}
PLACE = "acc/cat"
ITEM: dict[str, Any] = {
    "feedItemUid": "item-1",
    "categoryUid": "cat",
    "amount": {"currency": "GBP", "minorUnits": 2375},
    "sourceAmount": {"currency": "GBP", "minorUnits": 2375},
    "direction": "OUT",
    "updatedAt": "2026-07-01T22:37:51.094Z",
    "transactionTime": "2026-06-30T23:30:00.000Z",
    "settlementTime": "2026-07-01T23:30:00.000Z",
    "status": "SETTLED",
    "counterPartyName": "Trains",
    "reference": "Trains London",
    "spendingCategory": "TRANSPORT",
}


def sample(name: str) -> bytes:
    """Return one of the official sample answers; skips where they are not at hand."""
    path = SAMPLES / f"{name}.json"
    if not path.exists():
        pytest.skip(f"Starling's sample answers are not at {SAMPLES}")
    return path.read_bytes()


def feed(*items: dict[str, Any]) -> bytes:
    """Return a feed's answer."""
    return msgspec.json.encode({"feedItems": items})
