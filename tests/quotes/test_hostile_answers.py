"""No change of a right answer gives a wrong price: it gives the same one, or a typed error."""

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.domain.quote import Quote, QuoteError
from penstock.domain.request import Response
from penstock.quotes.declaration import Json
from penstock.quotes.json_answer import JsonAnswer
from penstock.quotes.read import read_quotes
from tests.quotes.answers import NOW, recorded, source, symbol
from tests.quotes.golden_answers import JSON, declared, said

ROWS = json.dumps(
    {
        "quoteResponse": {
            "result": [
                {
                    "symbol": name,
                    "regularMarketPrice": price,
                    "currency": unit,
                    "regularMarketTime": 1795208400,
                    "exchangeDataDelayedBy": 15,
                }
                for name, price, unit in [
                    ("ACME", 12.5, "USD"),
                    ("SAP.DE", 211.05, "EUR"),
                    ("OCDO.L", 308.8, "GBp"),
                    ("XYZ", 0.45, "USD"),
                    ("ABC.PA", 1234, "EUR"),
                ]
            ]
        }
    }
)

GOLDEN = [
    ("finnhub", "AAPL", recorded("finnhub.json").decode()),
    ("twelvedata", "ACME", recorded("twelvedata-several.json").decode()),
    ("twelvedata", "VOD.L", recorded("twelvedata-alone.json").decode()),
    ("alpaca", "ACME", recorded("alpaca-trades.json").decode()),
    ("alphavantage", "IBM", recorded("alphavantage.json").decode()),
    ("cboe", "ACME", recorded("cboe.json").decode()),
    ("boerse_frankfurt", "DE0007164600:XETR", recorded("boerse-share.json").decode()),
    ("boerse_frankfurt", "XS2530201644", recorded("boerse-bond.json").decode()),
    ("several.toml", "OCDO.L", ROWS),
]

