"""The short way for batches in JSON: faster, never different."""

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any, Final

from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.quote import Quote, QuoteError
from penstock.domain.request import Response
from penstock.quotes.declaration import Declaration, read_declaration
from penstock.quotes.quick import quick_rows
from penstock.quotes.read import read_quote, read_quotes
from penstock.quotes.symbol import Symbol, candidates_of
from tests.quotes.answers import NOW

EPOCH: Final = int(NOW.timestamp())
URL: Final = "https://api.example.com/q?s=AA"

TEXT: Final = """
id = "rows"
title = "Rows"
tier = "unofficial"
docs = "https://api.example.com/docs"
hosts = ["api.example.com"]
[ask]
listing = "https://api.example.com/q?s={symbols}"
symbol = { listing = "{ticker}" }
batch = 50
[number]
locale = "de"
[[extract]]
kind = "json"
name = "row"
each = "$.answer.rows"
symbol = "@.symbol"
price = "@.price"
currency = "@.currency"
time = "@.at"
delay = "@.delay"
[time]
kind = "epoch"
[units]
GBX = { currency = "GBP", scale = "0.01" }
[sane]
max_age_days = 7
"""


def rows_source() -> Declaration:
    """Return a source that answers rows."""
    return read_declaration(TEXT, "rows.toml")


def wanted(*tickers: str) -> dict[Symbol, str]:
    """Return the symbols of tickers in New York."""
    return {candidates_of(f"{ticker}:XNYS")[0]: f"{ticker}:XNYS" for ticker in tickers}


def answer(*rows: Any) -> Response:
    """Return an answer with these rows."""
    body = json.dumps({"answer": {"rows": list(rows)}}).encode()
    return Response(200, {"content-type": "application/json"}, body, URL)


def row(symbol: str, **changes: Any) -> dict[str, Any]:
    """Return a plain row."""
    return {
        "symbol": symbol,
        "price": 12.5,
        "currency": "USD",
        "at": EPOCH - 60,
        "delay": 15,
    } | changes


def trained() -> Declaration:
    """Return a source that has seen plain rows before, so that it takes the short way."""
    declared = rows_source()
    for unit in ("USD", "GBX", "GBp"):
        read_quotes(declared, wanted("AA"), answer(row("AA", currency=unit)), NOW)
    return declared


def test_plain_rows_take_the_short_way() -> None:
    """After the first row of a currency, such rows are read without looking further."""
    declared = trained()
    body = answer(row("AA"), row("BB", price=402.5, currency="GBp")).body
    quick = quick_rows(declared, body, NOW)
    assert quick is not None
    (one, one_name), (two, two_name) = wanted("AA", "BB").items()
    plain, pence = quick.quote(one, one_name), quick.quote(two, two_name)
    assert plain is not None
    assert pence is not None
    assert (plain.price, plain.raw, plain.delay) == (
        Decimal("12.5"),
        "12.5",
        timedelta(minutes=15),
    )
    assert (pence.amount, pence.currency, pence.quoted_unit) == (Decimal("4.025"), "GBP", "GBX")


def test_a_source_of_its_own_kind_takes_the_long_way() -> None:
    """A path through a list, a word of the symbol in it, or a guard: all that is not plain rows."""
    for plain, odd in [
        ('price = "@.price"', 'price = "@.price.last"'),
        ('price = "@.price"', "price = \"@['{ticker}']\""),
        ('each = "$.answer.rows"', 'each = "$.answer[0]"'),
        ('kind = "epoch"', 'kind = "iso"'),
        ("[units]", '[guards]\nmust_contain = ["{ticker}"]\n[units]'),
    ]:
        declared = read_declaration(TEXT.replace(plain, odd), "odd.toml")
        assert quick_rows(declared, answer(row("AA")).body, NOW) is None


ODD: Final[st.SearchStrategy[Any]] = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(Decimal("0.0001"), Decimal(99999), places=4).map(float),
    st.sampled_from(["1.234", "1,5", "", "N/A", "USD", "GBp", "GBX", "EUR", "PARSECS", [], {}]),
    st.sampled_from(
        [EPOCH, EPOCH - 86_400, EPOCH + 60, EPOCH + 86_400, EPOCH - 8 * 86_400, 10**12]
    ),
    st.sampled_from([1286.5699462890625, 0.1 + 0.2, 1e-8, 1e300, 123456789012345678901234567890]),
)
ROWS: Final[st.SearchStrategy[list[Any]]] = st.lists(
    st.one_of(
        st.builds(
            lambda symbol, changes: row(symbol) | changes,
            st.sampled_from(["AA", "BB", "aa", "CC"]),
            st.dictionaries(
                st.sampled_from(["price", "currency", "at", "delay", "symbol"]), ODD, max_size=2
            ),
        ),
        st.sampled_from([None, {}, 5, "AA"]),
    ),
    max_size=5,
)


@given(rows=ROWS)
def test_the_short_way_is_never_different(rows: list[Any]) -> None:
    """Whatever stands in the rows, many symbols at once are read as each is alone, at length."""
    symbols = wanted("AA", "BB", "DD")
    response = answer(*rows)
    read = read_quotes(trained(), symbols, response, NOW)
    for symbol, told in zip(symbols, _told(symbols, response), strict=True):
        outcome = read[symbol]
        if isinstance(outcome, Quote):
            assert outcome == told
        else:
            assert isinstance(outcome, QuoteError)
            assert (type(outcome), outcome.message) == (type(told), str(told))
            assert (outcome.symbol, outcome.source) == (symbols[symbol], "rows")


def _told(symbols: dict[Symbol, str], response: Response) -> Iterator[Quote | QuoteError]:
    declared = rows_source()
    for symbol, asked in symbols.items():
        try:
            yield read_quote(declared, symbol, response, NOW, asked)
        except QuoteError as error:
            yield error
