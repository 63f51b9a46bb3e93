"""The quick way through a batch finds what the careful way finds, and nothing else."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from penstock.domain.quote import Quote, QuoteError
from penstock.domain.request import Response
from penstock.quotes.batch import quick_quotes
from penstock.quotes.declaration import Declaration, read_declaration
from penstock.quotes.read import read_quotes
from penstock.quotes.symbol import Symbol, candidates_of

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
TICKERS = ("ACME", "BOLT", "COGS", "DRUM", "EELS")
MOMENT = 1795345200


def declared(**changes: str) -> Declaration:
    """Return a source that answers with rows; `changes` stand in place of lines."""
    lines = {
        "currency": 'currency = "@.cur"',
        "time": 'time = "@.at"',
        "delay": 'delay = "@.late"',
        "sane": "[sane]\nmax_age_days = 12",
    } | changes
    return read_declaration(
        f"""
id = "rows"
title = "Rows"
tier = "manual"
docs = "https://rows.example"
hosts = ["rows.example"]
[ask]
listing = "https://rows.example/quotes?symbols={{symbols}}"
symbol = {{ listing = "{{ticker}}" }}
batch = 50
[number]
locale = "en"
[[extract]]
kind = "json"
name = "row"
each = "$.answer.rows"
symbol = "@.name"
price = "@.last"
{lines["currency"]}
{lines["time"]}
{lines["delay"]}
[time]
kind = "epoch"
{lines["sane"]}
[units]
GBX = {{ currency = "GBP", scale = "0.01" }}
""",
        "rows",
    )


def wanted(tickers: tuple[str, ...] = TICKERS) -> dict[Symbol, str]:
    """Return the symbols, as somebody wrote them."""
    return {candidates_of(f"{ticker}:XNAS")[0]: ticker for ticker in tickers}


def answer(rows: object) -> Response:
    """Return an answer with these rows."""
    body = json.dumps({"answer": {"rows": rows, "more": [1, {}]}}).encode()
    return Response(200, {"content-type": "application/json"}, body, "https://rows.example/")


def row(name: str = "ACME", **changes: object) -> dict[str, Any]:
    """Return a row beyond doubt, but for these changes."""
    usual = {"other": None, "name": name, "last": 12.5, "cur": "USD", "at": MOMENT, "late": 15}
    return usual | changes


def told(outcome: Quote | QuoteError) -> object:
    """Return what can be compared of an outcome."""
    if isinstance(outcome, Quote):
        return outcome, str(outcome.price)
    return type(outcome), outcome.message, outcome.symbol, outcome.source


def one_by_one(source: Declaration, response: Response) -> list[object]:
    """Return what the careful way says of each symbol by itself."""
    return [
        told(*read_quotes(source, {symbol: asked}, response, NOW).values())
        for symbol, asked in wanted().items()
    ]


def test_rows_beyond_doubt_are_taken() -> None:
    """A batch of plain rows is read the quick way, whole, and as the careful way reads it."""
    source, response = declared(), answer([row(name) for name in TICKERS])
    assert set(quick_quotes(source, wanted(), response.body, NOW)) == set(wanted())
    read = read_quotes(source, wanted(), response, NOW)
    assert list(map(told, read.values())) == one_by_one(source, response)


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**12), 10**12),
    st.floats(allow_nan=False, allow_infinity=False),
    st.decimals(0, 10_000, places=2).map(float),
    st.sampled_from(
        ["", "12.5", "$12.50", "1,234", "N/A", "USD", "GBp", "GBX", "ILA", "XX", "acme", "BOLT"]
    ),
    st.sampled_from([MOMENT, MOMENT - 86_400 * 30, MOMENT + 7_200, 0, 1e300, 15.5, "15"]),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=1),
)
ROWS = st.lists(
    st.builds(
        lambda name, changes: row(name) | changes,
        st.sampled_from([*TICKERS, "acme", "ZINC"]),
        st.dictionaries(st.sampled_from(["last", "cur", "at", "late", "name"]), VALUES, max_size=2),
    )
    | VALUES,
    max_size=8,
)
SOURCES = st.builds(
    declared,
    currency=st.sampled_from(['currency = "@.cur"', 'currency = "EUR"', ""]),
    delay=st.sampled_from(['delay = "@.late"', 'delay = "@.late"\ndelay_in = "seconds"', ""]),
    sane=st.sampled_from(["[sane]\nmax_age_days = 12", ""]),
)


@given(rows=ROWS | VALUES, source=SOURCES)
@example(rows=[row(name, last=1e-9) for name in TICKERS], source=declared())
@example(rows=[row(name, last=1286.5699462890625) for name in TICKERS], source=declared())
@example(rows=[row("ACME"), row("acme")], source=declared())
def test_the_quick_way_decides_nothing(rows: object, source: Declaration) -> None:
    """Whatever the rows are, many symbols at once get what each gets by itself."""
    response = answer(rows)
    read = read_quotes(source, wanted(), response, NOW)
    assert [told(read[symbol]) for symbol in wanted()] == one_by_one(source, response)


@pytest.mark.parametrize("figure", ["12.50", "0.10", "100", "7"])
def test_digits_stay_as_they_stand_there(figure: str) -> None:
    """A price keeps its zeros, and its text is the one in the answer."""
    rows = ",".join(
        f'{{"name":"{name}","last":{figure},"cur":"USD","at":{MOMENT}}}' for name in TICKERS
    )
    body = f'{{"answer":{{"rows":[{rows}]}}}}'.encode()
    for quote in quick_quotes(declared(), wanted(), body, NOW).values():
        assert (str(quote.price), quote.raw) == (figure, figure)
    assert len(quick_quotes(declared(), wanted(), body, NOW)) == len(TICKERS)
