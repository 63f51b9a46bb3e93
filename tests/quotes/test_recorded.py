"""The real recorded answers: what each must yield, walls and traps included."""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest

from penstock.domain.quote import (
    ConsentWall,
    QuoteError,
    WrongSymbol,
)
from penstock.domain.request import Response
from penstock.quotes.declaration import (
    Anchored,
    Ask,
    Blocked,
    Css,
    Declaration,
    Guards,
    Means,
    Numbers,
    Politeness,
    Tier,
    Unit,
)
from penstock.quotes.read import read_quote
from tests.quotes.answers import HTML, page, shared, source, symbol

CLASSIC = "google_finance_TPE-2881_TWD_classic_zh-TW.html.gz"
BETA = "google_finance_beta_CNY-VND.html.gz"
RATES = "ecb_eurofxref-daily_2022-07-08.xml"
YAHOO = "yahoo_quote_AAPL_2023-05-08.trimmed.html"
WALL = "yahoo_consent_page_collectConsent.json"
DETOUR = "yahoo_quote_307_to_consent.json"

STREAMER = "fin-streamer[data-field=regularMarketPrice]"


def yahoo(select: str = f'{STREAMER}[data-symbol="{{ticker}}"]') -> Declaration:
    """Return a declaration of the pages as they were in 2023, for its guards' sake."""
    return Declaration(
        id="yahoo",
        title="Yahoo Finance",
        tier=Tier.SCRAPE,
        docs="https://finance.yahoo.com",
        hosts=("finance.yahoo.com",),
        ask=Ask(listing="https://finance.yahoo.com/quote/{ticker}"),
        politeness=Politeness(interval=1, robots=True),
        guards=Guards(
            type="text/html",
            blocked=(
                Blocked(means=Means.CONSENT, url="https://guce.yahoo.com/"),
                Blocked(means=Means.CONSENT, url="https://consent.yahoo.com/"),
                Blocked(means=Means.CONSENT, text='id="consent-page"'),
            ),
        ),
        number=Numbers(locale="en-US"),
        extract=(
            Css(
                name="streamer",
                select=select,
                price="@value",
                currency="USD",
                symbol="@data-symbol",
            ),
        ),
    )


def at(*parts: int) -> datetime:
    """Return an instant in UTC."""
    return datetime(*parts, tzinfo=UTC)  # type: ignore[arg-type, misc]  # year to second


@pytest.mark.parametrize("way", ["embedded-listing", "classic-attributes"])
def test_google_classic(way: str) -> None:
    """The classic page shows "$96.10" and means 96.1 Taiwan dollars: both alternates know."""
    google = source("google_finance")
    only = tuple(extractor for extractor in google.extract if extractor.name == way)
    declared = msgspec.structs.replace(google, extract=only)
    now = at(2025, 12, 15, 4)
    quote = read_quote(declared, symbol("2881.TW"), page(shared(CLASSIC)), now, "2881.TW")
    assert (str(quote.price), quote.currency, quote.raw) == ("96.1", "TWD", "96.1")
    assert quote.as_of == datetime.fromtimestamp(1765764837, UTC)
    assert (quote.extractor, quote.venue) == (way, "XTAI")


def test_google_beta() -> None:
    """The new layout gives all digits of the rate, not the rounded ones that it shows."""
    now = at(2026, 6, 25, 7)
    quote = read_quote(source("google_finance"), symbol("CNY/VND"), page(shared(BETA)), now)
    assert (str(quote.price), quote.currency) == ("3877.5505503", "VND")
    assert quote.as_of == datetime.fromtimestamp(1782367440, UTC)


@pytest.mark.parametrize(
    ("name", "asked"), [(CLASSIC, "2882.TW"), (BETA, "YMW00:CBOT"), (BETA, "VND/CNY")]
)
def test_google_about_something_else(name: str, asked: str) -> None:
    """A page of another security is refused, even where it mentions the price asked for."""
    with pytest.raises(WrongSymbol):
        read_quote(source("google_finance"), symbol(asked), page(shared(name)), at(2026, 6, 25))


