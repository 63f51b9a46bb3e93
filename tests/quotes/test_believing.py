"""What becomes of a price that does not go with the last one."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from penstock.domain.errors import TransportFailure
from penstock.domain.quote import (
    TRUSTED,
    Quote,
    QuoteError,
    Suspicious,
    Suspicious100x,
    SuspiciousJump,
)
from penstock.quotes.believing import CONFIRMED_BY, DISAGREES_WITH
from penstock.quotes.errand import STALE_ANSWER
from penstock.quotes.manners import Sane
from penstock.quotes.sanity import AFTER_SPLIT
from tests.quotes.answers import NOW, names, page, recorded
from tests.quotes.virtual import (
    HANG,
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
STRICT: Final = Sane(max_jump=Decimal("0.35"))


@dataclass
class Splits:
    """The splits that somebody knows of."""

    known: dict[str, list[tuple[date, Decimal]]] = field(default_factory=dict)

    async def of(
        self, instruments: Collection[str]
    ) -> Mapping[str, Sequence[tuple[date, Decimal]]]:
        return {name: self.known[name] for name in instruments if name in self.known}


Said = str | Behaviour


def after(
    *days: Mapping[str, Said], trust: bool = False, splits: Splits | None = None
) -> tuple[Quote | QuoteError, Stores]:
    """Return what ACME comes to at the last, when sources say this from one day to the next."""
    outcomes, stores = story(days, trust=trust, splits=splits)
    return outcomes[-1], stores


def story(
    days: Sequence[Mapping[str, Said]], *, trust: bool = False, splits: Splits | None = None
) -> tuple[list[Quote | QuoteError], Stores]:
    """Return what ACME comes to each day; a person trusts the last day's price, or none."""

    async def play() -> tuple[list[Quote | QuoteError], Stores]:
        stores = Stores()
        outcomes: list[Quote | QuoteError] = []
        for number, day in enumerate(days, 1):
            site = Site({place(name) + "ACME": _page(name, said) for name, said in day.items()})
            sources = [declared(name, sane=STRICT) for name in day]
            engine = stores.engine(site, sources, splits=splits)
            trusted = [ACME] if trust and number == len(days) else []
            outcomes += await engine.fetch([ACME], trust=trusted)
            await later(86_400)
        return outcomes, stores

    return live(play)


def _page(name: str, said: Said) -> Behaviour:
    if not isinstance(said, str) or said == HANG:
        return said
    price, _, unit = said.partition(" ")
    return priced("ACME", price, place(name), unit or "USD")


def believed(stores: Stores) -> Quote:
    """Return the price that is believed."""
    return asyncio.run(_last(stores))[ACME]


async def _last(stores: Stores) -> Mapping[str, Quote]:
    return await stores.accepted.last([ACME])


@pytest.mark.parametrize(
    ("new", "error"),
    [
        ("1000", Suspicious100x),
        ("0.1", Suspicious100x),
        ("10 GBP", Suspicious100x),
        ("15", SuspiciousJump),
        ("5", SuspiciousJump),
    ],
)
def test_a_doubtful_price_is_not_believed(new: str, error: type[Suspicious]) -> None:
    """It is an error that carries both prices; the next fetch is held against the old one still."""
    outcome, stores = after({"one": "10"}, {"one": new})
    assert type(outcome) is error
    assert outcome.quote is not None
    assert outcome.last is not None
    assert (outcome.symbol, outcome.source) == (ACME, "one")
    assert (outcome.quote.price, outcome.last.price) == (
        Decimal(new.split(maxsplit=1)[0]),
        Decimal(10),
    )
    assert believed(stores).price == Decimal(10)
    again, _ = after({"one": "10"}, {"one": new}, {"one": new})
    assert type(again) is error


def test_a_second_source_confirms_a_jump() -> None:
    """Two sources at different hosts that say the same are believed, and the quote says so."""
    outcome, stores = after({"one": "10"}, {"one": "20", "two": "20.10"})
    assert isinstance(outcome, Quote)
    assert (outcome.source, outcome.price) == ("one", Decimal(20))
    assert CONFIRMED_BY + "two" in outcome.flags
    assert believed(stores).price in (Decimal(20), Decimal("20.10"))
    calm, _ = after({"one": "10"}, {"one": "20", "two": "20.10"}, {"one": "21"})
    assert isinstance(calm, Quote)


def test_no_second_source_confirms_pence_as_pounds() -> None:
    """A hundredfold is believed of nobody but a person: sources err together in units."""
    outcome, _ = after({"one": "10", "two": "10"}, {"one": "1000", "two": "1000"})
    assert isinstance(outcome, Suspicious100x)


def test_a_second_source_that_goes_with_the_last_price_is_taken() -> None:
    """Its price is the answer, with a flag that another told something else."""
    for doubtful in ("1000", "20"):
        outcome, stores = after({"one": "10"}, {"one": doubtful, "two": "10.5"})
        assert isinstance(outcome, Quote)
        assert (outcome.source, outcome.price) == ("two", Decimal("10.5"))
        assert DISAGREES_WITH + "one" in outcome.flags
        assert believed(stores).flags == ("undated",)


