"""What was kept is nobody else's answer, and no longer one where more is known by now."""

from dataclasses import replace
from decimal import Decimal
from typing import Final

import msgspec

from penstock.domain.errors import TransportFailure
from penstock.domain.quote import TRUSTED, Quote, QuoteError
from penstock.domain.request import Request, Response
from penstock.domain.trail import How
from penstock.quotes.declaration import Declaration, Unit
from tests.quotes.answers import HTML, names
from tests.quotes.virtual import (
    Behaviour,
    Site,
    Stores,
    batched,
    declared,
    later,
    lines,
    live,
    place,
    priced,
)

ACME: Final = "ACME:XNYS"
AT: Final = place("one") + "ACME"


def unless_same(answer: Response) -> Behaviour:
    """Return a page that says 304 to whoever has it."""

    def behave(request: Request) -> Response:
        same = request.headers.get("If-None-Match") == answer.headers["etag"]
        return Response(304, {}, b"", request.url) if same else answer

    return behave


def pence(declaration: Declaration, scale: str) -> Declaration:
    """Return the declaration with pence that are worth so much."""
    return msgspec.structs.replace(declaration, units={"GBX": Unit(currency="GBP", scale=scale)})


def amount(outcome: Quote | QuoteError) -> tuple[str, Decimal]:
    """Return whose price it is, and of how much."""
    assert isinstance(outcome, Quote), outcome
    return outcome.source, outcome.amount


def test_two_sources_at_one_address_have_answers_of_their_own() -> None:
    """What one read at an address is not what the other reads there, fresh or not."""
    tagged = priced("ACME", "402.5", place("one"), "GBX", etag='"a"')
    site = Site({AT: unless_same(tagged)})
    one = pence(declared("one"), "0.01")
    other = msgspec.structs.replace(pence(one, "0.1"), id="other")

    async def play() -> None:
        stores = Stores()
        assert amount(*await stores.engine(site, [one]).fetch([ACME])) == ("one", Decimal("4.025"))
        again = await Stores(answers=stores.answers).engine(site, [other]).fetch([ACME])
        assert amount(*again) == ("other", Decimal("40.25"))
        await later(3600)
        again = await Stores(answers=stores.answers).engine(site, [one]).fetch([ACME])
        assert amount(*again) == ("one", Decimal("4.025"))

    live(play)


def test_a_mended_declaration_reads_its_answers_anew() -> None:
    """What a declaration read before somebody mended it is not told, and not revalidated."""
    site = Site({AT: unless_same(priced("ACME", "402.5", place("one"), "GBX", etag='"a"'))})

    async def play() -> None:
        stores = Stores()
        await stores.engine(site, [pence(declared("one"), "0.1")]).fetch([ACME])
        mended = Stores(answers=stores.answers).engine(site, [pence(declared("one"), "0.01")])
        assert amount(*await mended.fetch([ACME])) == ("one", Decimal("4.025"))

    live(play)


def test_a_kept_price_that_was_corrected_is_told_no_more() -> None:
    """Fresh, revalidated or of an outage: it has to go with the last price, as new ones have."""
    site = Site({AT: unless_same(priced("ACME", "40250", place("one"), etag='"a"'))})

    async def play() -> None:
        stores = Stores()
        engine = stores.engine(site, [declared("one", ttl=60.0)])
        (wrong,) = await engine.fetch([ACME])
        assert isinstance(wrong, Quote)
        right = wrong._replace(price=Decimal("402.5"), source="two", flags=(TRUSTED,))
        await stores.accepted.accept([right])
        (trail,) = await engine.explain([ACME])
        assert names([trail.outcome]) == ["suspicious100x"]
        assert [step.how for step in trail.steps] == [How.REVALIDATED]
        await later(100)
        assert names(await engine.fetch([ACME])) == ["suspicious100x"]
        site.pages[AT] = TransportFailure("down")
        assert names(await engine.fetch([ACME])) == ["source_unavailable"]
        site.pages[AT] = priced("ACME", "403", place("one"))
        assert names(await engine.fetch([ACME])) == ["403"]

    live(play)


def test_a_batch_that_still_holds_is_fresh_again() -> None:
    """After a 304 for many symbols, each of them is fresh for as long as after a whole answer."""
    address = place("one") + "q?s=A,B"
    answer = replace(lines({"A": "1", "B": "2"}), headers=HTML | {"etag": '"a"'})
    site = Site({address: unless_same(answer)})
    symbols = ["A:XNYS", "B:XNYS"]

    async def play() -> None:
        engine = Stores().engine(site, [batched("one", 10, ttl=60.0)])
        await engine.fetch(symbols)
        await later(61)
        assert names(await engine.fetch(symbols)) == ["1", "2"]
        await later(30)
        assert names(await engine.fetch(symbols)) == ["1", "2"]
        assert names(await engine.fetch(symbols[:1])) == ["1"]
        assert len(site.asked) == 2
        assert "If-None-Match" in site.requests[1].headers

    live(play)
