"""The first price of all: there is none before it, so another source has to be asked."""

from collections.abc import Mapping
from decimal import Decimal

import msgspec
import pytest

from penstock.domain.errors import TransportFailure
from penstock.domain.quote import Quote, QuoteError, Suspicious, Suspicious100x
from penstock.domain.request import Request, Response
from penstock.domain.trail import How
from penstock.quotes.believing import CONFIRMED_BY, DISAGREES_WITH
from penstock.quotes.declaration import Declaration, Tier
from penstock.quotes.errand import STALE_ANSWER
from penstock.quotes.quest import UNCONFIRMED
from tests.quotes.answers import HTML, page
from tests.quotes.virtual import HANG, Behaviour, Site, Stores, declared, later, live, place, priced

ACME = "ACME:XNYS"
DOWN = TransportFailure("refused")
UNKNOWN = page("", status=404)


def source(name: str, tier: Tier = Tier.SCRAPE) -> Declaration:
    """Return a source for whose prices nobody answers."""
    return msgspec.structs.replace(declared(name, ttl=1.0), tier=tier)


def days(
    *told: Mapping[str, str | Behaviour], tier: Tier = Tier.SCRAPE, deadline: float | None = None
) -> list[Quote | QuoteError]:
    """Return what ACME comes to, day by day, when sources tell this: `5 GBX`, or some trouble."""

    async def play() -> list[Quote | QuoteError]:
        stores, outcomes = Stores(), []
        sources = [source(name, tier) for name in told[0]]
        for day in told:
            site = Site({place(name) + "ACME": _said(name, said) for name, said in day.items()})
            outcomes += await stores.engine(site, sources).fetch([ACME], deadline=deadline)
            await later(3600)
        return outcomes

    return live(play)


def _said(name: str, said: str | Behaviour) -> Behaviour:
    if not isinstance(said, str) or said == HANG:
        return said
    price, _, unit = said.partition(" ")
    return priced("ACME", price, place(name), unit or "USD", etag=f'"{said}"')


def quoted(outcome: Quote | QuoteError) -> Quote:
    """Return what must be a quote."""
    assert isinstance(outcome, Quote), outcome
    return outcome


def test_a_first_price_is_confirmed_by_a_second_source() -> None:
    """Both are asked the first time, and the first of them alone from then on."""
    first, second = days({"one": "5", "two": "5.02"}, {"one": "5.1", "two": "7"})
    assert quoted(first).price == Decimal(5)
    assert CONFIRMED_BY + "two" in quoted(first).flags
    assert quoted(second).price == Decimal("5.1")
    assert not {UNCONFIRMED, DISAGREES_WITH + "two"} & {*quoted(second).flags}


@pytest.mark.parametrize("other", ["500", "0.05", "5 EUR", "12"])
def test_two_first_prices_apart_are_both_doubted(other: str) -> None:
    """A hundredfold, another currency, something else: which is right, nobody can tell."""
    (outcome,) = days({"one": other, "two": "5"})
    assert isinstance(outcome, Suspicious)


@pytest.mark.parametrize(
    ("told", "price", "by", "against"),
    [
        (("500", "5", "5.01"), "5", "three", "one"),
        (("5", "500", "5.01"), "5", "three", "two"),
        (("5", "5.01", "500"), "5", "two", None),
    ],
)
def test_two_of_three_are_believed(
    told: tuple[str, ...], price: str, by: str, against: str | None
) -> None:
    """The third source decides, and the quote names the one that said otherwise."""
    (outcome,) = days(dict(zip(("one", "two", "three"), told, strict=True)))
    assert quoted(outcome).price == Decimal(price)
    assert CONFIRMED_BY + by in quoted(outcome).flags
    assert (against is None) or DISAGREES_WITH + against in quoted(outcome).flags


@pytest.mark.parametrize("other", [{}, {"two": UNKNOWN}], ids=["one source", "unknown to it"])
def test_a_first_price_that_nobody_can_confirm_says_so(other: Mapping[str, Behaviour]) -> None:
    """Where no other source in use has the symbol, its price is told, as unconfirmed."""
    (outcome,) = days({"one": "5", **other})
    assert quoted(outcome).price == Decimal(5)
    assert UNCONFIRMED in quoted(outcome).flags


