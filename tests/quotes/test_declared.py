"""What a declaration can say, and that each slip in it is refused by field and reason."""

import re
from datetime import date, datetime, timezone
from typing import Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.errors import InvalidInput
from penstock.domain.quote import Quote, QuoteError
from penstock.quotes.declaration import (
    Covers,
    Declaration,
    Json,
    Names,
    Time,
    read_declaration,
)
from penstock.quotes.declared.path import steps_of
from penstock.quotes.instants import instant_of
from penstock.quotes.symbol import candidates_of
from tests.quotes.answers import recorded, source, symbol
from tests.quotes.golden_answers import at, declared, read

SEVERAL = recorded("several.toml").decode()
HALF_PAST = at(2026, 11, 21, 1, 30)
STOOQ = recorded("stooq.toml").decode()


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ('"{ticker}{suffix}"', '"{ticker}{base}"', "no word {base} here"),
        ('"{base}{quote}=X"', '"{base}{isin}"', "no word {isin} here"),
        ("{symbols}", "{symbol}", "each address has {symbols}"),
        ("batch = 50\n", "", "each address has {symbols}"),
        ("batch = 50", "batch = 501", "batch is 1 to 500"),
        ("batch = 50", 'batch = 50\njoin = ""', "join is one to three signs"),
        ("batch = 50", 'batch = 50\nwords = { colour = "red" }', "no word colour"),
        ("batch = 50", 'batch = 50\nspeling = { "." = "-" }', "speling"),
        ('"@.currency"', '"currency"', "currency is a path, a code or {quote}"),
        ('"@.currency"', '"@..currency"', "is no path from"),
        ('"@.currency"', '"@.currency["', "is no path from"),
        ('"@.currency"', '"@[x]"', "is no path from"),
        ('"@.currency"', '"@.{colour}"', "no word {colour} here"),
        (
            'price = "@.regularMarketPrice"',
            'price = "$.price"',
            "symbol and price are paths",
        ),
        ('price = "@.regularMarketPrice"', 'price = "price"', "is no path: one begins with $"),
        ('each = "$.quoteResponse.result"\n', "", "paths with @ need `each`"),
        ('each = "$.quoteResponse', 'each = "@.quoteResponse', "each begins with $"),
        ('kind = "epoch"', 'kind = "stardate"', "kind"),
        ('kind = "epoch"', 'kind = "date"\nzone = "Europe/Berlim"', "no time zone"),
        ('kind = "epoch"', 'kind = "date"\nat = "25:00"', "time of day"),
        ('kind = "epoch"', 'kind = "date"\nformat = "%H:%M"', "no day, month and year"),
        ('kind = "epoch"', 'kind = "date"\nformat = "%Q"', "cannot be read back"),
        ('kind = "epoch"', 'kind = "date"\nformat = "%d.%m.%m.%Y"', "cannot be read back"),
        ("[time]", "[covers]\nmics = ['XETRA']\n\n[time]", "mics are four letters"),
        ("[time]", "[covers]\ncountries = ['USA']\n\n[time]", "two letters each"),
        ("[time]", "[covers]\nbases = ['DOLLAR']\n\n[time]", "DOLLAR is not"),
        ("[time]", "[implied]\nUSA = 'USD'\n\n[time]", "implied is a currency"),
        ("[time]", "[implied]\nUS = 'DOLLAR'\n\n[time]", "implied is a currency"),
        ("[time]", "[implied]\nXJSE = 'ZAC'\n\n[time]", "ZAC has to be among the units"),
        ("[time]", "[politeness]\ninterval = 4000\n\n[time]", "interval"),
        ("[time]", "[politeness]\ndaily = 0\n\n[time]", "daily is at least 1"),
        ("[time]", "[sane]\nmax_jump = 0.0\n\n[time]", "max_jump"),
        ("[time]", "[[guards.blocked]]\nmeans = 'quota_spent'\n\n[time]", "name a url or a text"),
        (
            "[time]",
            "[[guards.blocked]]\nmeans = 'quota_spent'\nstatus = 99\n\n[time]",
            "status is 100 to 599",
        ),
        (
            "[number]",
            "[[auth]]\noption = 'Key'\ndescription = ''\nheader = 'X'\n[number]",
            "option is",
        ),
        ("[number]", "[[auth]]\noption = 'key'\ndescription = ''\n[number]", "name a header or"),
        (
            "[number]",
            "[[auth]]\noption = 'key'\ndescription = ''\nheader = 'X Y'\n[number]",
            "header is a header's name",
        ),
        ('id = "several"', 'id = "several"\ndelay_seconds = -1', "delay_seconds"),
    ],
)
def test_a_slip_is_refused_with_its_reason(right: str, wrong: str, said: str) -> None:
    """Each mistake names what is wrong, when the file is read and not when a price is missing."""
    assert right in SEVERAL
    with pytest.raises(InvalidInput, match=re.escape(said)):
        read_declaration(SEVERAL.replace(right, wrong), "several.toml")


