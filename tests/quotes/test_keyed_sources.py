"""Sources that want a key, and other JSON, by answers in the shape that they document."""

from decimal import Decimal

import pytest

from penstock.domain.quote import (
    Basis,
    LayoutChanged,
    QuotaSpent,
    Quote,
    QuoteError,
    RateLimited,
    SourceUnavailable,
    SymbolNotFound,
    WrongSymbol,
)
from penstock.quotes.figure import IMPLIED
from penstock.quotes.read import read_quote
from tests.quotes.answers import NOW, recorded, source, symbol
from tests.quotes.golden_answers import at, read, read_all, said


def test_finnhub() -> None:
    """Finnhub names no currency: in America it is the dollar, and elsewhere it is not asked."""
    quote = read(source("finnhub"), "AAPL", recorded("finnhub.json"), NOW)
    assert (str(quote.price), quote.currency, quote.flags) == ("261.74", "USD", (IMPLIED,))
    assert quote.as_of == at(2026, 11, 20, 21)
    assert source("finnhub").address(symbol("SAP.DE")) is None
    with pytest.raises(SymbolNotFound):
        read(source("finnhub"), "NADA", recorded("finnhub-unknown.json"), NOW)


def test_twelve_data_several() -> None:
    """Each symbol has its part, with its currency; a segment of Nasdaq is Nasdaq."""
    acme, nada, late, gone = read_all(
        source("twelvedata"),
        ["ACME:NASDAQ", "NADA", "LATE:NYSE", "GONE"],
        recorded("twelvedata-several.json"),
        NOW,
    )
    assert isinstance(acme, Quote)
    assert (str(acme.price), acme.currency, acme.venue) == ("148.85001", "USD", "XNAS")
    assert (acme.as_of, acme.extractor) == (at(2026, 11, 20, 20, 59), "one-of-several")
    assert isinstance(nada, SymbolNotFound)
    assert isinstance(late, Quote)
    assert (late.venue, late.extractor) == ("XNYS", "one-of-several-bar")
    assert isinstance(gone, SymbolNotFound)


def test_twelve_data_alone() -> None:
    """One symbol is the whole answer; London's GBp is pence, and another exchange is refused."""
    quote = read(source("twelvedata"), "VOD.L", recorded("twelvedata-alone.json"), NOW)
    assert (quote.quoted_unit, quote.amount, quote.venue) == ("GBX", Decimal("0.9084"), "XLON")
    with pytest.raises(WrongSymbol):
        read(source("twelvedata"), "VOD:NASDAQ", recorded("twelvedata-alone.json"), NOW)


def test_twelve_data_limits() -> None:
    """What it says of the minute is a pause, and of the day a quota that is spent."""
    minute = recorded("twelvedata-minute.json").decode()
    with pytest.raises(RateLimited):
        read(source("twelvedata"), "AAPL", minute, NOW)
    with pytest.raises(QuotaSpent):
        read(source("twelvedata"), "AAPL", minute.replace("current minute", "day"), NOW)


def test_twelve_data_asks_for_many_in_one_request() -> None:
    """Symbols of one country go into one request, within the credits of a minute."""
    declared = source("twelvedata")
    symbols = [symbol(text) for text in ("AAPL", "MSFT", "BRK.B:NYSE")]
    assert len({declared.place(one) for one in symbols}) == 1
    assert declared.address_of(symbols) == (
        "https://api.twelvedata.com/quote?symbol=AAPL,MSFT,BRK.B&country=US"
    )
    assert declared.place(symbol("SAP.DE")) != declared.place(symbols[0])
    assert declared.politeness.counts == "symbol"


def test_alpaca() -> None:
    """The latest trade of each, with its instant cut to microseconds, in the dollars asked for."""
    body = recorded("alpaca-trades.json")
    acme, berkshire, none = read_all(source("alpaca"), ["ACME", "BRK.B", "NADA"], body, NOW)
    assert isinstance(acme, Quote)
    assert (str(acme.price), acme.currency) == ("172.91", "USD")
    assert acme.as_of.isoformat() == "2026-11-20T20:59:59.704187+00:00"
    assert isinstance(berkshire, Quote)
    assert str(berkshire.price) == "501.005"
    assert isinstance(none, SymbolNotFound)
    coin = read(source("alpaca"), "BTC/USD", recorded("alpaca-coins.json"), NOW)
    assert (str(coin.price), coin.basis) == ("84123.4567", Basis.RATE)
    assert source("alpaca").address(symbol("BTC/EUR")) is None


