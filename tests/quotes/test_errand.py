"""One fetch of many symbols: batches, sources one after the other, and an end to waiting."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from penstock.domain.errors import TransportFailure
from penstock.domain.pricing import Kept
from penstock.domain.quote import (
    ConsentWall,
    RateLimited,
    SourceDisabled,
    SourceUnavailable,
    SymbolNotFound,
)
from penstock.domain.request import Request, Response
from penstock.domain.secret import Secret
from penstock.domain.trail import How
from penstock.quotes.declaration import Auth, Declaration, Tier
from penstock.quotes.fetch import QuoteEngine
from penstock.quotes.freshness import kept_at
from tests.quotes.answers import HTML, names, page, recorded
from tests.quotes.virtual import (
    HANG,
    Site,
    Stores,
    batched,
    clock,
    declared,
    later,
    lines,
    live,
    pages,
    place,
)

SYMBOLS = [f"S{number}:XNYS" for number in range(7)]


class Batches(Site):
    """Answers batches with what it knows; all or nothing if it is strict."""

    def __init__(self, known: dict[str, str], *, strict: bool = False) -> None:
        super().__init__()
        self.known, self.strict = known, strict

    async def __call__(self, request: Request) -> Response:
        wanted = parse_qs(urlsplit(request.url).query)["s"][0].split(",")
        found = {name: self.known[name] for name in wanted if name in self.known}
        lost = len(found) < len(wanted) and (self.strict or not found)
        self.pages[request.url] = Response(404, HTML, b"") if lost else lines(found)
        return await super().__call__(request)

    @property
    def batches(self) -> list[int]:
        """How many symbols each request asked for."""
        return [len(url.split(",")) for url in self.asked]


def known(*numbers: int) -> dict[str, str]:
    """Return the prices of these symbols."""
    return {f"S{number}": str(number + 1) for number in numbers}


def test_many_symbols_go_into_one_request() -> None:
    """Seven symbols at a source that takes three at a time are three requests, read once each."""
    site = Batches(known(*range(7)))
    outcomes = live(lambda: Stores().engine(site, [batched("one", 3)]).fetch(SYMBOLS))
    assert names(outcomes) == ["1", "2", "3", "4", "5", "6", "7"]
    assert site.batches == [3, 3, 1]


def test_each_symbol_of_a_batch_is_kept_by_itself() -> None:
    """What came in one batch is fresh in another; only the rest is asked for."""
    site = Batches(known(*range(7)))

    async def play() -> None:
        engine = Stores().engine(site, [batched("one", 50)])
        await engine.fetch(SYMBOLS[:4])
        assert names(await engine.fetch(SYMBOLS[2:])) == ["3", "4", "5", "6", "7"]
        assert site.batches == [4, 3]

    live(play)


def test_a_batch_is_revalidated_as_a_batch() -> None:
    """The same symbols asked again together cost one 304."""
    url = place("one") + "q?s=S0,S1"
    answer = Response(200, HTML | {"etag": '"b"'}, lines(known(0, 1)).body, url)

    def behave(request: Request) -> Response:
        same = request.headers.get("If-None-Match") == '"b"'
        return Response(304, {}, b"", url) if same else answer

    site = Site({url: behave})

    async def play() -> None:
        engine = Stores().engine(site, [batched("one", 50, ttl=1.0)])
        await engine.fetch(SYMBOLS[:2])
        for _ in range(2):
            await later(10)
            trails = await engine.explain(SYMBOLS[:2])
            assert names([trail.outcome for trail in trails]) == ["1", "2"]
            assert {trail.steps[0].how for trail in trails} == {How.REVALIDATED}
        assert len(site.asked) == 3

    live(play)


@pytest.mark.parametrize("strict", [True, False])
def test_an_unknown_symbol_spoils_no_batch(*, strict: bool) -> None:
    """A source that answers nothing for an unknown symbol is asked for halves, not for each."""
    site = Batches(known(0, 1, 2, 3, 4, 6), strict=strict)
    sources = [batched("one", 50)]
    outcomes = live(lambda: Stores().engine(site, sources).fetch(SYMBOLS))
    missing = "symbol_not_found" if strict else "layout_changed"
    assert names(outcomes) == ["1", "2", "3", "4", "5", missing, "7"]
    assert len(site.batches) <= 7


def test_a_hang_delays_nobody_else() -> None:
    """While one host hangs, another symbol goes from source to source and is done at once."""
    site = Site({place("one") + "AAA": HANG, place("two") + "BBB": TransportFailure("refused")})
    site.pages |= pages("three", {"BBB": "7"})
    sources = [declared("one", concurrency=2), declared("two")]
    sources += [declared("three", tier=Tier.KEYED)]
    outcomes = live(lambda: Stores().engine(site, sources).fetch(["AAA:XNYS", "BBB:XNYS"]))
    assert names(outcomes) == ["source_unavailable", "7"]
    assert site.at[site.asked.index(place("three") + "BBB")] == 0.0


def test_who_waits_for_a_turn_takes_what_came_meanwhile() -> None:
    """Two fetches of the same symbols at one time cost the host one request each symbol."""
    site = Site(pages("one", {"AAA": "1", "BBB": "2"}))

    async def play() -> None:
        stores = Stores()
        engines = [stores.engine(site, [declared("one", interval=5.0)]) for _ in range(3)]
        symbols = ["AAA:XNYS", "BBB:XNYS"]
        for outcomes in await asyncio.gather(*(engine.fetch(symbols) for engine in engines)):
            assert names(outcomes) == ["1", "2"]
        assert sorted(site.asked) == [place("one") + "AAA", place("one") + "BBB"]

    live(play)


def test_a_deadline_ends_every_wait() -> None:
    """After it, those without a price have an error that says so; what came before stays."""
    slow = declared("one", interval=10.0)
    site = Site(pages("one", {"AAA": "1", "BBB": "2", "CCC": "3", "DDD": "4"}))

    async def play() -> None:
        begun = clock()
        engine = Stores().engine(site, [slow])
        outcomes = await engine.fetch([f"{name * 3}:XNYS" for name in "ABCD"], deadline=25)
        assert names(outcomes) == ["1", "2", "3", "source_unavailable"]
        assert clock() - begun == timedelta(seconds=25)
        assert "took too long" in str(outcomes[3])
        assert outcomes[3].source == "one"

    live(play)


def test_a_request_that_hangs_is_an_outage() -> None:
    """It ends after the engine's patience, and the next source is asked."""
    site = Site({place("one") + "AAA": HANG} | pages("two", {"AAA": "2"}))
    engine = {"patience": 15.0}

    async def play() -> None:
        begun = clock()
        sources = [declared("one"), declared("two", tier=Tier.KEYED)]
        assert names(await Stores().engine(site, sources, **engine).fetch(["AAA:XNYS"])) == ["2"]
        assert clock() - begun == timedelta(seconds=15)

    live(play)


