"""Exchange rates: the stated ones as they stand, the others by one division."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.quote import LayoutChanged, QuoteError, SymbolNotFound
from penstock.domain.rate import CROSSED, INVERTED, STATED
from penstock.quotes.declaration import Rates
from penstock.quotes.rates import rate_in
from penstock.quotes.symbol import Pair
from tests.quotes.answers import recorded, source

DAILY = recorded("ecb-daily.xml")
WAY = next(way for way in source("ecb").extract if isinstance(way, Rates))


def table(*rates: tuple[str, str], date: str = "2026-11-20") -> bytes:
    """Return a document with these rates."""
    cubes = "".join(f"<Cube currency='{code}' rate='{rate}'/>" for code, rate in rates)
    return f"<Envelope><Cube><Cube time='{date}'>{cubes}</Cube></Cube></Envelope>".encode()


@pytest.mark.parametrize(
    ("base", "quote", "value", "made"),
    [
        ("EUR", "USD", "1.2500", STATED),
        ("EUR", "IDR", "19210.73", STATED),
        ("USD", "EUR", "0.8", INVERTED),
        ("GBP", "EUR", "1.25", INVERTED),
        ("USD", "JPY", "140", CROSSED),
        ("GBP", "USD", "1.5625", CROSSED),
        ("CHF", "USD", "1.34408602150537634", CROSSED),
        ("IDR", "EUR", "0.0000520542426029619905", INVERTED),
    ],
)
def test_every_pair_follows_from_the_table(base: str, quote: str, value: str, made: str) -> None:
    """A stated rate keeps its digits; another is one division, half even, to 18 digits."""
    rate = rate_in(DAILY, WAY, Pair(base, quote))
    assert rate.value == Decimal(value)
    assert rate.made == made
    assert rate.date == "2026-11-20"


def test_the_stated_digits_are_kept() -> None:
    """1.2500 stays 1.2500, and the raw text says which figures were used."""
    assert str(rate_in(DAILY, WAY, Pair("EUR", "USD")).value) == "1.2500"
    assert rate_in(DAILY, WAY, Pair("GBP", "JPY")).raw == "GBP 0.8000; JPY 175.00"


@pytest.mark.parametrize(("base", "quote"), [("EUR", "VND"), ("VND", "USD"), ("EUR", "EUR")])
def test_no_rate_is_ever_assumed(base: str, quote: str) -> None:
    """What the table does not state has no rate: never 1, never 0."""
    with pytest.raises(SymbolNotFound):
        rate_in(DAILY, WAY, Pair(base, quote))


@pytest.mark.parametrize(
    "rate", ["", "0", "0.000", "-1.25", "N/A", "NaN", "1,25", "1.25 USD", "1e9e"]
)
def test_what_is_no_rate_is_refused(rate: str) -> None:
    """A missing, zero, negative or unreadable rate spoils the pair, loudly."""
    with pytest.raises(QuoteError):
        rate_in(table(("USD", rate)), WAY, Pair("EUR", "USD"))


@pytest.mark.parametrize(
    "body",
    [
        recorded("entities.xml"),
        recorded("entities.xml").decode().encode("utf-16"),
        b"<!DOCTYPE x SYSTEM 'file:///etc/passwd'><x/>",
        b"",
        b"<html><body>Sorry</body>",
        b"<Envelope/>",
        b"\xff\xfe\x00",
        table(("USD", "1.25"), ("USD", "1.26")),
        table(("USD", "1.25"))[:-20],
    ],
    ids=[
        "entities",
        "entities in UTF-16",
        "external",
        "empty",
        "page",
        "no rates",
        "bytes",
        "two",
        "cut",
    ],
)
def test_a_document_that_is_no_table_is_refused(body: bytes) -> None:
    """Entities, pages, cut documents and contradictions are refused, at once and whole."""
    with pytest.raises(LayoutChanged):
        rate_in(body, WAY, Pair("EUR", "USD"))


def test_the_last_day_counts() -> None:
    """Of a document with several days, the last one's rates are taken, wherever it stands."""
    days = [table(("USD", "1.1"), date="2026-11-19"), table(("USD", "1.2"), date="2026-11-20")]
    for order in (days, days[::-1]):
        body = b"<all>" + b"".join(order) + b"</all>"
        assert rate_in(body, WAY, Pair("EUR", "USD")).value == Decimal("1.2")


@given(
    one=st.decimals(min_value="0.0001", max_value=100_000, places=4),
    two=st.decimals(min_value="0.0001", max_value=100_000, places=4),
)
def test_there_and_back_is_the_way_one_came(one: Decimal, two: Decimal) -> None:
    """A pair times its reverse is 1, to seventeen digits."""
    body = table(("AAA", str(one)), ("BBB", str(two)))
    there = rate_in(body, WAY, Pair("AAA", "BBB")).value
    back = rate_in(body, WAY, Pair("BBB", "AAA")).value
    assert abs(there * back - 1) < Decimal("1e-17")