def test_ecb() -> None:
    """All thirty-one rates are there, those of currencies that are gone by now included."""
    body = shared(RATES)
    for code, rate in {
        "USD": "1.0163",
        "JPY": "138.05",
        "HRK": "7.5190",
        "IDR": "15210.73",
    }.items():
        pair = symbol(f"EUR/{code}")
        quote = read_quote(source("ecb"), pair, page(body), at(2022, 7, 8, 18))
        assert (str(quote.price), quote.currency, quote.venue) == (rate, code, "ECB")
        assert quote.as_of == at(2022, 7, 8, 12, 10)
    cross = read_quote(source("ecb"), symbol("USDJPY"), page(body), at(2022, 7, 8, 18))
    assert cross.price == Decimal("135.835875233690839")
    assert cross.flags == ("crossed",)
    assert body.count(b"currency=") == 31


def test_yahoo_anchored() -> None:
    """Anchored on the symbol, the seventh price of the page is found."""
    quote = read_quote(yahoo(), symbol("AAPL"), page(shared(YAHOO)), at(2023, 5, 8, 16))
    assert quote.price == Decimal("173.6")


def test_yahoo_first_price() -> None:
    """The first price of the page is an index's, and is refused as that."""
    with pytest.raises(WrongSymbol, match="GSPC"):
        read_quote(yahoo(STREAMER), symbol("AAPL"), page(shared(YAHOO)), at(2023, 5, 8, 16))


def consent_page() -> Response:
    """Return the recorded consent page."""
    answer = msgspec.json.decode(shared(WALL))
    return page(answer["response"]["bodyText"], "https://finance.yahoo.com/quote/AAPL")


def consent_detour() -> Response:
    """Return the recorded redirect to it."""
    answer = msgspec.json.decode(shared(DETOUR))["response"]
    headers = HTML | {"location": answer["headers"]["location"][0]}
    return Response(answer["status"], headers, b"", "https://finance.yahoo.com/quote/AAPL")


@pytest.mark.parametrize(
    ("declared", "asked", "answer", "error"),
    [
        (yahoo(), "AAPL", consent_page, ConsentWall),
        (yahoo(), "AAPL", consent_detour, ConsentWall),
    ],
    ids=["consent page", "detour to consent"],
)
def test_walls_and_traps(
    declared: Declaration, asked: str, answer: Callable[[], Response], error: type[QuoteError]
) -> None:
    """A real wall, with status 200 or by a detour, is refused by its name."""
    with pytest.raises(error) as refusal:
        read_quote(declared, symbol(asked), answer(), at(2026, 11, 21))
    assert type(refusal.value) is error


def test_pence_by_their_small_letter() -> None:
    """GBp in a real answer is pence: 308.8 of them are 3.088 pounds."""
    pence = Declaration(
        id="yahoo_json",
        title="Yahoo Finance",
        tier=Tier.UNOFFICIAL,
        docs="https://finance.yahoo.com",
        hosts=("query1.finance.yahoo.com",),
        ask=Ask(listing="https://query1.finance.yahoo.com/v7/finance/quote?symbols={ticker}"),
        number=Numbers(locale="en"),
        extract=(
            Anchored(
                name="json",
                anchor='"currency":',
                pattern=r'\s*"(?P<currency>\w+)".*?"regularMarketPrice":\s*(?P<price>[\d.]+)',
                window=4000,
            ),
        ),
        units={"GBX": Unit(currency="GBP", scale="0.01")},
    )
    body = b" ".join(shared("yahoo_v7_quote_OCDO.L_GBp.json").split())
    quote = read_quote(pence, symbol("OCDO.L"), page(body), at(2025, 2, 17))
    assert (str(quote.price), quote.quoted_unit, quote.currency) == ("308.8", "GBX", "GBP")
    assert quote.amount == Decimal("3.088")
