"""A site that tells closes of past days, and who asks it over one database."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msgspec

from penstock.db import price_turns
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from penstock.engine.health import Health
from penstock.engine.ledger import SharedLedger
from penstock.engine.price_gate import PriceGate
from penstock.engine.price_history import Backfiller
from penstock.engine.price_splits import KnownSplits
from penstock.observe.metrics import Metrics
from penstock.quotes.asking import Asker
from penstock.quotes.declaration import Declaration
from penstock.quotes.historian import Historian
from penstock.quotes.manners import Politeness
from tests.engine.street import Street
from tests.quotes.answers import source

JSON = {"content-type": "application/json"}
SPLIT = {"date": 1794906000, "numerator": 4, "denominator": 1}
"""Four for one, from 17 November 2026 on."""
DIVIDED = {9: 99, 10: 100, 11: 101, 12: None, 13: 102, 16: 103, 17: 100.5, 18: 100, 19: 7, 20: 8}
"""What a chart says of days of November: all before the split is divided by four."""
PAID = {9: 396, 10: 400, 11: 404, 13: 408, 16: 412, 17: 100.5, 18: 100}
"""What was paid."""


@dataclass
class Site:
    """Answers with closes by the day of November, `answers` first; `asked` are the addresses.

    At so many requests as `dies_at` says, whoever asks is stopped.
    """

    answers: list[Response] = field(default_factory=list)
    dies_at: int = 0
    asked: list[str] = field(default_factory=list)

    async def send(self, request: Request) -> Response:
        """Answer as a chart or as Twelve Data does, or as it was told to."""
        if request.url.endswith("/robots.txt"):
            return Response(404, {}, b"")
        self.asked.append(request.url)
        if len(self.asked) == self.dies_at:
            raise asyncio.CancelledError
        if self.answers:
            return self.answers.pop(0)
        raw = "twelvedata" in request.url
        return Response(200, JSON, json.dumps(_raw(request) if raw else _chart()).encode())

    @property
    def spans(self) -> list[tuple[str, str]]:
        """The first and last days of the requests for raw closes."""
        asked = [parse_qs(urlsplit(url).query) for url in self.asked]
        return [(one["start_date"][0][-2:], one["end_date"][0][-2:]) for one in asked]


def _chart() -> Mapping[str, Any]:
    opened = [int(datetime(2026, 11, day, 8, tzinfo=UTC).timestamp()) for day in DIVIDED]
    result = {
        "meta": {"currency": "EUR", "symbol": "SAP.DE"},
        "timestamp": opened,
        "indicators": {"quote": [{"close": list(DIVIDED.values())}]},
        "events": {"splits": {"1": SPLIT}},
    }
    return {"chart": {"result": [result], "error": None}}


def _raw(request: Request) -> Mapping[str, Any]:
    asked = parse_qs(urlsplit(request.url).query)
    first, last = (date.fromisoformat(asked[name][0]) for name in ("start_date", "end_date"))
    rows = [
        {"datetime": f"2026-11-{day:02}", "close": f"{close}"}
        for day, close in PAID.items()
        if first <= date(2026, 11, day) <= last
    ]
    return {"meta": {"symbol": "SAP", "currency": "EUR", "mic_code": "XETR"}, "values": rows}


def slow(days: int, **politeness: Any) -> Declaration:
    """Return Twelve Data, as if it told so many days in one request; without a pace."""
    one = source("twelvedata")
    assert one.history is not None
    history = msgspec.structs.replace(one.history, days=days)
    return msgspec.structs.replace(one, history=history, politeness=Politeness(**politeness))


def backfiller(street: Street, site: Site, *sources: Declaration) -> Backfiller:
    """Return one process's backfiller; chance adds nothing, and sleeping moves the clock."""
    database, clock = street.database, street.clock

    async def sleep(seconds: float) -> None:
        clock.now += timedelta(seconds=seconds)
        await asyncio.sleep(0)

    gate = PriceGate(
        database,
        SharedLedger(database, clock, one_clock=True),
        Health(database, clock),
        Metrics(),
        clock,
        sleep,
    )
    keys = {"twelvedata": {"key": Secret("k")}}
    asker = Asker(site.send, gate, clock=clock, keys=keys, patience=5, yields=True)
    historian = Historian(sources or [source("yahoo")], asker, KnownSplits(database), clock)
    return Backfiller(database, historian, clock, chance=lambda: 0.0)


def follow(street: Street) -> None:
    """Let what the person holds have its turns, as a sync does."""
    street.database.write_now(price_turns.follow, owner_id=street.owner, now=street.clock.now)
