"""What is priced, written in one way, and the check digits of what names securities."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.instrument import (
    HOME,
    alike,
    at_home,
    is_cusip,
    is_figi,
    is_isin,
    is_mic,
    isin_of_cusip,
    of_isin,
    of_listing,
)
from penstock.quotes.exchanges import home

ISINS = ["US0378331005", "DE0007164600", "GB00B3MBS747", "XS2530201644", "AU0000XVGZA3"]


@pytest.mark.parametrize("isin", ISINS)
def test_isins(isin: str) -> None:
    """Real ISINs are right; with any other check digit, or two signs swapped, they are not."""
    assert is_isin(isin)
    assert [n for n in range(10) if is_isin(f"{isin[:-1]}{n}")] == [int(isin[-1])]
    assert not is_isin(isin.lower())
    assert not is_isin(isin[:-1])


def test_cusips_and_figis() -> None:
    """Real CUSIPs and FIGIs are right, and with any other check digit they are not."""
    for cusip in ("037833100", "594918104", "38259P508", "68389X105"):
        assert [n for n in range(10) if is_cusip(f"{cusip[:-1]}{n}")] == [int(cusip[-1])]
    for figi in ("BBG000B9XRY4", "BBG000BPH459", "BBG000BLNQ16"):
        assert [n for n in range(10) if is_figi(f"{figi[:-1]}{n}")] == [int(figi[-1])]
    assert not is_figi("GBG000B9XRY4")
    assert isin_of_cusip("037833100") == "US0378331005"
    assert isin_of_cusip("037833101") is None


def test_instruments() -> None:
    """A listing, an American ticker, an ISIN and an ISIN on an exchange are written in one way."""
    assert of_listing(" sap ", "xetr") == "SAP:XETR"
    assert of_listing("AAPL") == "AAPL:US"
    assert of_isin("DE0007164600") == "DE0007164600"
    assert of_isin("de0007164600", "XETR") == "DE0007164600:XETR"


@pytest.mark.parametrize(
    ("ticker", "mic"),
    [("", "XETR"), ("S AP", "XETR"), ("SAP", "NASDAQ"), ("SAP", ""), ("a/b", "US")],
)
def test_what_is_no_listing_has_no_instrument(ticker: str, mic: str) -> None:
    """What is no ticker or no MIC makes no instrument."""
    assert of_listing(ticker, mic) is None


def test_what_is_no_isin_has_no_instrument() -> None:
    """Neither a wrong check digit nor a name in place of a MIC makes an instrument."""
    assert of_isin("DE0007164601") is None
    assert of_isin("DE0007164600", "XETRA") is None


@given(st.text(max_size=14))
def test_no_text_breaks_them(text: str) -> None:
    """Any text is one of them or it is not; digits of other scripts are none."""
    for check in (is_isin, is_cusip, is_figi, is_mic):
        assert not check(text) or text.isascii()


def test_an_american_ticker_is_one_thing_on_all_its_exchanges() -> None:
    """So its prices are the same thing's, its own the last; of no other market is that so."""
    assert home() == HOME
    assert [at_home(f"AAPL:{mic}") for mic in HOME] == ["AAPL:US"] * len(HOME)
    assert alike("AAPL:XNYS") == ("AAPL:US", "AAPL:XNAS", "AAPL:ARCX", "AAPL:XASE", "AAPL:XNYS")
    assert alike("AAPL:US")[-1] == "AAPL:US"
    for one in ("SAP:XETR", "US0378331005:XNAS", "US0378331005", "BTC/USD", "AAPL:OTCM"):
        assert (at_home(one), alike(one)) == (one, (one,))