def test_a_slip_in_a_table_is_refused() -> None:
    """A separator is one sign, and ways have different names."""
    with pytest.raises(InvalidInput, match="delimiter is one sign"):
        read_declaration(STOOQ.replace('kind = "csv"', 'kind = "csv"\ndelimiter = ";;"'), "x")
    way = STOOQ[STOOQ.index("[[extract]]") : STOOQ.index("[time]")]
    with pytest.raises(InvalidInput, match="a name of its own"):
        read_declaration(STOOQ.replace(way, way + way), "x")


def test_rows_of_texts() -> None:
    """A table of texts is read by the names of its columns, in quotes or not, in any order."""
    text = (
        '\ufeff"Close","Symbol","Date","Time","Note"\r\n'
        '11.5,OTHER.US,2026-11-20,22:00:01,""\r\n'
        '"12.50",ACME.US,2026-11-20,22:00:09,"a, ""b"""\r\n'
    )
    quote = read_text(text)
    assert (str(quote.price), quote.currency, quote.raw) == ("12.50", "USD", "12.50")
    assert quote.as_of == at(2026, 11, 20, 21, 0, 9)
    for broken in (
        text.replace('"Close"', '"Last"'),
        text.replace("ACME.US", "ACNE.US"),
        text.replace('"12.50"', ""),
        text.replace("22:00:09", ""),
        text.replace('"12.50"', '"12.50'),
        text.split("\r\n", maxsplit=1)[0],
        "",
        "\x00",
    ):
        with pytest.raises(QuoteError):
            read_text(broken)


def read_text(text: str) -> Quote:
    """Read ACME's quote from a table."""
    return read(declared("stooq.toml"), "ACME", text, at(2026, 11, 21))


@pytest.mark.parametrize(
    ("covers", "those", "others"),
    [
        (Covers(mics=("XETR",)), ["SAP.DE", "DE0007164600:XETR"], ["AAPL", "SAP.F"]),
        (Covers(countries=("US",)), ["AAPL", "AAPL:NYSE"], ["SAP.DE", "ACME:ELSEWHERE"]),
        (Covers(isins=("DE",)), ["DE0007164600", "SAP.DE"], ["US0378331005"]),
        (Covers(bases=("coins",)), ["BTC/USD", "LINK-EUR"], ["EUR/USD", "XAU/USD"]),
        (Covers(bases=("currencies",), quotes=("EUR",)), ["USD/EUR"], ["EUR/USD", "BTC/EUR"]),
        (Covers(bases=("metals", "USD")), ["XAU/USD", "USD/EUR"], ["EUR/USD"]),
        (Covers(), ["SAP.DE", "AAPL", "EUR/USD", "DE0007164600"], []),
    ],
)
def test_what_a_source_covers(covers: Covers, those: list[str], others: list[str]) -> None:
    """A declaration narrows what it is asked about by exchanges, countries and currencies."""
    assert [text for text in those if not covers.include(symbol(text))] == []
    assert [text for text in others if covers.include(symbol(text))] == []


def test_an_american_ticker_is_asked_about_once() -> None:
    """A source that takes any American ticker gets that; one that wants exchanges gets each."""
    assert [str(one) for one in source("yahoo").forms(candidates_of("AAPL"))] == ["AAPL:US"]
    assert [str(one) for one in source("google_finance").forms(candidates_of("AAPL"))] == [
        *("AAPL:XNAS", "AAPL:XNYS", "AAPL:ARCX", "AAPL:XASE")
    ]


