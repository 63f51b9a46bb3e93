"""The sources that are read out of pages: what each recorded page must yield, traps included."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import msgspec
import pytest

from penstock.domain.quote import (
    AmbiguousNumber,
    BotChallenge,
    ConsentWall,
    LayoutChanged,
    Quote,
    QuoteError,
    SourceUnavailable,
    Stale,
    SymbolNotFound,
    WrongSymbol,
)
from penstock.quotes.declaration import (
    Ask,
    Blocked,
    Csv,
    Declaration,
    Guards,
    Means,
    Numbers,
    Table,
    Tier,
    Time,
)
from penstock.quotes.read import read_quote
from tests.quotes.answers import page, recorded, shared, source, symbol

NOW = datetime(2026, 11, 20, 22, tzinfo=UTC)
EXM, SAP, ACME = "EXM:XPAR", "DE0007164600", "ACME:US"


def read(name: str, asked: str, body: bytes | str, now: datetime = NOW) -> Quote:
    """Read a page as a source that comes with Penstock does."""
    return read_quote(source(name), symbol(asked), page(body), now, asked)


def text(name: str) -> str:
    """Return one of our own small pages."""
    return recorded(name).decode()


def test_boursorama() -> None:
    """The real page shows 0,7880; what it is made of says 0.788, of when, and of what."""
    now = datetime(2026, 9, 25, 8, tzinfo=UTC)
    quote = read("boursorama", "ALHAF.PA", shared("boursorama_faceplate_1rPALHAF.html"), now)
    assert (str(quote.price), quote.currency, quote.venue) == ("0.788", "EUR", "XPAR")
    assert quote.as_of == datetime(2026, 9, 25, 7, 58, 32, tzinfo=UTC)
    assert (quote.extractor, quote.raw) == ("instrument-data", "0.788")


def test_boursorama_after_an_index_and_before_a_neighbour() -> None:
    """Of all that a page has prices of, the one is taken that names the symbol asked for."""
    quote = read("boursorama", EXM, text("boursorama.html"))
    assert (quote.price, quote.as_of.hour) == (Decimal("1891.26"), 17)


def test_onvista() -> None:
    """The page's own data is found by the id of its script, and read by the paths."""
    quote = read("onvista", SAP, text("onvista.html"))
    assert (str(quote.price), quote.currency) == ("177.98", "EUR")
    assert quote.as_of == datetime(2026, 11, 20, 16, 35, 26, tzinfo=UTC)


def test_marketwatch() -> None:
    """The head's own words give price, currency and instant; what the body shows does not count."""
    quote = read("marketwatch", ACME, text("marketwatch.html"))
    assert (str(quote.price), quote.currency) == ("1226.05", "USD")
    assert quote.as_of == datetime(2026, 11, 20, 21, 0, tzinfo=UTC)


PAGES = {
    "boursorama": (EXM, "boursorama.html"),
    "onvista": (SAP, "onvista.html"),
    "marketwatch": (ACME, "marketwatch.html"),
}
OTHER = {"boursorama": "ABC:XPAR", "onvista": "US0378331005", "marketwatch": "AAPL:US"}


@pytest.mark.parametrize("name", PAGES)
def test_the_page_of_something_else_is_refused(name: str) -> None:
    """A page that is about another symbol gives no price, however many it has."""
    with pytest.raises(WrongSymbol):
        read(name, OTHER[name], text(PAGES[name][1]))


@pytest.mark.parametrize("name", PAGES)
def test_a_redesign_is_named(name: str) -> None:
    """A page that has its price somewhere else is a redesign, and nothing is guessed."""
    with pytest.raises(LayoutChanged):
        read(name, PAGES[name][0], "<!doctype html><title>ACME EXM</title><b>1,226.05 USD</b>")


