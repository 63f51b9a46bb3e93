"""Real recorded answers in JSON and CSV: what each must yield, traps included."""

from datetime import datetime, timedelta
from decimal import Decimal

import msgspec
import pytest

from penstock.domain.quote import (
    Basis,
    BotChallenge,
    ConsentWall,
    LayoutChanged,
    QuoteError,
    Stale,
    SymbolNotFound,
    WrongSymbol,
)
from penstock.quotes.figure import IMPLIED, NOISE
from penstock.quotes.read import DAY_ONLY, read_quote
from tests.quotes.answers import page, shared, source, symbol
from tests.quotes.golden_answers import at, body_of, declared, read, read_all, said

PENCE = "yahoo_v8_chart_OCDO.L_GBp.json"
EUROS = "yahoo_v8_chart_MUV2.DE_EUR_2025.json"
LONDON = "alphavantage_global_quote_AZN.LON.json"
BOX = "boerse_frankfurt_quote_box_SAP_XFRA.json"
COINS = "coingecko_simple_price_multi.json"


def test_yahoos_pence() -> None:
    """GBp in the chart's answer is pence: 305.3 of them are 3.053 pounds, of that afternoon."""
    quote = read(source("yahoo"), "OCDO.L", body_of(shared(PENCE)), at(2025, 2, 20, 12))
    assert (str(quote.price), quote.quoted_unit, quote.currency) == ("305.3", "GBX", "GBP")
    assert quote.amount == Decimal("3.053")
    assert quote.as_of == at(2025, 2, 20, 11, 32, 23)
    assert (quote.instrument, quote.venue, quote.delay) == ("OCDO:XLON", "XLON", None)


def test_yahoos_pence_without_a_unit_for_them() -> None:
    """A declaration that does not know pence refuses them: they are never taken for pounds."""
    unaware = msgspec.structs.replace(source("yahoo"), units={})
    with pytest.raises(LayoutChanged, match="GBX"):
        read(unaware, "OCDO.L", body_of(shared(PENCE)), at(2025, 2, 20, 12))


def test_yahoos_euros() -> None:
    """The price of the moment is taken, not one of the 124 closes, and names with umlauts pass."""
    quote = read(source("yahoo"), "MUV2.DE", shared(EUROS), at(2025, 4, 24, 13))
    assert (str(quote.price), quote.currency, quote.scale) == ("608.8", "EUR", Decimal(1))
    assert quote.as_of == at(2025, 4, 24, 12, 40, 4)


def test_yahoo_about_something_else() -> None:
    """The answer for another listing of the same ticker is refused."""
    for asked in ("OCDO", "OCDO.DE", "MUV2.L"):
        with pytest.raises(WrongSymbol):
            read(source("yahoo"), asked, body_of(shared(PENCE)), at(2025, 2, 20, 12))


def test_digits_of_a_narrow_float_stay_and_are_flagged() -> None:
    """1286.5699462890625 was a float of 32 bits: its digits stay as they came, and are flagged."""
    high = msgspec.structs.replace(
        source("yahoo").extract[0], price="$.chart.result[0].indicators.quote[0].high[0]"
    )
    noisy = msgspec.structs.replace(source("yahoo"), extract=(high,))
    quote = read(noisy, "OCDO.L", body_of(shared(PENCE)), at(2025, 2, 20, 12))
    assert (str(quote.price), quote.flags) == ("1286.5699462890625", (NOISE,))


@pytest.mark.parametrize(
    ("name", "asked", "price", "unit", "delay"),
    [
        ("yahoo_v7_quote_OCDO.L_GBp.json", "OCDO.L", "308.8", "GBX", 15),
        ("yahoo_v7_quote_BTC-USD.json", "BTC-USD", "96077.45", "USD", 0),
        ("yahoo_v7_quote_EURUSD_X.json", "EUR/USD", "1.0489877", "USD", None),
    ],
)
def test_rows_of_several_symbols(
    name: str, asked: str, price: str, unit: str, delay: int | None
) -> None:
    """An answer with rows is read by the row of the symbol; its delay is in minutes."""
    now = at(2025, 2, 17, 12)
    (quote,) = read_all(declared("several.toml"), [asked], body_of(shared(name)), now)
    assert not isinstance(quote, QuoteError)
    assert (str(quote.price), quote.quoted_unit) == (price, unit)
    if delay is not None:
        assert quote.delay == timedelta(minutes=delay)