def test_the_trail_tells_every_step() -> None:
    """Which sources were tried and what came of it, with the alternate that fired and its text."""
    site = Site({place("one") + "AAA": page(recorded("consent.html"), place("one") + "AAA")})
    site.pages |= pages("two", {"AAA": "2.50"})
    sources = [declared("one"), declared("two", tier=Tier.KEYED)]
    wall, none = live(lambda: Stores().engine(site, sources).explain(["AAA:XNYS", "not a symbol"]))
    first, second = wall.steps
    assert (first.source, first.how, first.address) == ("one", How.FETCHED, place("one") + "AAA")
    assert isinstance(first.error, ConsentWall)
    assert (second.source, second.error) == ("two", None)
    assert second.quote is not None
    assert (second.quote.extractor, second.quote.raw) == ("anchored", "2.50")
    assert (wall.symbol, wall.outcome) == ("AAA:XNYS", second.quote)
    assert isinstance(none.outcome, SymbolNotFound)
    assert none.steps == ()


def test_a_host_that_wants_rest_is_told_as_not_asked() -> None:
    """After a 429, the next symbol's step says that nothing was sent, and until when."""
    site = Site({place("one") + "AAA": page("", status=429, retry_after="60")})

    async def play() -> None:
        engine = Stores().engine(site, [declared("one")])
        await engine.fetch(["AAA:XNYS"])
        (trail,) = await engine.explain(["BBB:XNYS"])
        assert trail.steps[0].how is How.NOT_ASKED
        assert isinstance(trail.outcome, RateLimited)
        assert trail.outcome.retry_at == clock() + timedelta(seconds=60)

    live(play)


