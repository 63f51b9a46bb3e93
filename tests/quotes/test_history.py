"""Closes of past days are read from each source's answer as they were paid, or refused by name.

Answers have the shape that the sources document; what a field means stands beside it.
"""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from penstock.domain.quote import (
    LayoutChanged,
    Quote,
    SourceUnavailable,
    SymbolNotFound,
    WrongSymbol,
)
from penstock.domain.request import Response
from penstock.quotes.declaration import Declaration, History, Table, Time
from penstock.quotes.historian import address
from penstock.quotes.history_read import Past, read_closes
from tests.quotes.answers import source, symbol
from tests.quotes.golden_answers import JSON

NOW = datetime(2024, 6, 14, 12, tzinfo=UTC)
SPAN = date(2024, 6, 6), date(2024, 6, 12)
MANY = {"date": 1, "numerator": 2, "denominator": 1}


def read(name: str | Declaration, asked: str, body: object) -> Past:
    """Read the closes of June 2024 from an answer."""
    one = source(name) if isinstance(name, str) else name
    text = body if isinstance(body, str) else json.dumps(body)
    return read_closes(one, symbol(asked), Response(200, JSON, text.encode()), SPAN, NOW)


def prices(past: Past) -> dict[int, str]:
    """Return the prices by the day of June."""
    return {one.as_of.day: str(one.price) for one in past.quotes}


def epoch(day: int, hour: int = 13, minute: int = 30) -> int:
    """Return an instant of June, the opening in New York by default."""
    return int(datetime(2024, 6, day, hour, minute, tzinfo=UTC).timestamp())


def chart(closes: dict[int, Any], **more: Any) -> dict[str, Any]:
    """Return a chart of Yahoo's: closes by the day of June, on which bars begin."""
    result = {
        "meta": {"currency": "USD", "symbol": "NVDA", "dataGranularity": "1d"},
        "timestamp": [epoch(day) for day in closes],
        "indicators": {"quote": [{"close": list(closes.values())}]},
    }
    return {"chart": {"result": [result | more], "error": None}}


def test_yahoos_closes_are_multiplied_back_by_the_splits_that_it_tells() -> None:
    """NVIDIA, ten for one on 10 June 2024: 120.888 is told of the Friday, and 1208.88 was paid."""
    split = {"date": epoch(10), "numerator": 10, "denominator": 1, "splitRatio": "10:1"}
    body = chart(
        {6: 121.0, 7: 120.888, 10: 121.79, 11: None, 12: 125.2},
        events={"splits": {"1718026200": split}},
    )
    past = read("yahoo", "NVDA:XNAS", body)
    assert prices(past) == {6: "1210.0", 7: "1208.880", 10: "121.79", 12: "125.2"}
    assert past.splits == [(date(2024, 6, 10), Decimal(10))]
    friday: Quote = past.quotes[1]
    assert friday.as_of.isoformat() == "2024-06-07T16:00:00-04:00"
    assert (friday.raw, friday.currency, friday.venue) == ("120.888", "USD", "XNAS")
    assert "history" in friday.flags


def test_a_reverse_split_and_two_splits_are_taken_out_too() -> None:
    """One for four on the 11th, three for two on the 12th: 40 told of the 7th was 15 paid."""
    splits = {
        "a": {"date": epoch(11), "numerator": 1, "denominator": 4},
        "b": {"date": epoch(12), "numerator": 3, "denominator": 2},
    }
    past = read("yahoo", "NVDA:XNAS", chart({7: 40, 11: 44, 12: 45}, events={"splits": splits}))
    assert {day: float(price) for day, price in prices(past).items()} == {7: 15, 11: 66, 12: 45}


def test_yahoo_is_asked_up_to_the_present_because_of_splits_since() -> None:
    """A split after the wanted days has divided them as well."""
    url = address(source("yahoo"), symbol("NVDA:XNAS"), *SPAN, NOW)
    assert url is not None
    assert "period1=1717646400&period2=1718366400&events=split" in url


def test_pence_stay_pence() -> None:
    """In London closes are in the unit that the answer names."""
    body = chart({7: 1259.5}, meta={"currency": "GBp", "symbol": "OCDO.L"})
    (quote,) = read("yahoo", "OCDO:XLON", body).quotes
    assert (quote.quoted_unit, quote.currency, str(quote.amount)) == ("GBX", "GBP", "12.595")


@pytest.mark.parametrize(
    ("broken", "error"),
    [
        ({"meta": {"currency": "USD", "symbol": "AMD"}}, WrongSymbol),
        ({"meta": {"symbol": "NVDA"}}, LayoutChanged),
        ({"timestamp": [epoch(7)]}, LayoutChanged),
        ({"events": {"splits": [{"date": 1, "numerator": 0, "denominator": 1}]}}, LayoutChanged),
        ({"events": {"splits": [{"date": 1, "numerator": 10}]}}, LayoutChanged),
        (
            {"events": {"splits": [{"date": 1, "numerator": 1e-300, "denominator": 1}]}},
            LayoutChanged,
        ),
        ({"events": {"splits": [MANY] * 101}}, LayoutChanged),
        ({"indicators": {"quote": [{"close": [-1, 2]}]}}, LayoutChanged),
        ({"indicators": {"quote": [{"close": [[1], 2]}]}}, LayoutChanged),
    ],
)
def test_what_contradicts_itself_is_refused_whole(
    broken: dict[str, Any], error: type[Exception]
) -> None:
    """Another symbol, no currency, more days than closes, a split that is none, too many."""
    with pytest.raises(error):
        read("yahoo", "NVDA:XNAS", chart({6: 1, 7: 2}, **broken))


