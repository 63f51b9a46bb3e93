"""The synchronous way in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from penstock.domain.errors import InvalidInput
from penstock.domain.protocol import Sender
from penstock.domain.quote import Quote, SourceDisabled
from penstock.quotes.fetcher import StockInfoFetcher
from penstock.quotes.manners import Politeness
from penstock.quotes.quest import Outcome
from tests.quotes.answers import SITE, FakeSender, FakeTime, about, example, page, recorded, source

ECB = "https://www.ecb.europa.eu/stats/eurofxref/eurofxref-daily.xml"


def sender() -> FakeSender:
    """Return a sender that has the day's rates."""
    return FakeSender({ECB: page(recorded("ecb-daily.xml"), ECB)})


def prices(outcomes: list[Outcome]) -> list[str]:
    """Return what the fetch brought."""
    return [str(o.price) if isinstance(o, Quote) else o.code for o in outcomes]


def test_symbols_may_be_given_in_any_way() -> None:
    """One after another, in a list, or only when fetching: it reads well each time."""
    clock = FakeTime().clock
    assert prices(StockInfoFetcher("EUR/USD", "USDJPY", send=sender(), clock=clock).fetch()) == [
        "1.2500",
        "140",
    ]
    assert prices(StockInfoFetcher(["EUR/USD"], send=sender(), clock=clock).fetch()) == ["1.2500"]
    fetcher = StockInfoFetcher(send=sender(), clock=clock)
    assert prices(fetcher.fetch(["EUR/USD", "USDJPY"])) == ["1.2500", "140"]
    assert prices(fetcher.fetch("USDJPY")) == ["140"]
    assert fetcher.fetch() == []


def test_only_what_asks_for_no_leave_is_used_by_itself() -> None:
    """Without sources named, the official ones are asked; the others are named."""
    quiet = sender()
    (missing,) = StockInfoFetcher("AAPL", send=quiet, clock=FakeTime().clock).fetch()
    assert isinstance(missing, SourceDisabled)
    assert missing.source == "alpaca"
    assert "google_finance" in missing.message
    assert quiet.asked == []


def test_sources_may_be_named() -> None:
    """What is named is asked, and nothing else."""
    fetcher = StockInfoFetcher(
        "EUR/USD", send=sender(), sources=[source("ecb")], clock=FakeTime().clock
    )
    assert prices(fetcher.fetch()) == ["1.2500"]
    assert prices(StockInfoFetcher("EUR/USD", send=sender(), sources=[]).fetch()) == [
        "source_disabled"
    ]


def test_it_works_where_an_event_loop_runs() -> None:
    """Called from inside a coroutine, it fetches on a thread aside."""

    async def inside() -> list[Outcome]:
        return StockInfoFetcher("EUR/USD", send=sender(), clock=FakeTime().clock).fetch()

    assert prices(asyncio.run(inside())) == ["1.2500"]


def test_what_it_opens_it_closes() -> None:
    """What sends is opened for each fetch in the loop that uses it, and closed behind it."""
    opened: list[str] = []

    @asynccontextmanager
    async def connect() -> AsyncIterator[Sender]:
        opened.append("open")
        asyncio.get_running_loop()
        yield sender()
        opened.append("closed")

    fetcher = StockInfoFetcher("EUR/USD", connect=connect, clock=FakeTime().clock)
    assert prices(fetcher.fetch() + fetcher.fetch()) == ["1.2500", "1.2500"]
    assert opened == ["open", "closed"] * 2


def test_it_needs_something_to_send_with() -> None:
    """Without a sender nothing can be fetched, which is said at once."""
    with pytest.raises(InvalidInput):
        StockInfoFetcher("EUR/USD")


def test_it_keeps_what_it_learnt() -> None:
    """A second fetch takes fresh answers from the first, whatever event loop it ran in."""
    asked = sender()
    time = FakeTime()
    fetcher = StockInfoFetcher("EUR/USD", send=asked, clock=time.clock)
    assert prices(fetcher.fetch()) == ["1.2500"]
    assert prices(asyncio.run(fetcher.afetch())) == ["1.2500"]
    assert prices(asyncio.run(fetcher.afetch(["EUR/USD"]))) == ["1.2500"]
    assert asked.asked == [ECB]


def test_it_holds_prices_against_the_last() -> None:
    """Pence read as pounds are found out by the second fetch already."""
    time = FakeTime()
    site = FakeSender({f"{SITE}ACME": about("ACME", "308.8")})
    quiet = example(politeness=Politeness(ttl=0))
    fetcher = StockInfoFetcher("ACME:NYSE", send=site, sources=[quiet], clock=time.clock)
    assert prices(fetcher.fetch()) == ["308.8"]
    site.answers = {f"{SITE}ACME": about("ACME", "3.088")}
    assert prices(fetcher.fetch()) == ["suspicious100x"]