JUNK: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.text(max_size=12)
    | st.sampled_from(["N/A", "--", "1,234", "1.234,56", "$", "12.5 USD", "inf", "NaN", "\u0661"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)

Read = Quote | QuoteError


def outcome(name: str, asked: str, body: bytes, now: datetime = NOW) -> Read:
    """Read one symbol of an answer."""
    declaration = declared(name) if name.endswith(".toml") else source(name)
    return read_quotes(declaration, {symbol(asked): asked}, said(body.decode()), now)[symbol(asked)]


def priced(read: Read) -> tuple[object, ...] | None:
    """Return what must never be another, None where there is no price."""
    if isinstance(read, QuoteError):
        return None
    return read.price, read.quoted_unit, read.currency, read.amount, read.basis


def places(node: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the way to each value of a document."""
    yield way
    if isinstance(node, dict | list):
        for key, value in node.items() if isinstance(node, dict) else enumerate(node):
            yield from places(value, (*way, key))


def changed(document: str, way: tuple[Any, ...], change: Callable[[Any, Any], None]) -> bytes:
    """Return a document with a change at one place."""
    root = json.loads(document, parse_float=Decimal)
    node = root
    for key in way[:-1]:
        node = node[key]
    change(node, way[-1])
    return json.dumps(root, default=float).encode()


@pytest.mark.parametrize(("name", "asked", "document"), GOLDEN)
def test_what_is_taken_away_is_missed(name: str, asked: str, document: str) -> None:
    """Without any one value, the price is the same or there is none; most are not looked at."""
    right = priced(outcome(name, asked, document.encode()))
    assert right is not None
    for way in list(places(json.loads(document)))[1:]:

        def remove(node: Any, key: Any) -> None:
            del node[key]

        assert priced(outcome(name, asked, changed(document, way, remove))) in (right, None)


@pytest.mark.parametrize(("name", "asked", "document"), GOLDEN)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_what_is_no_figure_is_no_price(
    name: str, asked: str, document: str, data: st.DataObject
) -> None:
    """With any value replaced by what is no number, the price is the same, or read from a text."""
    right = priced(outcome(name, asked, document.encode()))
    way = data.draw(st.sampled_from([way for way in places(json.loads(document)) if way]))
    junk = data.draw(JUNK)

    def replace(node: Any, key: Any) -> None:
        node[key] = junk

    read = outcome(name, asked, changed(document, way, replace))
    if priced(read) != right and isinstance(read, Quote):
        # What a price is of, the source itself says.
        told = isinstance(junk, bool) and way[-1] == "nominal"
        assert told or (isinstance(junk, str) and read.raw == junk)


@pytest.mark.parametrize(("name", "asked", "document"), GOLDEN)
@settings(max_examples=40, deadline=None)
@given(cut=st.integers(0, 2000), garbage=st.binary(max_size=6))
def test_torn_answers(name: str, asked: str, document: str, cut: int, garbage: bytes) -> None:
    """An answer that ends early, or has something else in it, has no price: it is no JSON."""
    body = document.encode()
    torn = body[: cut % len(body)] + garbage
    declaration = declared(name) if name.endswith(".toml") else source(name)
    response = Response(200, JSON, torn)
    wanted = {symbol(asked): asked}
    read = read_quotes(declaration, wanted, response, NOW)[symbol(asked)]
    if isinstance(read, Quote):
        json.loads(torn)


@given(seconds=st.integers(3601, 10**9))
def test_no_price_of_tomorrow(seconds: int) -> None:
    """A price is never from the future, whatever the answer claims."""
    document = recorded("finnhub.json").replace(b"1795208400", str(1795262400 + seconds).encode())
    assert isinstance(outcome("finnhub", "AAPL", document), QuoteError)
    assert isinstance(outcome("finnhub", "AAPL", document, NOW + timedelta(seconds=seconds)), Quote)


@pytest.mark.parametrize("number", ["1e400", "1e-400", "9" * 70, "-5", "0", "0.0", "-0", "0e5"])
def test_numbers_that_are_no_prices(number: str) -> None:
    """A number without end, of nothing, or below it is no price."""
    document = recorded("finnhub.json").decode().replace("261.74", number)
    assert isinstance(outcome("finnhub", "AAPL", document.encode()), QuoteError)


@given(st.decimals("0.00000001", "99999999", places=8))
def test_every_digit_of_a_number_is_kept(amount: Decimal) -> None:
    """A number of JSON is read exactly, however many digits it has."""
    document = recorded("finnhub.json").decode().replace("261.74", f"{amount:f}")
    read = outcome("finnhub", "AAPL", document.encode())
    assert isinstance(read, Quote)
    assert f"{read.price:f}" == read.raw == f"{amount:f}"


def test_one_odd_row_takes_nothing_from_the_others() -> None:
    """Rows of another shape, or twice there, are refused; the rest is read as if they were not."""
    several = declared("several.toml")
    document = json.loads(ROWS)
    rows = document["quoteResponse"]["result"]
    rows += [None, 5, [], "x", {"symbol": 5}, dict(rows[0]), {"symbol": {"a": 1}}]
    wanted = {symbol(text): text for text in ("ACME", "SAP.DE", "OCDO.L")}
    read = read_quotes(several, wanted, said(json.dumps(document)), NOW)
    acme, sap, ocado = (read[one] for one in wanted)
    assert isinstance(acme, QuoteError)
    assert acme.code == "wrong_symbol"
    assert isinstance(sap, Quote)
    assert isinstance(ocado, Quote)
    assert ocado.amount == Decimal("3.088")


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_a_batch_reads_as_one_by_one(data: st.DataObject) -> None:
    """Whatever is changed in an answer, many read at once have what each has that is read alone."""
    several = declared("several.toml")
    way = data.draw(st.sampled_from([way for way in places(json.loads(ROWS)) if way]))
    junk = data.draw(JUNK | st.integers() | st.floats(allow_nan=False, allow_infinity=False))

    def replace(node: Any, key: Any) -> None:
        node[key] = junk

    response = said(changed(ROWS, way, replace).decode())
    wanted = {symbol(text): text for text in ("ACME", "SAP.DE", "OCDO.L", "XYZ", "ABC.PA")}
    together = read_quotes(several, wanted, response, NOW)
    for one, asked in wanted.items():
        alone = read_quotes(several, {one: asked}, response, NOW)[one]
        if isinstance(alone, Quote):
            assert together[one] == alone
        else:
            assert repr(together[one]) == repr(alone)


@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_both_ways_to_decode_find_the_same(data: st.DataObject) -> None:
    """The type made for the paths, and following them step by step, find the same things."""
    name, asked, document = data.draw(st.sampled_from(GOLDEN))
    declaration = declared(name) if name.endswith(".toml") else source(name)
    way = data.draw(st.sampled_from([one for one in declaration.extract if isinstance(one, Json)]))
    words = declaration.words(symbol(asked))
    names = declaration.names(symbol(asked))
    quick = JsonAnswer(way, document.encode())
    slow = JsonAnswer(way, document.encode(), quick=False)
    assert quick.find(words, names) == slow.find(words, names)
    assert quick.has(words, names) == slow.has(words, names)