def test_the_error_that_says_most_is_told() -> None:
    """An outage at one source is not hidden by the next one's ignorance of the symbol."""
    site = Site({place("one") + "AAA": page("", status=503)})
    sources = [declared("one"), declared("two")]
    (outcome,) = live(lambda: Stores().engine(site, sources).fetch(["AAA:XNYS"]))
    assert isinstance(outcome, SourceUnavailable)
    assert outcome.source == "one"


def keyed(**auth: str) -> Declaration:
    """Return a source that wants a key."""
    key = Auth(option="key", description="The key.", **auth)  # type: ignore[arg-type]  # texts
    return msgspec.structs.replace(batched("one", 50), auth=(key,), tier=Tier.KEYED)


@pytest.mark.parametrize("auth", [{"header": "X-Key", "prefix": "Bearer "}, {"query": "apikey"}])
def test_a_key_is_sent_and_seen_nowhere_else(auth: dict[str, str]) -> None:
    """It stands in the request alone: not in what is kept, the quote, its trail or an error."""
    secret = "s3cr3t&key"
    wants = keyed(**auth)
    seen: list[Request] = []

    async def send(request: Request) -> Response:
        seen.append(request)
        if "S1" in request.url:
            raise TransportFailure("one.example.com hung up.")
        return lines(known(0))

    async def play() -> None:
        stores = Stores()
        engine = stores.engine(send, [wants], keys={"one": {"key": Secret(secret)}})  # type: ignore[arg-type]  # any sender
        trails = await engine.explain(["S0:XNYS"]) + await engine.explain(["S1:XNYS"])
        assert names([trail.outcome for trail in trails]) == ["1", "source_unavailable"]
        kept = await stores.answers.recall(
            [kept_at(wants, trail.steps[0].address) for trail in trails]
        )
        assert len(kept) == 1
        for text in (repr(trails), repr(kept), str(trails[1].outcome), *map(repr, seen)):
            assert "s3cr3t" not in text.replace("X-Key", "")

    live(play)
    sent = seen[0]
    if "header" in auth:
        assert sent.headers["X-Key"] == f"Bearer {secret}"
    else:
        assert parse_qs(urlsplit(sent.url).query)["apikey"] == [secret]


def test_a_source_without_its_key_is_named_with_its_setting() -> None:
    """It is not asked; whoever misses it reads which setting wants a value."""
    wants = keyed(query="k")
    site = Site()
    (outcome,) = live(lambda: Stores().engine(site, [wants]).fetch(["S0:XNYS"]))
    assert isinstance(outcome, SourceDisabled)
    assert "PENSTOCK_ONE_KEY" in str(outcome.remedy)
    assert site.asked == []


class _Down:
    """A store that cannot be reached."""

    async def recall(self, _: Collection[str]) -> Mapping[str, Kept]:
        return {}

    async def keep(self, _: Sequence[Kept]) -> None:
        raise ConnectionError("the database is away")


def test_a_store_that_fails_is_told_as_it_failed() -> None:
    """What is wrong with the database comes out as it is, for whoever knows what to do about it."""

    async def play() -> None:
        site = Site(pages("one", {"ACME": "5"}))
        polite = declared("one", interval=1.0)
        engine = QuoteEngine([polite], site, clock=clock, answers=_Down())
        with pytest.raises(ConnectionError, match="away"):
            await engine.fetch(["ACME:XNYS"])

    live(play)