def test_an_answer_without_days_is_none_of_them() -> None:
    """The symbol is there: on these days it was not traded."""
    nothing: dict[str, Any] = {"meta": {"currency": "USD", "symbol": "NVDA"}, "indicators": {}}
    assert read("yahoo", "NVDA:XNAS", {"chart": {"result": [nothing]}}).quotes == []


def test_coingeckos_midnight_belongs_to_the_day_before() -> None:
    """The last point of a day counts, and a point of midnight ends it; whatever the digits."""
    points = [
        [epoch(7, 23, 0) * 1000, 69000.5],
        [epoch(8, 0, 0) * 1000, "exact"],
        [epoch(8, 12, 0) * 1000, 1],
        [epoch(9, 0, 0) * 1000, 69310.0],
    ]
    text = json.dumps({"prices": points}).replace('"exact"', "69342.123456789012345")
    past = read("coingecko", "BTC/EUR", text)
    assert prices(past) == {7: "69342.123456789012345", 8: "69310.0"}
    assert past.quotes[0].as_of.isoformat() == "2024-06-07T23:59:59.999999+00:00"


def test_twelve_data_is_asked_for_raw_closes() -> None:
    """Its days are those of the exchange, newest first; texts keep their digits."""
    meta = {"symbol": "NVDA", "currency": "USD", "mic_code": "XNAS", "interval": "1day"}
    values = [
        {"datetime": "2024-06-10", "close": "121.79000"},
        {"datetime": "2024-06-07", "close": "1208.88000"},
    ]
    past = read("twelvedata", "NVDA:XNAS", {"meta": meta, "values": values, "status": "ok"})
    assert prices(past) == {7: "1208.88000", 10: "121.79000"}
    assert "adjust=none" in (address(source("twelvedata"), symbol("NVDA:XNAS"), *SPAN, NOW) or "")
    with pytest.raises(WrongSymbol):
        read("twelvedata", "NVDA:XNAS", {"meta": meta | {"mic_code": "XETR"}, "values": values})


def test_alpacas_bars_begin_at_midnight_in_new_york() -> None:
    """04:00 UTC in summer; the request names currency and adjustment."""
    bars = {"NVDA": [{"t": "2024-06-07T04:00:00Z", "o": 1197.7, "c": 1208.88}]}
    past = read("alpaca", "NVDA:XNAS", {"bars": bars, "next_page_token": None})
    assert prices(past) == {7: "1208.88"}
    assert "adjustment=raw" in (address(source("alpaca"), symbol("NVDA:XNAS"), *SPAN, NOW) or "")
    with pytest.raises(SymbolNotFound):
        read("alpaca", "NVDA:XNAS", {"bars": {}})


def test_alpha_vantage_names_rows_by_their_day() -> None:
    """Raw closes, as texts; in America in dollars."""
    series = {
        "2024-06-10": {"1. open": "120.3700", "4. close": "121.7900"},
        "2024-06-07": {"1. open": "1197.7000", "4. close": "1208.8800"},
        "2024-05-31": {"1. open": "1125.2000", "4. close": "1096.3300"},
    }
    meta = {"1. Information": "Daily Prices", "2. Symbol": "NVDA", "5. Time Zone": "US/Eastern"}
    past = read("alphavantage", "NVDA:US", {"Meta Data": meta, "Time Series (Daily)": series})
    assert prices(past) == {7: "1208.8800", 10: "121.7900"}
    assert past.quotes[0].currency == "USD"


def test_what_is_no_json_has_no_closes() -> None:
    """Also where it was cut short, or has numbers that are none."""
    for body in ("", "{", '{"chart": NaN}', "[" * 100_000):
        with pytest.raises(LayoutChanged):
            read("yahoo", "NVDA:XNAS", body)


def test_a_table_that_may_be_cut_short_is_not_read() -> None:
    """A page shows no end of its own, unlike JSON."""
    days = Table(name="days", select="table", price="Close", time="Day", currency="USD")
    url = "https://query1.finance.yahoo.com/{symbol}"
    history = History(extract=days, time=Time(kind="date"), listing=url)
    one = msgspec.structs.replace(source("yahoo"), history=history)
    page = (
        "<table><tr><th>Day<th>Close<tr><td>2024-06-07<td>1,208.88<tr><td>2024-06-10<td>-</table>"
    )
    answer = Response(200, {}, page.encode(), proven=False)
    with pytest.raises(SourceUnavailable):
        read_closes(one, symbol("NVDA:XNAS"), answer, SPAN, NOW)
    assert prices(read(one, "NVDA:XNAS", page)) == {7: "1208.88"}
