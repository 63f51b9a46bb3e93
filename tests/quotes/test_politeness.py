"""How gently hosts are asked: their turns, their robots.txt, and when they are tired of us."""

import asyncio
from datetime import timedelta

import pytest

from penstock.domain.errors import TransportFailure
from penstock.domain.quote import (
    Quote,
    QuoteError,
    RateLimited,
    RobotsDenied,
    SourceUnavailable,
)
from penstock.domain.request import Request, Response
from penstock.quotes.alone import GateAlone
from penstock.quotes.fetch import QuoteEngine
from penstock.quotes.manners import Politeness
from penstock.quotes.quest import Outcome
from tests.quotes.answers import (
    OPEN,
    ROBOTS,
    SITE,
    Answer,
    FakeSender,
    FakeTime,
    about,
    example,
    fetch,
    names,
    page,
)


def test_a_host_that_is_tired_of_us_is_left_alone() -> None:
    """After a 429 nothing more is sent to the host; everybody learns when to come back."""
    time = FakeTime()
    gate = GateAlone(clock=time.clock, sleep=time.sleep)
    sender = FakeSender({f"{SITE}AA": page("", f"{SITE}AA", 429, retry_after="90")})
    polite = example(politeness=Politeness(concurrency=1))
    symbols = ["AA:NYSE", "BB:NYSE", "CC:NYSE"]
    outcomes = fetch(symbols, sender, [polite], time=time, gate=gate)
    assert names(outcomes) == ["rate_limited"] * 3
    assert sender.asked == [f"{SITE}AA"]
    last = outcomes[-1]
    assert isinstance(last, RateLimited)
    assert last.retry_at == time.now + timedelta(seconds=90)
    time.now += timedelta(seconds=91)
    fetch(["BB:NYSE"], sender, [polite], time=time, gate=gate)
    assert sender.asked == [f"{SITE}AA", f"{SITE}BB"]


def test_requests_to_a_host_keep_their_distance() -> None:
    """Two seconds lie between any two requests, robots.txt and the next fetch included."""
    time = FakeTime()
    gate = GateAlone(clock=time.clock, sleep=time.sleep)
    sender = FakeSender({ROBOTS: OPEN} | {f"{SITE}{name}": about(name) for name in ("AA", "BB")})
    fetch(["AA:NYSE", "BB:NYSE"], sender, [example()], time=time, gate=gate)
    assert time.waits == [2.0, 2.0]
    fetch(["AA:NYSE"], sender, [example()], time=time, gate=gate)
    assert time.waits == [2.0, 2.0, 2.0]
    assert sender.asked.count(ROBOTS) == 1


def test_no_more_requests_at_a_time_than_allowed() -> None:
    """With a concurrency of three, three requests are under way at most, over all fetches."""
    under_way = peak = 0

    async def send(request: Request) -> Response:
        nonlocal under_way, peak
        under_way += 1
        peak = max(peak, under_way)
        for _ in range(5):
            await asyncio.sleep(0)
        under_way -= 1
        return about(request.url.removeprefix(SITE))

    async def run() -> list[list[Outcome]]:
        three = example(politeness=Politeness(concurrency=3))
        engine = QuoteEngine([three], send, clock=FakeTime().clock)
        symbols = [f"S{number}:NYSE" for number in range(20)]
        return list(await asyncio.gather(engine.fetch(symbols[:10]), engine.fetch(symbols[10:])))

    for outcomes in asyncio.run(run()):
        assert all(isinstance(outcome, Quote) for outcome in outcomes)
    assert peak == 3


@pytest.mark.parametrize(
    ("robots", "error"),
    [
        (page("User-agent: *\nDisallow: /quote/"), RobotsDenied),
        (page("User-agent: penstock\nDisallow: /\n\nUser-agent: *\nAllow: /"), RobotsDenied),
        (page("User-agent: *\nCrawl-delay: 3600"), RobotsDenied),
        (page("", status=500), SourceUnavailable),
        (page("", status=429), SourceUnavailable),
        (page("", status=302, location="/elsewhere"), SourceUnavailable),
        (TransportFailure("refused"), SourceUnavailable),
        (page("", status=404), None),
        (page("User-agent: other\nDisallow: /"), None),
        (page(b"\xff\xfe\x00 no robots file at all"), None),
    ],
    ids=["all", "us", "delay", "500", "429", "redirect", "down", "none", "others", "nonsense"],
)
def test_robots_txt_is_obeyed(robots: Answer, error: type[QuoteError] | None) -> None:
    """What robots.txt keeps from us is not asked, nor anything while it cannot be read."""
    sender = FakeSender({ROBOTS: robots, f"{SITE}AA": about("AA")})
    (outcome,) = fetch(["AA:NYSE"], sender, [example()])
    assert isinstance(outcome, error or Quote)
    assert (f"{SITE}AA" in sender.asked) is (error is None)


def test_the_sites_own_delay_is_kept() -> None:
    """A Crawl-delay that is longer than our interval takes its place."""
    time = FakeTime()
    sender = FakeSender(
        {
            ROBOTS: page("User-agent: *\nCrawl-delay: 20"),
            f"{SITE}AA": about("AA"),
            f"{SITE}BB": about("BB"),
        }
    )
    fetch(["AA:NYSE", "BB:NYSE"], sender, [example()], time=time)
    assert time.waits == [2.0, 20.0]


def test_robots_txt_is_read_again_after_a_day() -> None:
    """Rules hold for a day, an outage for five minutes."""
    time = FakeTime()
    gate = GateAlone(clock=time.clock, sleep=time.sleep)
    sender = FakeSender({ROBOTS: OPEN, f"{SITE}AA": about("AA")})
    for pause, times in [(0, 1), (23, 1), (2, 2)]:
        time.now += timedelta(hours=pause)
        fetch(["AA:NYSE"], sender, [example()], time=time, gate=gate)
        assert sender.asked.count(ROBOTS) == times
