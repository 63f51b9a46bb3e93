"""What people ask the price of."""

import tomllib
from importlib.resources import files
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.currency_codes import ISO
from penstock.domain.quote import SymbolNotFound
from penstock.quotes.exchanges import mic_of
from penstock.quotes.symbol import Isin, Listing, Pair, Symbol, candidates_of, instrument_of


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("EUR/USD", Pair("EUR", "USD")),
        ("USDEUR", Pair("USD", "EUR")),
        ("EURUSD=X", Pair("EUR", "USD")),
        ("cny-vnd", Pair("CNY", "VND")),
        ("BTC-USD", Pair("BTC", "USD")),
        (" eur/usd ", Pair("EUR", "USD")),
        ("AAPL:NASDAQ", Listing("AAPL", "XNAS")),
        ("NASDAQ:AAPL", Listing("AAPL", "XNAS")),
        ("2881:TPE", Listing("2881", "XTAI")),
        ("TPE:2881", Listing("2881", "XTAI")),
        ("ACME:ELSEWHERE", Listing("ACME", "ELSEWHERE")),
        ("SAP.DE", Listing("SAP", "XETR")),
        ("2881.TW", Listing("2881", "XTAI")),
        ("vod.l", Listing("VOD", "XLON")),
        ("BRK.B:NYSE", Listing("BRK.B", "XNYS")),
        ("SAP:XETR", Listing("SAP", "XETR")),
        ("XETR:SAP", Listing("SAP", "XETR")),
        ("ETR:SAP", Listing("SAP", "XETR")),
        ("sap:xetra", Listing("SAP", "XETR")),
        ("AAPL:XNGS", Listing("AAPL", "XNAS")),
        ("EQNR.OL", Listing("EQNR", "XOSL")),
        ("ACME:XKAZ", Listing("ACME", "XKAZ")),
        ("AVAX/USD", Pair("AVAX", "USD")),
        ("DE0007164600", Isin("DE0007164600")),
        ("us0378331005:nasdaq", Isin("US0378331005", "XNAS")),
        ("XETR:DE0007164600", Isin("DE0007164600", "XETR")),
        ("NOVO-B.CO", Listing("NOVO-B", "XCSE")),
    ],
)
def test_each_form_is_understood(text: str, meant: Symbol) -> None:
    """Pairs and listings may be written in any of the documented ways, in any case."""
    assert candidates_of(text) == (meant,)


@pytest.mark.parametrize("text", ["AAPL", "BRK.B", "GOOGLE", "ABCDEF", "BRK-B"])
@pytest.mark.parametrize("end", ["", ":US", ".US"])
def test_without_an_exchange_it_is_sought_in_america(text: str, end: str) -> None:
    """A bare ticker is any American one, then sought on the exchanges there in a fixed order."""
    symbols = candidates_of(f"{text}{end}")
    assert [str(symbol) for symbol in symbols] == [
        f"{text}:{mic}" for mic in ("US", "XNAS", "XNYS", "ARCX", "XASE")
    ]
    assert {symbol.instrument for symbol in symbols} == {f"{text}:US"}


def test_an_instrument_is_written_in_one_way() -> None:
    """However it is asked for, what is meant has one name, which reads as itself."""
    for texts, instrument in [
        (["SAP.DE", "ETR:SAP", "sap:etr", "SAP:XETRA"], "SAP:XETR"),
        (["AAPL", "AAPL.US"], "AAPL:US"),
        (["EURUSD=X", "eur-usd"], "EUR/USD"),
        (["DE0007164600:ETR", "XETR:DE0007164600"], "DE0007164600:XETR"),
    ]:
        assert {instrument_of(text) for text in [*texts, instrument]} == {instrument}


def test_a_slip_of_the_pen_in_an_isin_is_found() -> None:
    """What looks like an ISIN and has another check digit is refused, not sought as a ticker."""
    with pytest.raises(SymbolNotFound, match="check digit"):
        candidates_of("DE0007164601")
    with pytest.raises(SymbolNotFound, match="check digit"):
        candidates_of("DE0007164601:XETR")


def test_words_are_those_that_are_known() -> None:
    """A template gets the words of a listing that we know, and none that is made up."""
    assert Listing("SAP", "XETR").words == {
        "ticker": "SAP",
        "mic": "XETR",
        "exchange": "ETR",
        "suffix": ".DE",
        "country": "DE",
    }
    assert Listing("AAPL").words == {"ticker": "AAPL", "suffix": "", "country": "US"}
    assert Listing("ACME", "XKAZ").words == {"ticker": "ACME", "mic": "XKAZ", "exchange": "XKAZ"}
    assert Isin("DE0007164600").words == {"isin": "DE0007164600"}


def test_no_two_exchanges_share_a_name() -> None:
    """Each MIC, Google's name, alias and suffix stands for one exchange, and each zone is one."""
    table = tomllib.loads((files("penstock.quotes") / "exchanges.toml").read_text("utf-8"))
    exchanges = table["exchanges"]
    for kind in ("google", "suffix"):
        names = [one[kind] for one in exchanges.values() if kind in one]
        assert len(names) == len(set(names))
    for mic, one in exchanges.items():
        assert mic_of(mic) == mic
        assert one["currency"] in ISO
        assert ZoneInfo(one["zone"]).key == one["zone"]
        if "google" in one:
            assert mic_of(one["google"]) == mic
    for alias, mic in table["aliases"].items():
        assert mic_of(alias) == mic
        assert mic in exchanges
    assert not set(table["aliases"]) & set(exchanges)


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
    assert len({symbol.instrument for symbol in symbols}) == 1
    assert candidates_of(symbols[0].instrument)[0] == symbols[0]
    assert all(set("".join(symbol.words.values())) <= harmless for symbol in symbols)
