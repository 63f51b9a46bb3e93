"""From an answer to a quote, on our own small answers."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.quote import (
    AmbiguousNumber,
    Basis,
    LayoutChanged,
    Quote,
    QuoteError,
    Stale,
    SymbolNotFound,
    WrongSymbol,
)
from penstock.domain.request import Response
from penstock.quotes.declaration import Anchored, Css, Declaration, Numbers, Time
from penstock.quotes.instants import UNDATED
from penstock.quotes.manners import Sane
from penstock.quotes.read import read_quote
from tests.quotes.answers import HTML, NOW, example, page, recorded, source, symbol

PRICE = Css(
    name="price",
    select="x-price",
    price="@value",
    currency="@data-unit",
    time="@data-at",
    symbol="@data-symbol",
)


def priced(value: str, unit: str = "USD", at: str = "1795224600") -> Response:
    """Return a page with one price."""
    return page(
        f'<title>(ACME)</title><x-price data-symbol="ACME" value="{value}" '
        f'data-unit="{unit}" data-at="{at}">'
    )


def dated(**changes: object) -> Declaration:
    """Return the example source, which now also says when its prices were made."""
    return example(**{"extract": (PRICE,), "time": Time(kind="epoch")} | changes)


def read(declared: Declaration, response: Response, asked: str = "ACME") -> Quote:
    """Read the quote of a symbol, now."""
    return read_quote(declared, symbol(asked), response, NOW, asked)


def test_a_classic_page_is_read() -> None:
    """Google's classic layout gives price, currency, instant and venue of the listing asked for."""
    response = page(recorded("google-classic.html"))
    assert read(source("google_finance"), response, "1234.TW") == Quote(
        symbol="1234.TW",
        instrument="1234:XTAI",
        price=Decimal("45.65"),
        currency="TWD",
        quoted_unit="TWD",
        as_of=datetime(2026, 11, 21, 1, 30, tzinfo=UTC),
        fetched_at=NOW,
        source="google_finance",
        extractor="embedded-listing",
        raw="45.65",
        venue="XTAI",
    )


def test_a_page_that_only_links_to_a_listing_has_no_price_of_it() -> None:
    """A neighbour's page on the same exchange is refused, though it links to what was asked for."""
    body = (
        '<link rel="canonical" href="https://www.google.com/finance/quote/OTHER:NASDAQ">'
        '<a href="./quote/AAPL:NASDAQ">Apple</a><div data-exchange="NASDAQ" '
        'data-last-price="412.5" data-currency-code="USD" '
        f'data-last-normal-market-timestamp="{int(NOW.timestamp())}"></div>'
    )
    with pytest.raises(QuoteError):
        read(source("google_finance"), page(body), "AAPL:NASDAQ")


def test_a_neighbours_price_on_our_own_page_is_not_ours() -> None:
    """Where our price is gone from our page, that of another on the same exchange is refused."""
    body = (
        '<link rel="canonical" href="https://www.google.com/finance/quote/AAPL:NASDAQ">'
        '<c-wiz data-p=\'%.@.["OTHER","NASDAQ"],1\'><div data-exchange="NASDAQ" '
        'data-last-price="412.5" data-currency-code="USD" '
        f'data-last-normal-market-timestamp="{int(NOW.timestamp())}"></div></c-wiz>'
    )
    with pytest.raises(LayoutChanged):
        read(source("google_finance"), page(body), "AAPL:NASDAQ")


def test_the_attributes_of_a_classic_page_are_read_where_its_data_is_gone() -> None:
    """The next alternate finds the same price, and says that it did."""
    body = recorded("google-classic.html").replace(b"callback(", b"changed('").replace(b"[[", b"{")
    body = body.replace(b'["1234","TPE"]', b"gone")
    quote = read(source("google_finance"), page(body), "1234.TW")
    assert (quote.price, quote.currency) == (Decimal("45.65"), "TWD")
    assert quote.extractor == "classic-attributes"
    assert quote.as_of == datetime(2026, 11, 21, 1, 30, tzinfo=UTC)


def test_a_beta_page_is_read() -> None:
    """Google's new layout, without attributes, gives a pair's rate from the page's own data."""
    quote = read(source("google_finance"), page(recorded("google-beta.html")), "CHF/JPY")
    assert (quote.price, quote.currency) == (Decimal("188.17204301"), "JPY")
    assert quote.extractor == "embedded-pair"
    assert quote.as_of == datetime.fromtimestamp(1795225440, UTC)
    assert quote.basis is Basis.RATE


@pytest.mark.parametrize("asked", ["5678.TW", "YMW00:CBOT", "AAPL:NASDAQ", "JPY/CHF"])
@pytest.mark.parametrize("name", ["google-classic.html", "google-beta.html"])
def test_another_page_is_refused(name: str, asked: str) -> None:
    """A page about something else gives nothing, though it may show that price in passing."""
    with pytest.raises(WrongSymbol) as refusal:
        read(source("google_finance"), page(recorded(name)), asked)
    assert (refusal.value.symbol, refusal.value.source) == (asked, "google_finance")


