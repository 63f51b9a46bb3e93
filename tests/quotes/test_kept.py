"""Answers are kept: fresh ones are used, older ones revalidated, and shown while nobody answers."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from penstock.domain.errors import TransportFailure
from penstock.domain.quote import Quote, QuoteError, SourceUnavailable, Stale
from penstock.domain.request import Request, Response
from penstock.domain.trail import How
from penstock.quotes.declaration import Css, Declaration, Time
from penstock.quotes.errand import STALE_ANSWER
from penstock.quotes.freshness import kept_from, revalidated, validators
from penstock.quotes.manners import Sane
from tests.quotes.answers import ECB, HTML, NOW, example, names, page, recorded, source
from tests.quotes.virtual import (
    HANG,
    Behaviour,
    Site,
    Stores,
    clock,
    declared,
    later,
    live,
    pages,
    place,
    priced,
)

ACME = place("one") + "ACME"


def tagged(price: str, tag: str = '"a"') -> Response:
    """Return ACME's page with something to revalidate it by."""
    return priced("ACME", price, place("one"), etag=tag, cache_control="max-age=1")


def unless_same(answer: Response) -> Callable[[Request], Response]:
    """Return a page that says 304 to whoever has it."""

    def behave(request: Request) -> Response:
        if request.headers.get("If-None-Match") == answer.headers["etag"]:
            return Response(304, {}, b"", request.url)
        return answer

    return behave


def quoted(outcome: Quote | QuoteError) -> Quote:
    """Return what must be a quote."""
    assert isinstance(outcome, Quote), outcome
    return outcome


def test_a_fresh_answer_is_asked_for_once() -> None:
    """For as long as the declaration says, nobody is asked again; the quote keeps its instants."""
    site = Site(pages("one", {"ACME": "5"}))

    async def play() -> None:
        engine = Stores().engine(site, [declared("one", ttl=60.0)])
        (first,) = await engine.fetch(["ACME:XNYS"])
        await later(59)
        (trail,) = await engine.explain(["ACME:XNYS"])
        assert trail.outcome == first
        assert [step.how for step in trail.steps] == [How.FRESH]
        assert len(site.asked) == 1
        await later(2)
        (second,) = await engine.fetch(["ACME:XNYS"])
        assert len(site.asked) == 2
        assert quoted(second).fetched_at == NOW + timedelta(seconds=61)

    live(play)


def test_an_old_answer_is_revalidated() -> None:
    """A 304 is no page to read: the price is the one kept, its fetch is now, its instant is not."""
    dated = replace_time(declared("one", ttl=0.0))
    at = int((NOW - timedelta(hours=1)).timestamp())
    body = f'(ACME)<x-price data-symbol="ACME" value="5" data-unit="USD" data-at="{at}">'
    answer = Response(200, HTML | {"etag": '"v1"'}, body.encode(), ACME)
    site = Site({ACME: unless_same(answer)})

    async def play() -> None:
        engine = Stores().engine(site, [dated])
        await engine.fetch(["ACME:XNYS"])
        await later(100)
        (trail,) = await engine.explain(["ACME:XNYS"])
        quote = quoted(trail.outcome)
        assert trail.steps[0].how is How.REVALIDATED
        assert quote.price == Decimal(5)
        assert quote.as_of == NOW - timedelta(hours=1)
        assert quote.fetched_at == NOW + timedelta(seconds=100)
        assert site.requests[-1].headers["If-None-Match"] == '"v1"'

    live(play)


def replace_time(declaration: Declaration) -> Declaration:
    """Return the declaration with dated prices."""
    way = Css(
        name="dated",
        select="x-price",
        price="@value",
        currency="@data-unit",
        time="@data-at",
        symbol="@data-symbol",
    )
    return example(
        **{
            name: getattr(declaration, name)
            for name in ("id", "title", "hosts", "ask", "politeness", "sane")
        },
        extract=(way,),
        time=Time(kind="epoch"),
    )


def test_a_frozen_page_grows_stale() -> None:
    """A source that says "not modified" for ever is found out by the age of its price."""
    frozen = replace_time(declared("one", sane=Sane(max_age_days=3), ttl=0.0))
    at = int(NOW.timestamp())
    body = f'(ACME)<x-price data-symbol="ACME" value="5" data-unit="USD" data-at="{at}">'
    site = Site({ACME: unless_same(Response(200, HTML | {"etag": '"v1"'}, body.encode(), ACME))})

    async def play() -> None:
        engine = Stores().engine(site, [frozen])
        quoted((await engine.fetch(["ACME:XNYS"]))[0])
        await later(4 * 86_400)
        (outcome,) = await engine.fetch(["ACME:XNYS"])
        assert isinstance(outcome, Stale)

    live(play)


