"""The engine: one outcome a symbol, in order, and each host in its own pace."""

import asyncio
from decimal import Decimal

import pytest

from penstock.domain.errors import InvalidInput, TransportFailure
from penstock.domain.quote import (
    ConsentWall,
    NoSource,
    Quote,
    SourceDisabled,
    SourceUnavailable,
    SymbolNotFound,
    WrongSymbol,
)
from penstock.domain.request import Response
from penstock.quotes.declaration import Ask, Tier
from penstock.quotes.fetch import QuoteEngine
from penstock.quotes.manners import Politeness
from tests.quotes.answers import (
    ECB,
    HTML,
    OPEN,
    SITE,
    Answer,
    FakeSender,
    FakeTime,
    about,
    example,
    fetch,
    names,
    page,
    recorded,
    source,
)

RUDE = Politeness()


def test_one_document_serves_all_pairs() -> None:
    """Every pair of a table of rates costs one request together, and they come in input order."""
    sender = FakeSender({ECB: page(recorded("ecb-daily.xml"), ECB)})
    symbols = ["EUR/USD", "USDJPY", "EURVND=X", "GBP-EUR", "EUR/USD", "EUR-USD"]
    outcomes = fetch(symbols, sender, [source("ecb")])
    assert names(outcomes) == ["1.2500", "140", "symbol_not_found", "1.25", "1.2500", "1.2500"]
    assert [outcome.symbol for outcome in outcomes] == symbols
    assert sender.asked == [ECB]


def test_each_symbol_ends_as_one_quote_or_one_error() -> None:
    """What goes wrong with one symbol is told in its place, and spoils no other."""
    rude = example(politeness=RUDE)
    answers: dict[str, Answer] = {
        f"{SITE}GOOD": about("GOOD"),
        f"{SITE}WALL": page(recorded("consent.html"), f"{SITE}WALL"),
        f"{SITE}DOWN": TransportFailure("www.example.com hung up."),
        f"{SITE}OTHR": about("ELSE"),
        f"{SITE}FINE": about("FINE", "7.50"),
    }
    symbols = [f"{name}:NYSE" for name in ("GOOD", "WALL", "DOWN", "OTHR", "GONE", "FINE")]
    outcomes = fetch([*symbols, "", "a b"], FakeSender(answers), [rude])
    assert names(outcomes) == [
        "5",
        "consent_wall",
        "source_unavailable",
        "wrong_symbol",
        "symbol_not_found",
        "7.50",
        "symbol_not_found",
        "symbol_not_found",
    ]
    assert [outcome.symbol for outcome in outcomes] == [*symbols, "", "a b"]
    assert all(outcome.source == "example" for outcome in outcomes[:6])


def test_nothing_to_ask_is_nothing_asked() -> None:
    """No symbols, no requests."""
    sender = FakeSender({})
    assert fetch([], sender, [source("ecb")]) == []
    assert sender.asked == []


def test_a_bare_install_says_which_source_to_enable() -> None:
    """A switched-off source that quotes the symbol is named with its terms and its setting."""
    (missing,) = fetch(
        ["AAPL"], FakeSender({}), [source("ecb")], disabled=[source("google_finance")]
    )
    assert isinstance(missing, SourceDisabled)
    assert missing.source == "google_finance"
    assert missing.remedy is not None
    assert "PENSTOCK_QUOTE_SOURCES" in missing.remedy.text
    (unknown,) = fetch(["AAPL"], FakeSender({}), [source("ecb")])
    assert isinstance(unknown, NoSource)


def test_a_source_that_was_named_says_what_it_does_not_quote() -> None:
    """Who names a source is not sent to check the spelling: others may quote the symbol."""
    sources = [source("ecb"), source("google_finance")]
    (missing,) = fetch(["AAPL"], FakeSender({}), sources, asked="ecb")
    assert isinstance(missing, NoSource)
    assert missing.source == "ecb"
    assert "does not quote AAPL" in missing.message
    assert missing.remedy is not None
    assert "without naming a source" in missing.remedy.text


@pytest.mark.parametrize(
    ("answer", "next_asked"),
    [
        (page(recorded("consent.html")), True),
        (page(recorded("challenge.html")), True),
        (page("", status=429), True),
        (page("", status=500), True),
        (page("", status=404), True),
        (TransportFailure("refused"), True),
        (page("(ACME) redesigned"), True),
        (about("OTHR"), False),
        (about("ACME", "1.234,56"), False),
    ],
    ids=["consent", "challenge", "429", "500", "404", "transport", "layout", "wrong", "ambiguous"],
)
def test_another_source_is_asked_only_where_it_may_know_better(
    answer: Answer, next_asked: bool
) -> None:
    """After a wall or an outage the next source is asked; after a contradiction nobody is."""
    first = example(id="first", politeness=RUDE)
    second = example(
        id="second",
        tier=Tier.KEYED,
        politeness=RUDE,
        hosts=("second.example.com",),
        ask=Ask(listing="https://second.example.com/{ticker}"),
    )
    other = "https://second.example.com/"
    sender = FakeSender({f"{SITE}ACME": answer, f"{other}ACME": about("ACME", "9", other)})
    (outcome,) = fetch(["ACME:NYSE"], sender, [first, second])
    assert (f"{other}ACME" in sender.asked) is next_asked
    assert isinstance(outcome, Quote) is next_asked