def test_a_row_that_is_not_there() -> None:
    """Of the symbols of a request, the one without a row is not found; the other has its price."""
    body = body_of(shared("yahoo_v7_quote_OCDO.L_GBp.json"))
    missing, there = read_all(
        declared("several.toml"), ["SAP.DE", "OCDO.L"], body, at(2025, 2, 17, 12)
    )
    assert isinstance(missing, SymbolNotFound)
    assert (missing.symbol, missing.source) == ("SAP.DE", "several")
    assert not isinstance(there, QuoteError)


def test_yahoos_walls() -> None:
    """The consent page that comes with status 200, and the way there, are named as such."""
    wall = page(shared("yahoo_consent_page_collectConsent.json"))
    with pytest.raises(ConsentWall):
        read_quote(source("yahoo"), symbol("AAPL"), wall, at(2025, 2, 17))
    detour = page(b"", status=307, location="https://guce.yahoo.com/consent?brandType=nonEu")
    with pytest.raises(ConsentWall):
        read_quote(source("yahoo"), symbol("AAPL"), detour, at(2025, 2, 17))


def test_alpha_vantages_pence_without_a_currency() -> None:
    """AZN.LON is in pence and says nothing of it: it is not asked for, and refused if it comes."""
    alphavantage = source("alphavantage")
    assert alphavantage.address(symbol("AZN.L")) is None
    with pytest.raises(WrongSymbol):
        read(alphavantage, "AZN", shared(LONDON), at(2022, 6, 2))
    eager = msgspec.structs.replace(
        alphavantage,
        ask=msgspec.structs.replace(
            alphavantage.ask,
            symbol=msgspec.structs.replace(alphavantage.ask.symbol, listing="{ticker}.LON"),
        ),
    )
    with pytest.raises(LayoutChanged, match="currency"):
        read(eager, "AZN.L", shared(LONDON), at(2022, 6, 2))
    told = msgspec.structs.replace(eager, implied={"XLON": "GBX"}, units=source("yahoo").units)
    quote = read(told, "AZN.L", shared(LONDON), at(2022, 6, 2))
    assert (str(quote.price), quote.amount, quote.currency) == (
        "10442.0000",
        Decimal("104.42"),
        "GBP",
    )
    assert IMPLIED in quote.flags
    assert quote.as_of == at(2022, 6, 1, 20)


def test_frankfurts_quote_box() -> None:
    """A share on the floor of Frankfurt is in euros, which the declaration implies and says so."""
    quote = read(source("boerse_frankfurt"), "DE0007164600", shared(BOX), at(2026, 8, 7, 20))
    assert (str(quote.price), quote.currency, quote.basis) == ("177.98", "EUR", Basis.PER_SHARE)
    assert (quote.venue, quote.flags) == ("XFRA", (IMPLIED,))
    assert quote.as_of == at(2026, 8, 7, 19, 56, 23)
    assert quote.instrument == "DE0007164600"


def test_frankfurts_bond_without_a_currency() -> None:
    """A price in percent of par is in the bond's currency, which nothing here tells: refused."""
    bond = shared(BOX).replace(b'"nominal":false', b'"nominal":true')
    with pytest.raises(LayoutChanged, match="currency"):
        read(source("boerse_frankfurt"), "DE0007164600", bond, at(2026, 8, 7, 20))


@pytest.mark.parametrize(
    ("asked", "price"),
    [("BTC/USD", "68000.5"), ("ETH-INR", "292000.0"), ("BTC/SGD", "92000.1")],
)
def test_coingecko(asked: str, price: str) -> None:
    """Coins are asked for by CoinGecko's own ids, and priced in the currency asked for."""
    quote = read(source("coingecko"), asked, shared(COINS), at(2025, 7, 3))
    assert (str(quote.price), quote.currency) == (price, asked[-3:])
    assert (quote.basis, quote.as_of) == (Basis.RATE, at(2025, 7, 2, 23, 46, 40))


