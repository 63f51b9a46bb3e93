"""One outcome for each symbol, in input order, whatever the sources do."""

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Final

from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.domain.errors import TransportFailure
from penstock.domain.quote import Quote, QuoteError
from penstock.domain.request import Response
from tests.quotes.answers import HTML, names, page, recorded
from tests.quotes.virtual import (
    HANG,
    Behaviour,
    Site,
    Stores,
    batched,
    clock,
    declared,
    later,
    lines,
    live,
    place,
    priced,
)

TICKERS: Final = ("AA", "BB", "CC", "DD")
SOURCES: Final = ("one", "two", "three")
DEADLINE: Final = 90.0

BEHAVIOURS: Final = (
    "price",
    "wall",
    "challenge",
    "429",
    "500",
    "503",
    "404",
    "hang",
    "refused",
    "junk",
    "other",
    "redesign",
    "nought",
    "circle",
    "astray",
    "304",
)


def behaviour(what: str, name: str, ticker: str) -> Behaviour:
    """Return what a source does when it is asked for a ticker."""
    at = place(name)
    found: Mapping[str, Behaviour] = {
        "price": priced(ticker, "12.50", at),
        "wall": page(recorded("consent.html"), at + ticker),
        "challenge": page(recorded("challenge.html"), at + ticker),
        "429": page("", at + ticker, 429, retry_after="30"),
        "500": page("", at + ticker, 500),
        "503": page("", at + ticker, 503, retry_after="soon"),
        "404": page("", at + ticker, 404),
        "hang": HANG,
        "refused": TransportFailure("refused"),
        "junk": Response(200, HTML, b"\xff\x00<" * 50, at + ticker),
        "other": priced("OTHR", "99", at),
        "redesign": page(f"({ticker}) 99 USD", at + ticker),
        "nought": priced(ticker, "0.00", at),
        "circle": page("", at + ticker, 302, location=f"/{ticker}"),
        "astray": page("", at + ticker, 302, location="https://elsewhere.example.net/"),
        "304": Response(304, {"etag": '"x"'}, b"", at + ticker),
    }
    return found[what]


PLANS: Final = st.fixed_dictionaries(
    {(name, ticker): st.sampled_from(BEHAVIOURS) for name in SOURCES for ticker in TICKERS}
)
ASKED: Final = st.lists(
    st.sampled_from([*(f"{ticker}:XNYS" for ticker in TICKERS), "", "a b", "AA:XNYS", "EUR/USD"]),
    max_size=8,
)


@settings(max_examples=80)
@given(plan=PLANS, asked=ASKED, again=PLANS)
def test_every_symbol_ends_as_a_right_price_or_an_error(
    plan: dict[tuple[str, str], str], asked: list[str], again: dict[tuple[str, str], str]
) -> None:
    """In input order, before the deadline, twice over the same stores: never another's price."""
    site = Site()

    async def play() -> None:
        stores = Stores()
        sources = [declared(name, concurrency=2, ttl=5.0) for name in SOURCES]
        engine = stores.engine(site, sources, patience=10.0)
        for day in (plan, again):
            for (name, ticker), what in day.items():
                site.pages[place(name) + ticker] = behaviour(what, name, ticker)
            begun = clock()
            trails = await engine.explain(asked, deadline=DEADLINE)
            assert clock() - begun <= timedelta(seconds=DEADLINE)
            assert [trail.symbol for trail in trails] == asked
            for trail in trails:
                _check(trail.symbol, trail.outcome, day, plan)
            await later(10)

    live(play)
    assert len(site.asked) == len(site.at)


def _check(
    symbol: str,
    outcome: Quote | QuoteError,
    day: dict[tuple[str, str], str],
    first: dict[tuple[str, str], str],
) -> None:
    assert outcome.symbol == symbol
    ticker = symbol.partition(":")[0]
    if isinstance(outcome, Quote):
        assert outcome.price == Decimal("12.50")
        kept = "stale_answer" in outcome.flags
        assert (first if kept else day)[outcome.source, ticker] == "price"
    else:
        assert outcome.message
        priced_now = [name for name in SOURCES if day.get((name, ticker)) == "price"]
        if len(priced_now) == len(SOURCES):
            assert outcome.code in ("rate_limited", "source_unavailable")


@settings(max_examples=40)
@given(
    known=st.sets(st.sampled_from([f"S{number}" for number in range(12)])),
    asked=st.lists(st.sampled_from([f"S{number}" for number in range(12)]), max_size=15),
    batch=st.integers(2, 6),
)
def test_batches_of_any_size_answer_alike(known: set[str], asked: list[str], batch: int) -> None:
    """How many go into one request changes nothing about what comes of each."""

    class Quotes(Site):
        async def __call__(self, request: object) -> Response:
            url = str(getattr(request, "url", ""))
            wanted = url.partition("s=")[2].split(",")
            assert len(wanted) <= batch
            found = {name: f"{number}.1" for number, name in enumerate(TEN) if name in known}
            found = {name: price for name, price in found.items() if name in wanted}
            return lines(found) if len(found) == len(wanted) else Response(404, HTML, b"", url)

    site = Quotes()
    symbols = [f"{name}:XNYS" for name in asked]
    outcomes = live(lambda: Stores().engine(site, [batched("one", batch)]).fetch(symbols))
    assert names(outcomes) == [
        f"{TEN.index(name)}.1" if name in known else "symbol_not_found" for name in asked
    ]


TEN: Final = [f"S{number}" for number in range(12)]