def test_pence_are_read_as_pence() -> None:
    """The anchored selector passes the index by; 402.5 pence are 4.025 pounds, and stay pence."""
    quote = read(example(), page(recorded("index-first.html")))
    assert (quote.price, quote.quoted_unit, quote.currency) == (Decimal("402.5"), "GBX", "GBP")
    assert quote.amount == Decimal("4.025")
    assert quote.delay == timedelta(minutes=15)


def test_the_price_of_the_index_is_refused() -> None:
    """The first price of the page is an index: a selector that takes it is found out by name."""
    loose = Css(name="loose", select="x-price", price="@value", symbol="@data-symbol")
    with pytest.raises(WrongSymbol, match=r"\^INDEX"):
        read(example(extract=(loose,)), page(recorded("index-first.html")))


def test_a_price_that_does_not_say_whose_it_is_is_refused() -> None:
    """Where the declaration says that the symbol stands beside the price, it has to."""
    response = page('(ACME)<x-price value="5" data-unit="USD">')
    with pytest.raises(WrongSymbol):
        read(example(extract=(PRICE,)), response)


def test_a_missing_price_is_named() -> None:
    """N/D is no price, and never 0."""
    row = Anchored(name="row", anchor="{ticker}.US,", pattern=r"[^,]*,[^,]*,(?P<price>[^\r\n]*)")
    declared = example(extract=(row,), guards=type(example().guards)())
    with pytest.raises(SymbolNotFound, match="N/D"):
        read(declared, page(recorded("missing.csv")))


@pytest.mark.parametrize("value", ["0", "0.00", "-", "n.a.", ""])
def test_nothing_is_never_a_price_of_nought(value: str) -> None:
    """An empty place, a dash and a nought are all the lack of a price."""
    with pytest.raises(SymbolNotFound):
        read(dated(), priced(value))


def test_a_number_that_contradicts_the_locale_is_refused() -> None:
    """A source that changes its decimal sign overnight is found out, not followed."""
    assert read(dated(number=Numbers(locale="de-DE")), priced("1.234,56")).price == Decimal(
        "1234.56"
    )
    with pytest.raises(AmbiguousNumber):
        read(dated(number=Numbers(locale="de-DE")), priced("1,234.56"))


@pytest.mark.parametrize(
    ("value", "unit", "error"),
    [
        ("5", "", LayoutChanged),
        ("5", "PARSECS", LayoutChanged),
        ("5", "ZAc", LayoutChanged),
        ("\u20ac5", "USD", AmbiguousNumber),
        ("98.75 %", "USD", AmbiguousNumber),
    ],
)
def test_a_price_needs_its_unit(value: str, unit: str, error: type[QuoteError]) -> None:
    """No unit, an unknown one, an undeclared one, or two that differ: no price."""
    with pytest.raises(error):
        read(dated(), priced(value, unit))


def test_a_bond_is_quoted_in_percent_of_par() -> None:
    """On that basis 98.75 % of a par of a thousand dollars is worth 987.50."""
    quote = read(dated(basis=Basis.PERCENT_OF_PAR), priced("98.75 %"))
    assert (quote.price, quote.currency, quote.basis) == (
        Decimal("98.75"),
        "USD",
        Basis.PERCENT_OF_PAR,
    )
    assert 1000 * quote.amount == Decimal("987.50")


@pytest.mark.parametrize("at", ["", "soon", "99999999999999999999", "-1e5", "1795399999"])
def test_a_price_needs_its_instant(at: str) -> None:
    """An instant that cannot be read, or that is still to come, makes the price worthless."""
    with pytest.raises(LayoutChanged):
        read(dated(), priced("5", at=at))


def test_an_undated_source_is_flagged() -> None:
    """Where a source never says when, the price is as of the fetch, and says so."""
    quote = read(example(), page(recorded("index-first.html")))
    assert quote.as_of == quote.fetched_at == NOW
    assert quote.flags == (UNDATED,)


def test_an_old_price_is_stale() -> None:
    """A price older than the declaration allows is refused, with its date."""
    with pytest.raises(Stale, match="2026-11-21") as refusal:
        read_quote(
            dated(sane=Sane(max_age_days=3)), symbol("ACME"), priced("5"), NOW + timedelta(days=4)
        )
    assert refusal.value.as_of == datetime(2026, 11, 21, 1, 30, tzinfo=UTC)


def test_a_redesign_is_named() -> None:
    """The page is about the symbol, but nothing is where it was."""
    with pytest.raises(LayoutChanged):
        read(example(), page("<title>(ACME)</title> 12.50 USD"))


@given(body=st.binary(max_size=300), place=st.sampled_from(["google_finance", "ecb"]))
def test_no_answer_breaks_it(body: bytes, place: str) -> None:
    """Whatever bytes come, the answer is a QuoteError and nothing else."""
    asked = "EUR/USD"
    canonical = b'quote/EUR-USD">"EUR / USD",3,null,['
    with pytest.raises(QuoteError):
        read(source(place), Response(200, HTML, canonical + body, ""), asked)