@pytest.mark.parametrize(
    ("name", "right", "wrong", "error"),
    [
        ("boursorama", ":1891.26}", ":null}", LayoutChanged),
        ("boursorama", ":1891.26}", ":0}", SymbolNotFound),
        ("boursorama", ":1891.26}", ":&quot;—&quot;}", SymbolNotFound),
        ("boursorama", ":1891.26}", ":&quot;&quot;}", SymbolNotFound),
        ("boursorama", ":1891.26}", ":&quot;1.891&quot;}", AmbiguousNumber),
        ("boursorama", "2026-11-20 17:36:19", "hier", LayoutChanged),
        ("boursorama", "2026-11-20 17:36:19", "2026-10-01 17:36:19", Stale),
        ("onvista", ":177.98", ":0", SymbolNotFound),
        ("onvista", ":177.98", ':"—"', SymbolNotFound),
        ("onvista", ":177.98", ":[177.98]", LayoutChanged),
        ("onvista", '"isoCurrency":"EUR",', "", LayoutChanged),
        ("onvista", '"isoCurrency":"EUR"', '"isoCurrency":"XXX"', LayoutChanged),
        ("onvista", '"isin":"DE0007164600"', '"isin":"US0378331005"', WrongSymbol),
        ("onvista", '"wkn":"716460"}', '"wkn":"716460"', LayoutChanged),
        ("onvista", "T16:35:26.000+00:00", "T25:35", LayoutChanged),
        ("marketwatch", "$1,226.05", "", SymbolNotFound),
        ("marketwatch", "$1,226.05", "—", SymbolNotFound),
        ("marketwatch", "$1,226.05", "£1,226.05", AmbiguousNumber),
        ("marketwatch", "$1,226.05", "1.226,05", AmbiguousNumber),
        ("marketwatch", 'name="price"', 'name="cost"', LayoutChanged),
        ("marketwatch", 'content="ACME"', 'content="ACMEX"', WrongSymbol),
        ("marketwatch", "Nov 20, 2026 4:00 p.m.", "4:00 p.m.", LayoutChanged),
        ("marketwatch", "Nov 20, 2026", "Nov 21, 2026", LayoutChanged),
        ("marketwatch", "Nov 20, 2026", "Oct 20, 2026", Stale),
    ],
)
def test_what_is_not_certain_is_refused_by_its_name(
    name: str, right: str, wrong: str, error: type[QuoteError]
) -> None:
    """Each thing that may be missing or odd gives its own error, and never a price."""
    asked, file = PAGES[name]
    assert right in text(file)
    with pytest.raises(QuoteError) as refusal:
        read(name, asked, text(file).replace(right, wrong, 1))
    assert type(refusal.value) is error, refusal.value


def test_a_program_is_kept_out_by_name() -> None:
    """A puzzle for browsers, and a status that keeps programs out, are that and nothing else."""
    puzzle = "<script src='https://ct.captcha-delivery.com/c.js'></script>" + text(
        "marketwatch.html"
    )
    with pytest.raises(BotChallenge):
        read("marketwatch", ACME, puzzle)
    for name, (asked, file) in PAGES.items():
        answer = page(text(file), status=401)
        with pytest.raises(BotChallenge):
            read_quote(source(name), symbol(asked), answer, NOW)


def test_a_detour_to_another_site_is_no_answer() -> None:
    """A redirect to a consent page of somebody else is refused, whatever comes from there."""
    google = source("google_finance")
    detour = page("", status=302, location="https://consent.google.com/m?continue=x")
    with pytest.raises(ConsentWall):
        read_quote(google, symbol("SAP.DE"), detour, NOW)
    for name, (asked, _) in PAGES.items():
        detour = page("", status=302, location="https://consent.example.org/")
        with pytest.raises(LayoutChanged):
            read_quote(source(name), symbol(asked), detour, NOW)


def german_table() -> Declaration:
    """Return a declaration of a page that prints a fund's days as a table, in German."""
    return Declaration(
        id="kurse",
        title="Kurse",
        tier=Tier.SCRAPE,
        docs="https://kurse.example.com",
        hosts=("kurse.example.com",),
        ask=Ask(isin="https://kurse.example.com/{isin}"),
        guards=Guards(must_contain=("({isin})",)),
        number=Numbers(locale="de-DE"),
        extract=(
            Table(
                name="days",
                select="table",
                price="Schluss",
                currency="EUR",
                time="Datum",
                row="last",
            ),
        ),
        time=Time(kind="date", format="%d.%m.%Y", zone="Europe/Berlin", at="22:00"),
    )


