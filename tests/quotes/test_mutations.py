"""Pages that change: whatever happens to a symbol's own places, no other price is ever taken."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.quote import AmbiguousNumber, QuoteError
from penstock.quotes.declaration import Declaration
from penstock.quotes.read import read_quote
from tests.quotes.answers import example, page, recorded, shared, source, symbol
from tests.quotes.test_recorded import yahoo

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Place:
    """Where a page states a symbol's own price: the text of it, its price, whose it says it is."""

    text: str
    price: str
    whose: str


@dataclass(frozen=True)
class Page:
    """A page, what it is asked for, and the places where it states that price."""

    source: str
    asked: str
    file: str
    price: str
    places: tuple[Place, ...]

    @property
    def body(self) -> str:
        """The page as it was recorded."""
        return recorded(self.file).decode()


def node(file: str, begin: str, end: str, price: str, whose: str) -> Place:
    """Return the place of a page that begins and ends with these texts."""
    body = recorded(file).decode()
    start = body.index(begin)
    return Place(body[start : body.index(end, start) + len(end)], price, whose)


CLASSIC, BETA = "google-classic.html", "google-beta.html"
BOURSE, VISTA = "boursorama.html", "onvista.html"
PAGES = (
    Page(
        "google_finance",
        "1234.TW",
        CLASSIC,
        "45.65",
        (
            node(CLASSIC, '<div data-mid="/m/aaaa"', "</div></div>", "45.65", "TPE"),
            node(CLASSIC, '["/m/aaaa",["1234","TPE"]', "[1795224600],null]", "45.65", "1234"),
        ),
    ),
    Page(
        "google_finance",
        "CHF/JPY",
        BETA,
        "188.17204301",
        (node(BETA, '["/g/dddd"', "null,null,2]", "188.17204301", "CHF / JPY"),),
    ),
    Page(
        "boursorama",
        "EXM:XPAR",
        BOURSE,
        "1891.26",
        (node(BOURSE, '<div class="c-faceplate"', "</div>", "1891.26", "1rPEXM"),),
    ),
    Page(
        "onvista",
        "DE0007164600",
        VISTA,
        "177.98",
        (node(VISTA, '<script id="__NEXT_DATA__"', "</script>", "177.98", "DE0007164600"),),
    ),
    Page(
        "marketwatch",
        "ACME:US",
        "marketwatch.html",
        "1226.05",
        (
            Place('<meta name="price" content="$1,226.05" />', "1,226.05", "price"),
            Place('<meta name="tickerSymbol" content="ACME">', "ACME", "ACME"),
        ),
    ),
    Page(
        "example",
        "ACME",
        "index-first.html",
        "402.5",
        (node("index-first.html", '<x-price data-symbol="ACME"', "</x-price>", "402.5", "ACME"),),
    ),
)


@cache
def declared(name: str) -> Declaration:
    """Return the declaration that a page is read by."""
    return example() if name == "example" else source(name)


def outcome(one: Page, body: str) -> Decimal | QuoteError:
    """Return the price that is read from a page, or why there is none."""
    try:
        return read_quote(declared(one.source), symbol(one.asked), page(body), NOW).price
    except QuoteError as error:
        return error


def is_right(one: Page, came: Decimal | QuoteError) -> bool:
    """Say whether it is the right price, or an error."""
    return isinstance(came, QuoteError) or came == Decimal(one.price)


def test_the_pages_are_read_as_they_are() -> None:
    """Untouched, each of the pages gives its price, and has the places that are changed below."""
    for one in PAGES:
        assert outcome(one, one.body) == Decimal(one.price), one.source
        assert all(place.text in one.body for place in one.places), one.source


prices = st.integers(1, 99_999_999).map(lambda cents: f"{cents / 100:.2f}")


@given(
    one=st.sampled_from(PAGES),
    kinds=st.lists(st.sampled_from(["removed", "renamed", "before", "behind"]), min_size=2),
    other=prices,
)
def test_no_change_of_its_own_places_gives_another_price(
    one: Page, kinds: Sequence[str], other: str
) -> None:
    """Removed, renamed, doubled with another price: the right price or an error."""
    body = one.body
    for place, kind in zip(one.places, kinds, strict=False):
        double = place.text.replace(place.price, other)
        changed = {
            "removed": "",
            "renamed": place.text.replace(place.whose, "ZZZ"),
            "before": double + place.text,
            "behind": place.text + double,
        }[kind]
        body = body.replace(place.text, changed)
    came = outcome(one, body)
    assert is_right(one, came), (one.source, came)


@given(one=st.sampled_from(PAGES), part=st.floats(0, 1))
def test_a_page_that_breaks_off_gives_no_other_price(one: Page, part: float) -> None:
    """However much of a page came, a price of which digits are missing is not taken."""
    came = outcome(one, one.body[: int(len(one.body) * part)])
    assert is_right(one, came), (one.source, came)


@pytest.mark.parametrize("one", PAGES, ids=lambda one: f"{one.source} {one.asked}")
def test_two_prices_for_one_symbol_are_none(one: Page) -> None:
    """Doubled with another price wherever it stands, a price is refused, whichever comes first."""
    for order in (True, False):
        body = one.body
        for place in one.places:
            double = place.text.replace(place.price, "7.77")
            body = body.replace(place.text, double + place.text if order else place.text + double)
        came = outcome(one, body)
        assert isinstance(came, QuoteError), (one.source, came)


def test_a_price_that_is_stated_twice_alike_is_one() -> None:
    """Pages repeat themselves: twice the same is no contradiction."""
    one = PAGES[-1]
    text = one.places[0].text
    assert outcome(one, one.body.replace(text, text + text)) == Decimal(one.price)


AAPL = '<fin-streamer class="Fw(b) Fz(36px) Mb(-4px) D(ib)" data-symbol="AAPL"'


@pytest.mark.parametrize("kind", ["removed", "renamed", "doubled"])
def test_the_seventh_price_of_a_real_page(kind: str) -> None:
    """Without its own node, or with two that differ, a page with six other prices has none."""
    body = shared("yahoo_quote_AAPL_2023-05-08.trimmed.html").decode()
    start = body.index(AAPL)
    end = body.index("</fin-streamer>", start)
    node = body[start:end]
    changed = {
        "removed": "",
        "renamed": node.replace('"AAPL"', '"MSFT"'),
        "doubled": node + "</fin-streamer>" + node.replace("173.6", "174.6"),
    }[kind]

    yahoo_page = page(body[:start] + changed + body[end:])
    with pytest.raises(QuoteError) as refusal:
        read_quote(yahoo(), symbol("AAPL"), yahoo_page, datetime(2023, 5, 8, 16, tzinfo=UTC))
    assert isinstance(refusal.value, AmbiguousNumber) is (kind == "doubled")
