"""Tellings to be sorted into securities, and numbers of securities that are valid."""

from datetime import date
from typing import Any

from penstock.domain.holding import SecurityType
from penstock.domain.telling import Telling

APPLE, APPLE_CUSIP = "US0378331005", "037833100"
SAP = "DE0007164600"
SHELL = "GB00BP6MXD84"
APPLE_FIGI, APPLE_CLASS_FIGI = "BBG000B9XRY4", "BBG001S5N8V8"
DAY = date(2026, 11, 20)


def telling(number: int, source: str = "one", **names: Any) -> Telling:
    """Make what a position of its own says, of a share unless told otherwise."""
    known: dict[str, Any] = {
        "type": SecurityType.STOCK,
        "since": DAY,
        "position": f"{source} {number}",
        "currency": "USD",
    }
    return Telling(number, source, **(known | names))
