"""A typed batch: the JSON of 50 quotes as brokers' sites send it, read by a declared source.

The raw limit is msgspec's decode of the same bytes into a type with the same fields, amounts as
exact decimals, and nothing checked.
"""

import random
import statistics
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Final

import msgspec

from benchmarks.quotes_pages import price_of, symbols
from penstock.domain.quote import Quote
from penstock.domain.request import Response
from penstock.quotes.declaration import read_declaration
from penstock.quotes.read import read_quotes
from penstock.quotes.symbol import candidates_of

BATCH: Final = 50
NOW: Final = datetime(2026, 11, 22, 12, tzinfo=UTC)

_SOURCE: Final = """
id = "batch"
title = "Batch"
tier = "manual"
docs = "benchmarks/quotes_batch.py"
hosts = ["batch.example"]
[ask]
listing = "https://batch.example/quote?symbols={symbols}"
symbol = { listing = "{ticker}" }
batch = 50
[guards]
type = "application/json"
[number]
locale = "en"
[[extract]]
kind = "json"
name = "row"
each = "$.quoteResponse.result"
symbol = "@.symbol"
price = "@.regularMarketPrice"
currency = "@.currency"
time = "@.regularMarketTime"
delay = "@.exchangeDataDelayedBy"
[time]
kind = "epoch"
[units]
GBX = { currency = "GBP", scale = "0.01" }
"""
_FILLER: Final = 62
"""Fields of a quote beside those that are wanted."""


class Row(msgspec.Struct):
    """The fields that are wanted, typed."""

    symbol: str
    currency: str
    regularMarketPrice: Decimal  # noqa: N815 - the document's own name
    regularMarketTime: int  # noqa: N815 - the document's own name
    exchangeDataDelayedBy: int  # noqa: N815 - the document's own name


class _Response(msgspec.Struct):
    result: list[Row]


class _Document(msgspec.Struct):
    quoteResponse: _Response  # noqa: N815 - the document's own name


def batch_ratio(turns: int) -> dict[str, float]:
    """Read and decode in turns; return symbols a second of each, and their ratio."""
    source, body = read_declaration(_SOURCE, "batch"), _body()
    response = Response(200, {"content-type": "application/json"}, body, "https://batch.example/")
    names = symbols(BATCH)
    wanted = {candidates_of(f"{name}:XNAS")[0]: name for name in names}
    decoder = msgspec.json.Decoder(_Document)

    def penstock() -> None:
        _check(list(read_quotes(source, wanted, response, NOW).values()))

    def bare() -> None:
        decoder.decode(body)

    taken: dict[str, list[float]] = {"penstock": [], "bare": []}
    for _ in range(turns):
        taken["penstock"].append(_seconds(penstock))
        taken["bare"].append(_seconds(bare))
    speed = {name: BATCH / statistics.median(times) for name, times in taken.items()}
    return {
        "bytes": len(body),
        "penstock_per_second": round(speed["penstock"]),
        "msgspec_per_second": round(speed["bare"]),
        "ratio": round(speed["penstock"] / speed["bare"], 2),
    }


def _seconds(work: Callable[[], None], times: int = 40) -> float:
    started = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - started) / times


def _check(outcomes: list[object]) -> None:
    if any(not isinstance(one, Quote) for one in outcomes):
        raise SystemExit(f"a price of the batch was not read: {outcomes[:1]}")


def _body() -> bytes:
    chance = random.Random("batch")
    rows = []
    for name in symbols(BATCH):
        row: dict[str, object] = {
            f"someOtherFieldOfAQuote{number}": chance.choice([chance.random(), "text", 17, True])
            for number in range(_FILLER)
        }
        row |= {
            "currency": "USD",
            "regularMarketPrice": float(price_of(name)),
            "regularMarketTime": 1795345200,
            "exchangeDataDelayedBy": 15,
            "symbol": name,
        }
        rows.append(row)
    return msgspec.json.encode({"quoteResponse": {"result": rows, "error": None}})