def test_what_is_not_in_a_kept_answer_is_asked_for_anew() -> None:
    """A pair that nobody wanted before is fetched without validators; then both stay fresh."""
    answer = replace(page(recorded("ecb-daily.xml"), ECB, etag='"today"'))
    site = Site({ECB: unless_same(answer)})

    async def play() -> None:
        stores = Stores()
        engine = stores.engine(site, [source("ecb")])
        await engine.fetch(["EUR/USD"])
        assert names(await engine.fetch(["EUR/JPY"])) == ["175.00"]
        assert "If-None-Match" not in site.requests[1].headers
        assert names(await engine.fetch(["EUR/JPY", "EUR/USD"])) == ["175.00", "1.2500"]
        assert len(site.asked) == 2
        await later(2 * 86_400)
        assert names(await engine.fetch(["EUR/JPY", "EUR/USD"])) == ["175.00", "1.2500"]
        assert len(site.asked) == 3
        assert site.requests[2].headers["If-None-Match"] == '"today"'

    live(play)


def test_a_304_that_nobody_asked_for_is_no_answer() -> None:
    """Without validators, "not modified" says nothing about a price."""
    site = Site({ACME: Response(304, {}, b"", ACME)})
    (outcome,) = live(lambda: Stores().engine(site, [declared("one")]).fetch(["ACME:XNYS"]))
    assert isinstance(outcome, SourceUnavailable)


@pytest.mark.parametrize(
    ("trouble", "shown"),
    [
        (TransportFailure("refused"), True),
        (HANG, True),
        (page("", status=500), True),
        (page("", status=429, retry_after="60"), True),
        (page(recorded("consent.html")), True),
        (page(recorded("challenge.html")), True),
        (page("(ACME) redesigned"), False),
        (page("", status=404), False),
        (priced("OTHR", "5", place("one")), False),
    ],
    ids=["down", "hangs", "500", "429", "consent", "challenge", "layout", "404", "wrong"],
)
def test_the_last_answer_is_shown_while_nobody_answers(trouble: Behaviour, *, shown: bool) -> None:
    """During an outage the price from before is shown, flagged and with its true age, for a day."""
    site = Site({ACME: tagged("5")})

    async def play() -> None:
        engine = Stores().engine(site, [declared("one", ttl=1.0)])
        (before,) = await engine.fetch(["ACME:XNYS"])
        site.pages[ACME] = trouble
        await later(3600)
        (trail,) = await engine.explain(["ACME:XNYS"])
        if shown:
            assert quoted(trail.outcome) == quoted(before)._replace(
                flags=(*quoted(before).flags, STALE_ANSWER)
            )
            assert trail.steps[-1].how is How.STALE
            assert trail.steps[0].error is not None
        else:
            assert isinstance(trail.outcome, QuoteError)
        await later(86_400)
        (late,) = await engine.fetch(["ACME:XNYS"])
        assert isinstance(late, QuoteError)

    live(play)


def test_a_live_price_elsewhere_goes_before_a_kept_one() -> None:
    """While one source is down, the next one's price is better than the first's of before."""
    site = Site({ACME: tagged("5")} | pages("two", {"ACME": "6"}))

    async def play() -> None:
        engine = Stores().engine(site, [declared("one", ttl=1.0), declared("two")])
        await engine.fetch(["ACME:XNYS"])
        site.pages[ACME] = TransportFailure("refused")
        await later(3600)
        (quote,) = await engine.fetch(["ACME:XNYS"])
        assert (quoted(quote).source, quoted(quote).price) == ("two", Decimal(6))
        assert STALE_ANSWER not in quoted(quote).flags

    live(play)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 60),
        ({"cache-control": "max-age=10"}, 60),
        ({"cache-control": "public, max-age=600"}, 600),
        ({"cache-control": "max-age=600", "age": "500"}, 100),
        ({"cache-control": "max-age=600", "age": "9" * 40}, 600),
        ({"cache-control": "max-age=99999999"}, 3600),
        ({"cache-control": "s-maxage=600"}, 60),
        ({"cache-control": "no-cache, max-age=600"}, 60),
        ({"cache-control": 'MAX-AGE="600"'}, 600),
        ({"cache-control": "max-age=-1"}, 60),
    ],
)
def test_how_long_an_answer_is_fresh(headers: dict[str, str], seconds: int) -> None:
    """As long as the declaration says, or the answer if it says longer, an hour at most."""
    kept = kept_from(declared("one"), ACME, headers, NOW)
    assert kept.fresh_until - NOW == timedelta(seconds=seconds)


def test_only_clean_validators_are_kept() -> None:
    """What could end a header is not sent back, nor anything that must not be stored."""
    one = declared("one")
    etag = {"etag": '"a"', "last-modified": "Sat, 21 Nov 2026 12:00:00 GMT"}
    kept = kept_from(one, ACME, etag, NOW)
    assert validators(kept) == {
        "If-None-Match": '"a"',
        "If-Modified-Since": "Sat, 21 Nov 2026 12:00:00 GMT",
    }
    assert validators(revalidated(one, kept, Response(304, {}, b""), NOW, {})) == validators(kept)
    assert not validators(kept_from(one, ACME, {"etag": '"a"\r\nX: 1'}, NOW))
    assert not validators(kept_from(one, ACME, {"etag": '"é"'}, NOW))
    assert not validators(kept_from(one, ACME, etag | {"cache-control": "no-store"}, NOW))


def test_clock_of_these_tests() -> None:
    """The time that jumps is the engine's: an hour passes at once."""

    async def play() -> timedelta:
        before = clock()
        await later(3600)
        return clock() - before

    assert live(play) == timedelta(hours=1)