def test_a_wrong_first_price_is_outvoted() -> None:
    """Pence as pounds are unconfirmed on the first day, and gone on the second: two say so."""
    first, second, third = days(
        {"one": "500", "two": UNKNOWN}, {"one": "5", "two": "5.01"}, {"one": "5.02", "two": DOWN}
    )
    assert UNCONFIRMED in quoted(first).flags
    assert quoted(second).price == Decimal(5)
    assert CONFIRMED_BY + "two" in quoted(second).flags
    assert quoted(third).price == Decimal("5.02")
    assert UNCONFIRMED not in quoted(third).flags


def test_one_source_alone_does_not_outvote_itself() -> None:
    """A source that says a hundredth the next day is doubted, whichever day it was wrong on."""
    _, second = days({"one": "500", "two": UNKNOWN}, {"one": "5", "two": DOWN})
    assert isinstance(second, Suspicious100x)


def test_an_unconfirmed_price_stays_so() -> None:
    """The same source saying it again is no confirmation; another one that goes with it is."""
    first, second, third = days(
        {"one": "5", "two": UNKNOWN}, {"one": "5.1", "two": DOWN}, {"one": DOWN, "two": "5.1"}
    )
    assert UNCONFIRMED in quoted(first).flags
    assert UNCONFIRMED in quoted(second).flags
    assert UNCONFIRMED not in quoted(third).flags


def test_another_source_is_asked_again_each_day_until_one_confirms() -> None:
    """An unconfirmed price is not asked of two sources each time, but on the next day it is."""
    same: Mapping[str, str | Behaviour] = {"one": "5", "two": UNKNOWN}
    *_, last = days(same, *[{"one": "5", "two": "5.01"}] * 13)
    early = days(same, *[{"one": "5", "two": "5.01"}] * 11)
    assert UNCONFIRMED in quoted(early[-1]).flags
    assert UNCONFIRMED not in quoted(last).flags


@pytest.mark.parametrize(("tier", "flagged"), [(Tier.OFFICIAL, False), (Tier.KEYED, True)])
def test_who_answers_for_prices_is_asked_alone(tier: Tier, *, flagged: bool) -> None:
    """An authority needs no confirmation; a provider with a key is flagged."""
    (outcome,) = days({"one": "5", "two": "500"}, tier=tier)
    assert quoted(outcome).price == Decimal(5)
    assert (UNCONFIRMED in quoted(outcome).flags) is flagged


def test_a_304_does_not_bring_back_what_was_outvoted() -> None:
    """A kept price that others contradict since is doubted, though its source says it holds."""

    def frozen(request: Request) -> Response:
        page = priced("ACME", "500", place("one"), etag='"old"')
        same = request.headers.get("If-None-Match") == '"old"'
        return Response(304, HTML, b"", page.url) if same else page

    outcomes = days(
        {"one": frozen, "two": UNKNOWN, "three": UNKNOWN},
        {"one": DOWN, "two": "5", "three": "5.01"},
        {"one": frozen, "two": DOWN, "three": DOWN},
        {"one": DOWN, "two": DOWN, "three": DOWN},
    )
    assert [isinstance(one, Quote) for one in outcomes] == [True, True, False, True]
    assert isinstance(outcomes[2], Suspicious100x)
    assert (quoted(outcomes[3]).price, quoted(outcomes[3]).source) == (Decimal(5), "two")
    assert STALE_ANSWER in quoted(outcomes[3]).flags


def test_a_304_about_another_answer_is_none() -> None:
    """The tag in it is not that of what we have: the whole answer is asked for, and read."""
    new = priced("ACME", "6", place("one"), etag='"new"')

    def muddled(request: Request) -> Response:
        conditional = "If-None-Match" in request.headers
        return Response(304, {"etag": '"new"'}, b"", new.url) if conditional else new

    async def play() -> None:
        stores = Stores()
        site = Site({place("one") + "ACME": _said("one", "5")})
        engine = stores.engine(site, [source("one")])
        await engine.fetch([ACME])
        await later(60)
        site.pages[place("one") + "ACME"] = muddled
        (trail,) = await engine.explain([ACME])
        assert quoted(trail.outcome).price == Decimal(6)
        assert [step.how for step in trail.steps] == [How.FETCHED]

    live(play)