def test_words_that_a_source_writes_in_its_own_way() -> None:
    """Points in tickers, ids, small letters, and words for what a symbol has not."""
    assert source("yahoo").address(symbol("BRK.B")) == (
        "https://query1.finance.yahoo.com/v8/finance/chart/BRK-B?interval=1d&range=1d"
    )
    coins = [symbol(text) for text in ("BTC/EUR", "ETH/EUR")]
    assert str(source("coingecko").address_of(coins)).startswith(
        "https://api.coingecko.com/api/v3/simple/price?ids=bitcoin,ethereum&vs_currencies=eur&"
    )
    assert "mic=XFRA" in str(source("boerse_frankfurt").address(symbol("DE0007164600")))
    assert "mic=XETR" in str(source("boerse_frankfurt").address(symbol("DE0007164600:XETR")))


@pytest.mark.parametrize(
    ("time", "written", "instant"),
    [
        (Time(kind="epoch"), "1795224600", HALF_PAST),
        (Time(kind="epoch"), "1795224600.25", HALF_PAST.replace(microsecond=250_000)),
        (
            Time(kind="epoch_ms"),
            "1795224600123",
            HALF_PAST.replace(microsecond=123_000),
        ),
        (Time(kind="iso"), "2026-08-07T19:56:23Z", at(2026, 8, 7, 19, 56, 23)),
        (Time(kind="iso"), "2026-08-07T19:56:23+02:00", at(2026, 8, 7, 17, 56, 23)),
        (Time(kind="iso", zone="America/New_York"), "2026-01-05T16:00:00", at(2026, 1, 5, 21)),
        (Time(kind="iso", zone="Asia/Tokyo", at="15:30"), "2026-01-05", at(2026, 1, 5, 6, 30)),
        (
            Time(kind="date", format="%d-%b-%Y %H:%M:%S", zone="Asia/Kolkata"),
            "02-Jul-2024 15:24:00",
            at(2024, 7, 2, 9, 54),
        ),
        (
            Time(kind="date", formats=("%d.%m.%Y", "DATA AS OF %b %d, %Y"), at="16:00"),
            "DATA AS OF Jul 28, 2020",
            at(2020, 7, 28, 16),
        ),
    ],
)
def test_instants(time: Time, written: str, instant: datetime) -> None:
    """Each way to write an instant is read in its zone, and a day alone is completed."""
    assert instant_of(written, time) == instant


@given(
    st.text(max_size=30),
    st.sampled_from(
        [Time(kind="epoch"), Time(kind="epoch_ms"), Time(kind="iso"), Time(kind="date")]
    ),
)
def test_no_text_breaks_an_instant(text: str, time: Time) -> None:
    """Any text is an instant, or one of the errors that a reader expects."""
    try:
        assert instant_of(text, time).tzinfo is not None
    except (ValueError, OverflowError, OSError):
        return


@pytest.mark.parametrize(
    ("path", "steps"),
    [
        ("$", ()),
        ("$.a.b_c-d", ("a", "b_c-d")),
        ("$['05. price'][0]", ("05. price", 0)),
        ('@["a"][-1]', ("a", -1)),
        ("$['{id}'].{quote}", ("{id}", "{quote}")),
    ],
)
def test_paths(path: str, steps: tuple[str | int, ...]) -> None:
    """Paths are names, names in brackets, and numbers from either end."""
    assert steps_of(path) == steps


def test_the_parts_can_be_made_in_python() -> None:
    """A declaration is a value too: what a file may not say, a value may not either."""
    with pytest.raises(ValueError, match="no word"):
        Names(listing="{base}")
    with pytest.raises(ValueError, match="is no path"):
        Json(name="x", price="price")
    with pytest.raises(ValueError, match="name the hosts"):
        msgspec.structs.replace(source("yahoo"), hosts=())
    assert isinstance(source("yahoo"), Declaration)


@pytest.mark.parametrize(
    ("kind", "written", "zone", "day"),
    [
        ("date", "2026-11-20", "Europe/Berlin", date(2026, 11, 20)),
        ("date", "2026-07-20", "Pacific/Auckland", date(2026, 7, 20)),
        ("iso", "2026-11-20", "Asia/Tokyo", date(2026, 11, 20)),
        ("iso", "2026-11-20T08:59:00+09:00", "UTC", date(2026, 11, 20)),
        ("iso", "2026-11-20T23:59:00Z", "Asia/Tokyo", date(2026, 11, 20)),
    ],
)
def test_the_day_of_a_price_is_the_one_that_its_source_states(
    kind: Literal["date", "iso"], written: str, zone: str, day: date
) -> None:
    """A price of a day at midnight in Berlin is not of the day before, which UTC has then."""
    instant = instant_of(written, Time(kind=kind, zone=zone))
    assert instant.date() == day
    assert isinstance(instant.tzinfo, timezone)