def test_a_german_table() -> None:
    """Headers name the columns; the last row is taken: 677,13 on 07.12.2020 are 677.13 euros."""
    body = shared("tradegate_style_table_DE_comma_history.html")
    now = datetime(2020, 12, 8, tzinfo=UTC)
    quote = read_quote(german_table(), symbol("LU0302296495"), page(body), now)
    assert (str(quote.price), quote.currency, quote.raw) == ("677.13", "EUR", "677,13")
    assert quote.as_of == datetime(2020, 12, 7, 21, tzinfo=UTC)
    first = body.replace(b"04.12.2020", b"03.12.2020").split(b"</tbody>")[0]
    opening = Table(
        name="days", select="table", price="Er\u00f6ffnung", currency="EUR", time="Datum"
    )
    declared = Declaration(
        **{name: getattr(german_table(), name) for name in german_table().__struct_fields__}
        | {"extract": (opening,)}
    )
    quote = read_quote(declared, symbol("LU0302296495"), page(first), now)
    assert (str(quote.price), quote.as_of.day) == ("665.89", 3)


def test_a_german_table_of_another_fund() -> None:
    """The page of another fund is refused by its ISIN."""
    body = shared("tradegate_style_table_DE_comma_history.html")
    with pytest.raises(WrongSymbol):
        read_quote(german_table(), symbol(SAP), page(body), NOW)


def stooq() -> Declaration:
    """Return a declaration of a CSV source that learnt to ask for a browser."""
    return Declaration(
        id="stooq",
        title="Stooq",
        tier=Tier.UNOFFICIAL,
        docs="https://stooq.com",
        hosts=("stooq.com",),
        ask=Ask(listing="https://stooq.com/q/l/?s={ticker}"),
        guards=Guards(
            blocked=(Blocked(means=Means.CHALLENGE, text="requires JavaScript to verify"),)
        ),
        number=Numbers(locale="en"),
        extract=(Csv(name="close", price="Close", currency="USD", time=("Date", "Time")),),
        time=Time(kind="date", format="%Y-%m-%d %H:%M:%S", zone="Europe/Warsaw"),
    )


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("stooq_200_js_challenge.html", BotChallenge),
        ("stooq_unknown_symbol_ND.csv", SymbolNotFound),
    ],
)
def test_a_csv_that_is_none(name: str, error: type[QuoteError]) -> None:
    """A puzzle with status 200 is a challenge, and N/D everywhere is a symbol that is not there."""
    with pytest.raises(error):
        read_quote(stooq(), symbol("APPL:US"), page(shared(name)), NOW)


TWICE = Csv(name="rows", symbol="Symbol", price="Close", currency="USD", time="Time")


@pytest.mark.parametrize("row", ["first", "last"])
def test_two_rows_of_one_instant_are_one_too_many(row: str) -> None:
    """A table may have a symbol's past, but for one instant it has one price."""
    declared = msgspec.structs.replace(
        stooq(),
        extract=(msgspec.structs.replace(TWICE, row=row),),
        time=Time(kind="date", format="%Y-%m-%d"),
    )
    head, new, old = "Symbol,Time,Close\r\n", "AAPL,2026-11-20,7\r\n", "AAPL,2026-11-19,6\r\n"
    read = read_quote(declared, symbol("AAPL:US"), page(head + new + old), NOW)
    assert read.price == Decimal(7 if row == "first" else 6)
    twice = head + new.replace("7", "8") + new + old.replace("19", "20")
    with pytest.raises(WrongSymbol):
        read_quote(declared, symbol("AAPL:US"), page(twice), NOW)


def test_a_table_that_may_be_cut_short_has_no_price() -> None:
    """`18` may be the begin of 180.20 where only the end of the connection ends the answer."""
    cut = replace(page("Date,Time,Close\r\n2026-11-20,16:00:00,18"), proven=False)
    with pytest.raises(SourceUnavailable):
        read_quote(stooq(), symbol("AAPL:US"), cut, NOW)
    whole = replace(cut, proven=True)
    assert read_quote(stooq(), symbol("AAPL:US"), whole, NOW).price == Decimal(18)
