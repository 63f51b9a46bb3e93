"""What people ask the price of."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.quote import SymbolNotFound
from penstock.quotes.symbol import Listing, Pair, candidates_of


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("EUR/USD", Pair("EUR", "USD")),
        ("USDEUR", Pair("USD", "EUR")),
        ("EURUSD=X", Pair("EUR", "USD")),
        ("cny-vnd", Pair("CNY", "VND")),
        ("BTC-USD", Pair("BTC", "USD")),
        (" eur/usd ", Pair("EUR", "USD")),
        ("AAPL:NASDAQ", Listing("AAPL", "NASDAQ")),
        ("NASDAQ:AAPL", Listing("AAPL", "NASDAQ")),
        ("2881:TPE", Listing("2881", "TPE")),
        ("TPE:2881", Listing("2881", "TPE")),
        ("ACME:ELSEWHERE", Listing("ACME", "ELSEWHERE")),
        ("SAP.DE", Listing("SAP", "ETR")),
        ("2881.TW", Listing("2881", "TPE")),
        ("vod.l", Listing("VOD", "LON")),
        ("BRK.B:NYSE", Listing("BRK.B", "NYSE")),
        ("NOVO-B.CO", Listing("NOVO-B", "CPH")),
    ],
)
def test_each_form_is_understood(text: str, meant: Pair | Listing) -> None:
    """Pairs and listings may be written in any of the documented ways, in any case."""
    assert candidates_of(text) == (meant,)


@pytest.mark.parametrize("text", ["AAPL", "BRK.B", "GOOGLE", "ABCDEF", "BRK-B"])
def test_without_an_exchange_it_is_sought_in_america(text: str) -> None:
    """A bare ticker is looked for on the American exchanges, in a fixed order."""
    assert [str(symbol) for symbol in candidates_of(text)] == [
        f"{text}:{exchange}" for exchange in ("NASDAQ", "NYSE", "NYSEARCA", "NYSEAMERICAN")
    ]


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "EUR/EUR", "EUREUR", "AA PL", "../etc", "A?b=c", "A#b", "A%2F", "\u0410APL"),
        *(
            "A" * 41,
            "A:B:C",
            "{ticker}",
            'A"]',
            "EUR/",
            "\x00",
            "AAPL\n\nHost: x",
            "a@b",
            ":",
            ".DE",
        ),
    ],
)
def test_what_is_no_symbol_is_refused(text: str) -> None:
    """Nothing that could leave its place in an address or a selector is a symbol."""
    with pytest.raises(SymbolNotFound) as refusal:
        candidates_of(text)
    assert refusal.value.symbol == text


@given(st.text(max_size=50))
def test_no_text_breaks_it(text: str) -> None:
    """Any text is either a symbol, made of harmless characters, or SymbolNotFound."""
    try:
        symbols = candidates_of(text)
    except SymbolNotFound:
        return
    harmless = set("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.&-")
    assert all(set("".join(symbol.words.values())) <= harmless for symbol in symbols)