def test_alpha_vantage() -> None:
    """The last close of an American share is in dollars, as of New York's close."""
    quote = read(source("alphavantage"), "IBM", recorded("alphavantage.json"), NOW)
    assert (str(quote.price), quote.currency, quote.as_of) == (
        "291.2000",
        "USD",
        at(2026, 11, 20, 21),
    )


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (
            '{"Information": "your API key as *** and limit is 25 requests per day."}',
            QuotaSpent,
        ),
        ('{"Note": "call frequency is 5 calls per minute and 500 calls per day."}', QuotaSpent),
        ('{"Information": "spread out your free API requests more sparingly."}', RateLimited),
        ('{"Information": "This is a premium endpoint."}', SourceUnavailable),
        ('{"Information": "Something else."}', SourceUnavailable),
        ('{"Note": "Something else."}', SourceUnavailable),
        ('{"Error Message": "Invalid API call."}', SymbolNotFound),
        ('{"Global Quote": {}}', SymbolNotFound),
        ('{"Global Quote":{}}', LayoutChanged),
    ],
)
def test_alpha_vantage_says_no_with_status_200(body: str, error: type[QuoteError]) -> None:
    """Its limits come as texts under changing names, and each is told by its own error."""
    with pytest.raises(error) as refusal:
        read(source("alphavantage"), "IBM", body, NOW)
    assert type(refusal.value) is error


def test_cboe() -> None:
    """A quarter of an hour late, at an instant in New York that is written without its zone."""
    quote = read(source("cboe"), "ACME", recorded("cboe.json"), NOW)
    assert (str(quote.price), quote.currency) == ("174.82", "USD")
    assert quote.as_of == at(2026, 11, 20, 20, 15, 11)
    assert quote.delay is not None
    assert quote.delay.total_seconds() == 900


def test_frankfurt() -> None:
    """A share is in the currency that stands beside it, on the exchange that was asked about."""
    body = recorded("boerse-share.json")
    quote = read(source("boerse_frankfurt"), "DE0007164600:XETR", body, NOW)
    assert (str(quote.price), quote.currency, quote.venue) == ("188.02", "EUR", "XETR")
    assert (quote.as_of, quote.flags) == (at(2026, 11, 20, 16, 35, 14), ())
    for other in ("DE0007164600", "US0378331005:XETR"):
        with pytest.raises(WrongSymbol):
            read(source("boerse_frankfurt"), other, body, NOW)


def test_frankfurts_bond() -> None:
    """A bond is in percent of par: 98.47 of a bond in dollars is 0.9847 of each dollar of it."""
    bond = source("boerse_frankfurt")
    quote = read(bond, "XS2530201644", recorded("boerse-bond.json"), NOW)
    assert (str(quote.price), quote.currency, quote.basis) == ("98.47", "USD", Basis.PERCENT_OF_PAR)
    assert quote.amount == Decimal("0.9847")
    with pytest.raises(LayoutChanged, match="currency"):
        read(bond, "XS2530201644", recorded("boerse-bond-box.json"), NOW)


@pytest.mark.parametrize("status", [401, 403])
@pytest.mark.parametrize("name", ["finnhub", "twelvedata", "alpaca", "alphavantage"])
def test_a_key_that_is_refused(name: str, status: int) -> None:
    """Who keeps us out although we have a key does not take it: the setting to check is named."""
    with pytest.raises(SourceUnavailable, match="key") as refusal:
        read_quote(source(name), symbol("AAPL"), said("{}", status), NOW)
    assert refusal.value.remedy is not None
    assert f"PENSTOCK_{name.upper()}_" in refusal.value.remedy.text