def test_a_bare_ticker_is_sought_from_exchange_to_exchange() -> None:
    """It is found on the second exchange; no further one is asked."""
    google = source("google_finance")
    url = "https://www.google.com/finance/quote/ACME:{}?hl=en"
    body = recorded("google-classic.html").replace(b'"1234","TPE"', b'"ACME","NYSE"')
    body = body.replace(b"quote/1234:TPE", b"quote/ACME:NYSE")
    sender = FakeSender(
        {
            "https://www.google.com/robots.txt": OPEN,
            url.format("NASDAQ"): page("<title>Nothing here</title>", url.format("NASDAQ")),
            url.format("NYSE"): page(body, url.format("NYSE")),
        }
    )
    (quote,) = fetch(["ACME"], sender, [google])
    assert isinstance(quote, Quote)
    assert (quote.price, quote.venue) == (Decimal("45.65"), "XNYS")
    assert len(sender.asked) == 3


def test_a_detour_on_the_same_host_is_followed() -> None:
    """Google sends some visitors to its new layout: the answer there counts."""
    google = source("google_finance")
    start = "https://www.google.com/finance/quote/CHF-JPY?hl=en"
    end = "https://www.google.com/finance/beta/quote/CHF-JPY"
    sender = FakeSender(
        {
            "https://www.google.com/robots.txt": OPEN,
            start: page("", start, 302, location="/finance/beta/quote/CHF-JPY"),
            end: page(recorded("google-beta.html")),
        }
    )
    (quote,) = fetch(["CHF/JPY"], sender, [google])
    assert isinstance(quote, Quote)
    assert quote.price == Decimal("188.17204301")


def test_a_detour_to_the_consent_host_is_not_followed() -> None:
    """Nobody consents in a person's name: the wall is named and its host never asked."""
    google = source("google_finance")
    start = "https://www.google.com/finance/quote/CHF-JPY?hl=en"
    wall = "https://consent.google.com/ml?continue=x"
    sender = FakeSender(
        {
            "https://www.google.com/robots.txt": OPEN,
            start: Response(302, HTML | {"location": wall}, b""),
        }
    )
    (refused,) = fetch(["CHF/JPY"], sender, [google])
    assert isinstance(refused, ConsentWall)
    assert wall not in sender.asked


def test_a_circle_of_detours_ends() -> None:
    """A site that sends us round and round is asked a handful of times, no more."""
    sender = FakeSender({f"{SITE}AA": page("", f"{SITE}AA", 302, location="/quote/AA")})
    (refused,) = fetch(["AA:NYSE"], sender, [example(politeness=RUDE)])
    assert isinstance(refused, SourceUnavailable)
    assert len(sender.asked) <= 5


def test_errors_of_one_request_are_one_each() -> None:
    """Two symbols that one failed request should have served get an error each of their own."""
    sender = FakeSender({ECB: TransportFailure("refused")})
    one, two = fetch(["EUR/USD", "EUR/JPY"], sender, [source("ecb")])
    assert isinstance(one, SourceUnavailable)
    assert isinstance(two, SourceUnavailable)
    assert (one.symbol, two.symbol) == ("EUR/USD", "EUR/JPY")


def test_a_symbol_nowhere_to_be_found_is_named() -> None:
    """After the last exchange the answer is an error about the symbol as it was written."""
    rude = example(politeness=RUDE)
    (missing,) = fetch(["NONE"], FakeSender({}), [rude])
    assert isinstance(missing, SymbolNotFound)
    assert not isinstance(missing, WrongSymbol)
    assert missing.symbol == "NONE"


def test_one_source_may_be_asked_alone() -> None:
    """A source named for one fetch is the only one asked; switched off, it is named as that."""
    sender = FakeSender({ECB: page(recorded("ecb-daily.xml"), ECB)})
    engine = QuoteEngine(
        [source("ecb")], sender, clock=FakeTime().clock, disabled=[source("google_finance")]
    )
    assert names(asyncio.run(engine.fetch(["EUR/USD"], source="ecb"))) == ["1.2500"]
    sender.asked.clear()
    outcomes = asyncio.run(engine.fetch(["EUR/USD"], source="google_finance"))
    assert names(outcomes) == ["source_disabled"]
    assert sender.asked == []
    with pytest.raises(InvalidInput, match="google_finance"):
        asyncio.run(engine.fetch(["EUR/USD"], source="nobody"))