@pytest.mark.parametrize("asked", ["SOL/USD", "XRP/USD", "BTC/EUR"])
def test_coingecko_has_no_price(asked: str) -> None:
    """0 is no price, nor is a coin or a currency that is not there."""
    with pytest.raises(SymbolNotFound):
        read(source("coingecko"), asked, shared(COINS), at(2025, 7, 3))


@pytest.mark.parametrize(
    ("now", "as_of", "flags"),
    [
        (at(2020, 7, 29, 12), at(2020, 7, 28, 20), ()),
        (at(2020, 7, 28, 15), at(2020, 7, 28, 15), (DAY_ONLY,)),
    ],
)
def test_nasdaq(now: datetime, as_of: datetime, flags: tuple[str, ...]) -> None:
    """What costs "$10.40" is in dollars, as of the close of its day, or of now before that."""
    body = shared("nasdaq_api_quote_info_AACQU.json")
    quote = read(source("nasdaq"), "AACQU", body, now)
    assert (str(quote.price), quote.currency, quote.raw) == ("10.40", "USD", "$10.40")
    assert (quote.as_of, quote.flags) == (as_of, flags)


def test_stockanalysis() -> None:
    """The regular price is taken, not the one before the session."""
    body = shared("stockanalysis_api_quote_AAPL_2026-10-01.json")
    quote = read(source("stockanalysis"), "AAPL", body, at(2026, 10, 2))
    assert (str(quote.price), quote.currency, quote.as_of) == (
        "330.32",
        "USD",
        at(2026, 10, 1, 20),
    )
    with pytest.raises(Stale):
        read(source("stockanalysis"), "AAPL", body, at(2026, 10, 20))


def test_nse() -> None:
    """In a document where close is 0 and numbers are texts here and there, the last price is read.

    The exchange itself wants cookies of a visit to its pages first, so it is no source of ours.
    """
    body = shared("nse_quote_equity_INE075A01022.json")
    quote = read(declared("nse.toml"), "X.NS", body, at(2024, 7, 2, 12))
    assert (str(quote.price), quote.currency) == ("537.55", "INR")
    assert quote.as_of == at(2024, 7, 2, 9, 54)
    closed = msgspec.structs.replace(declared("nse.toml").extract[0], price="$.priceInfo.close")
    with pytest.raises(SymbolNotFound):
        read(
            msgspec.structs.replace(declared("nse.toml"), extract=(closed,)),
            "X.NS",
            body,
            at(2024, 7, 2, 12),
        )
    texts = msgspec.structs.replace(declared("nse.toml").extract[0], price="$.priceInfo.lowerCP")
    lower = msgspec.structs.replace(declared("nse.toml"), extract=(texts,))
    assert str(read(lower, "X.NS", body, at(2024, 7, 2, 12)).price) == "474.65"


def test_a_table_of_texts() -> None:
    """N/D everywhere is an unknown symbol, and a page that wants a browser is no table."""
    stooq = declared("stooq.toml")
    with pytest.raises(SymbolNotFound):
        read(stooq, "APPL", shared("stooq_unknown_symbol_ND.csv"), at(2026, 8, 1))
    with pytest.raises(BotChallenge):
        read_quote(
            stooq,
            symbol("AAPL"),
            page(shared("stooq_200_js_challenge.html")),
            at(2026, 8, 1),
        )


def test_what_is_no_json() -> None:
    """A page in place of JSON is refused by its type, and by its text where that lies."""
    for body in (b"<html>", b"", b"{", b'{"a":1}x', b"\xff\xfe"):
        with pytest.raises(LayoutChanged):
            read(source("stockanalysis"), "AAPL", body, at(2026, 10, 2))
    with pytest.raises(LayoutChanged, match="text/html"):
        read_quote(source("stockanalysis"), symbol("AAPL"), page(b"{}"), at(2026, 10, 2))
    assert said(b"{}").status == 200
