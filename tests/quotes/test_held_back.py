"""A first price that could be confirmed, and was not: an error that has it, and no price."""

from datetime import timedelta
from decimal import Decimal

import msgspec
import pytest

from penstock.domain.quote import Quote, RateLimited, Unconfirmed
from penstock.domain.remedy import RemedyKind
from penstock.quotes.believing import CONFIRMED_BY
from penstock.quotes.declaration import Tier
from penstock.quotes.manners import Politeness
from penstock.quotes.quest import UNCONFIRMED
from tests.quotes.answers import page, recorded
from tests.quotes.test_first_prices import ACME, DOWN, UNKNOWN, days, quoted, source
from tests.quotes.virtual import HANG, Behaviour, Site, Stores, clock, later, live, pages, place

TROUBLE = {
    "down": DOWN,
    "hangs": HANG,
    "busy": page("", status=429),
    "out of order": page("", status=500),
    "walled": page(recorded("consent.html"), place("two") + "ACME"),
    "redesigned": page("(ACME) redesigned", place("two") + "ACME"),
    "wants a browser": page(recorded("challenge.html"), place("two") + "ACME"),
}


@pytest.mark.parametrize("first", ["one", "two"])
@pytest.mark.parametrize("trouble", TROUBLE.values(), ids=TROUBLE)
def test_a_first_price_is_held_back_while_another_source_cannot_say(
    trouble: Behaviour, first: str
) -> None:
    """Whoever of them is asked first, and also where the time is up before the other answers.

    The error has the price, who told it, and why nobody said whether it is right.
    """
    told = {"one": "5", "two": trouble}
    (outcome,) = days({first: told[first], **told}, deadline=30.0 if trouble is HANG else None)
    assert isinstance(outcome, Unconfirmed)
    assert outcome.quote is not None
    assert (outcome.source, str(outcome.quote.price), outcome.symbol) == ("one", "5", ACME)
    assert [reason.source for reason in outcome.reasons] == ["two"]
    assert "one says 5 USD" in outcome.message
    assert outcome.reasons[0].message in outcome.message
    assert "`penstock price accept ACME:XNYS 5 USD --source one`" in outcome.message


def test_it_is_told_when_to_try_again() -> None:
    """Where who could confirm it said for how long it wants to be left alone, the remedy says."""

    async def play() -> None:
        site = Site(pages("one", {"ACME": "5"}))
        site.pages[place("two") + "ACME"] = page("", status=429, retry_after="90")
        engine = Stores().engine(site, [source("one"), source("two")])
        (outcome,) = await engine.fetch([ACME])
        assert isinstance(outcome, Unconfirmed)
        assert isinstance(outcome.reasons[0], RateLimited)
        assert outcome.retry_at == clock() + timedelta(seconds=90)
        assert outcome.remedy is not None
        assert (outcome.remedy.kind, outcome.remedy.until) == (RemedyKind.WAIT, outcome.retry_at)

    live(play)


def test_what_is_held_back_is_not_believed() -> None:
    """A hundredfold that nobody confirmed leaves nothing behind: the next true price is told."""
    first, second, third = days(
        {"one": "500", "two": DOWN}, {"one": "5", "two": "5.01"}, {"one": "5.1", "two": DOWN}
    )
    assert isinstance(first, Unconfirmed)
    assert CONFIRMED_BY + "two" in quoted(second).flags
    assert (quoted(third).price, UNCONFIRMED in quoted(third).flags) == (Decimal("5.1"), False)


def test_one_of_several_that_answers_is_enough() -> None:
    """A third source confirms what the second could not; one without the symbol never can."""
    (confirmed,) = days({"one": "5", "two": DOWN, "three": "5.01"})
    assert CONFIRMED_BY + "three" in quoted(confirmed).flags
    (held,) = days({"one": "5", "two": DOWN, "three": UNKNOWN})
    assert isinstance(held, Unconfirmed)
    assert [reason.source for reason in held.reasons] == ["two"]


def test_who_may_never_be_asked_holds_nothing_back() -> None:
    """A site whose robots.txt keeps programs away will never confirm anything."""

    async def play() -> None:
        site = Site(pages("one", {"ACME": "5"}) | pages("two", {"ACME": "5"}))
        site.pages[place("two") + "robots.txt"] = page("User-agent: *\nDisallow: /\n")
        polite = msgspec.structs.replace(
            source("two"), politeness=Politeness(robots=True, interval=1.0)
        )
        (outcome,) = await Stores().engine(site, [source("one"), polite]).fetch([ACME])
        assert UNCONFIRMED in quoted(outcome).flags

    live(play)


def test_a_source_that_is_named_is_not_its_own_witness() -> None:
    """Asked alone, a source's first price is held back where another in use could confirm it."""

    async def play() -> None:
        stores, site = Stores(), Site(pages("one", {"ACME": "5"}) | pages("two", {"ACME": "5"}))
        engine = stores.engine(site, [source("one"), source("two")])
        (alone,) = await engine.fetch([ACME], source="one")
        assert isinstance(alone, Unconfirmed)
        assert "two was not asked" in alone.message
        assert not await stores.accepted.last([ACME])
        assert CONFIRMED_BY + "two" in quoted((await engine.fetch([ACME]))[0]).flags
        await later(60)
        (again,) = await engine.fetch([ACME], source="one")
        assert UNCONFIRMED not in quoted(again).flags

    live(play)


def test_who_answers_for_prices_needs_no_witness() -> None:
    """An authority and a provider with a key tell first prices whatever becomes of the others."""
    for tier in (Tier.OFFICIAL, Tier.KEYED):
        (outcome,) = days({"two": DOWN, "one": "5"}, tier=tier)
        assert isinstance(outcome, Quote)


def test_the_trail_has_what_was_held_back() -> None:
    """`--explain` shows the price as it was read, and why it was not confirmed."""

    async def play() -> None:
        site = Site(pages("one", {"ACME": "5"}) | {place("two") + "ACME": DOWN})
        (trail,) = await Stores().engine(site, [source("one"), source("two")]).explain([ACME])
        first, second = trail.steps
        assert first.quote is not None
        assert (first.source, first.quote.raw, second.source) == ("one", "5", "two")
        assert second.error is not None

    live(play)