def test_two_sources_that_jump_apart_are_both_doubted() -> None:
    """Neither is taken."""
    outcome, _ = after({"one": "10"}, {"one": "20", "two": "30"})
    assert isinstance(outcome, SuspiciousJump)
    assert outcome.source == "one"


@pytest.mark.parametrize("trouble", [TransportFailure("refused"), HANG, page("", status=429)])
def test_a_jump_stays_doubtful_while_nobody_confirms_it(trouble: Behaviour) -> None:
    """An outage of the second source is no confirmation, and hides no doubt."""
    outcome, _ = after({"one": "10"}, {"one": "20", "two": trouble})
    assert isinstance(outcome, SuspiciousJump)


@pytest.mark.parametrize("new", ["1000", "10 GBP", "20"])
def test_a_person_may_believe_it(new: str) -> None:
    """What a person trusts is believed once, flagged, and is the last price from then on."""
    outcome, stores = after({"one": "10"}, {"one": new}, trust=True)
    assert isinstance(outcome, Quote)
    assert TRUSTED in outcome.flags
    assert believed(stores).price == outcome.price
    calm, _ = after({"one": "10"}, {"one": "10.1"}, trust=True)
    assert isinstance(calm, Quote)
    assert TRUSTED not in calm.flags


def test_a_known_split_is_no_jump() -> None:
    """A quarter of the price after four shares for one is taken, and flagged."""
    splits = Splits({ACME: [((NOW + timedelta(days=1)).date(), Decimal(4))]})
    outcome, _ = after({"one": "10"}, {"one": "2.5"}, splits=splits)
    assert isinstance(outcome, Quote)
    assert AFTER_SPLIT in outcome.flags


def test_a_doubtful_price_in_a_batch_spoils_no_other() -> None:
    """It is an error in its place, and is not kept as fresh."""
    site = Site({place("one") + "q?s=AA,BB": lines({"AA": "10", "BB": "20"})})

    async def play() -> None:
        stores = Stores()
        engine = stores.engine(site, [batched("one", 9)])
        await engine.fetch(["AA:XNYS", "BB:XNYS"])
        site.pages[place("one") + "q?s=AA,BB"] = lines({"AA": "1000", "BB": "21"})
        await later(100)
        outcomes = await engine.fetch(["AA:XNYS", "BB:XNYS"])
        assert names(outcomes) == ["suspicious100x", "21"]
        site.pages[place("one") + "q?s=AA"] = lines({"AA": "10.2"})
        assert names(await engine.fetch(["AA:XNYS", "BB:XNYS"])) == ["10.2", "21"]

    live(play)


def test_a_symbol_asked_in_two_ways_is_judged_alike() -> None:
    """Both are the same instrument: one request, one judgement each, one price believed."""
    site = Site({place("one") + "ACME": priced("ACME", "10", place("one"))})

    async def play() -> None:
        engine = Stores().engine(site, [declared("one")])
        outcomes = await engine.fetch(["ACME:XNYS", "NYSE:ACME"])
        assert names(outcomes) == ["10", "10"]
        assert [outcome.symbol for outcome in outcomes] == ["ACME:XNYS", "NYSE:ACME"]
        assert len(site.asked) == 1

    live(play)


STORY: Final = st.lists(
    st.tuples(
        st.sampled_from(["true", "x100", "/100", "wall", "other", "jump"]),
        st.sampled_from(["true", "x100", "/100", "wall", "jump", "down"]),
        st.decimals(Decimal("0.9"), Decimal("1.1"), places=2),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=50)
@given(told=STORY, start=st.decimals(Decimal(1), Decimal(5000), places=2))
def test_no_error_of_a_source_is_ever_told_as_a_price(
    told: list[tuple[str, str, Decimal]], start: Decimal
) -> None:
    """Whatever two sources get wrong from day to day, a quote is the true price.

    The first price is right; after that come hundredfolds, walls, other pages and lonely jumps. An
    answer kept from before is the true price of its day, and says that it is old.
    """
    truth = start
    days: list[Mapping[str, Said]] = [{"one": str(start), "two": str(start)}]
    prices = [start]
    for first, second, drift in told:
        truth = truth * drift
        days.append({"one": _said(first, truth, 3), "two": _said(second, truth, 5)})
        prices.append(truth)
    outcomes, _ = story(days)
    for number, (outcome, price) in enumerate(zip(outcomes, prices, strict=True)):
        if isinstance(outcome, Quote):
            old = STALE_ANSWER in outcome.flags
            assert outcome.price in prices[:number] if old else outcome.price == price
        else:
            assert outcome.symbol == ACME
            assert outcome.remedy is not None


def _said(what: str, truth: Decimal, leap: int) -> Said:
    said: dict[str, Said] = {
        "true": f"{truth:f}",
        "x100": f"{truth * 100:f}",
        "/100": f"{truth / 100:f}",
        "wall": page(recorded("consent.html")),
        "other": priced("OTHR", "7", place("one")),
        "jump": f"{truth * leap:f}",
        "down": TransportFailure("refused"),
    }
    return said[what]
