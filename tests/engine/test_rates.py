"""Reference rates kept without a gap: which document is asked, what is stored, what is not."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest

from penstock.db import rates
from penstock.db.connect import open_database
from penstock.domain.errors import TransportFailure
from penstock.domain.quote import LayoutChanged, QuotaSpent, RateLimited, SourceUnavailable
from penstock.domain.rate import Stated
from penstock.domain.request import Response
from penstock.domain.target import is_open
from penstock.engine.rates import RateKeeper, Refreshed
from penstock.quotes.reference_rates import (
    DAILY,
    EUROPEAN_CENTRAL_BANK,
    LAST_90_DAYS,
    SINCE_1999,
)
from tests.databases import Database
from tests.engine.central_bank import DAYS, EVENING, FRIDAY, Kept, OpenGate, World
from tests.quotes.history import CODES, document, history, rates_of


@pytest.fixture
def kept(database: Database) -> Iterator[Kept]:
    """Return a keeper over a fresh database, with nothing kept."""
    lanes, world = open_database(database.url), World()
    yield Kept(
        world,
        lanes,
        RateKeeper(lanes, EUROPEAN_CENTRAL_BANK, world.send, OpenGate(world), world.clock),
    )
    lanes.close()


def test_the_first_look_fetches_all_of_history(kept: Kept) -> None:
    """An installation without rates asks for all there are, once; the next are Monday's."""
    assert kept.due() == EVENING
    found = kept.refresh()
    assert found == Refreshed("since-1999", DAYS * len(CODES), FRIDAY)
    assert kept.world.asked == [SINCE_1999]
    assert len(kept.days()) == DAYS
    assert kept.due() == datetime(2026, 11, 23, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    ("later", "asked"),
    [
        (0, [DAILY]),
        (1, [DAILY]),
        (2, [DAILY]),
        (3, [DAILY]),
        (4, [LAST_90_DAYS]),
        (30, [LAST_90_DAYS]),
        (80, [LAST_90_DAYS]),
        (300, [SINCE_1999]),
    ],
)
def test_the_gap_decides_which_document_is_asked(kept: Kept, later: int, asked: list[str]) -> None:
    """One missing day is in the daily document, some weeks in the next; afterwards none is missing.

    A weekend is no gap.
    """
    kept.refresh()
    day = FRIDAY + timedelta(days=later)
    while day.weekday() > 4:
        day -= timedelta(1)
    kept.pass_to(day)
    kept.world.now += timedelta(days=later) - (day - FRIDAY)
    found = kept.refresh()
    assert kept.world.asked == asked
    assert found.through == day
    stored = kept.days()
    between = range(min(stored).toordinal(), day.toordinal() + 1)
    assert stored == [one for one in map(date.fromordinal, between) if is_open(one)]


def test_a_document_that_does_not_close_the_gap_is_followed_by_a_larger_one(kept: Kept) -> None:
    """Where the bank published on a day on which we expected none, nothing is skipped."""
    kept.refresh()
    kept.pass_to(FRIDAY + timedelta(days=4))
    kept.world.now -= timedelta(days=1)
    kept.refresh()
    assert kept.world.asked == [DAILY, LAST_90_DAYS]
    assert kept.days()[-3:] == [FRIDAY, FRIDAY + timedelta(3), FRIDAY + timedelta(4)]


def test_what_is_unchanged_is_not_read_again(kept: Kept) -> None:
    """A document is asked for with its ETag; 304 brings nothing, and is asked again later."""
    kept.refresh()
    monday = FRIDAY + timedelta(days=3)
    kept.pass_to(monday)
    kept.refresh()
    kept.world.now += timedelta(hours=1)
    assert kept.refresh() == Refreshed(through=monday)
    assert kept.world.heard == [200, 200, 304]
    kept.world.now += timedelta(days=1)
    due = kept.due()
    assert due < kept.world.now
    kept.refresh()
    assert kept.due() > kept.world.now


def test_what_differs_from_what_was_is_told_and_not_taken(kept: Kept) -> None:
    """The bank says something else of a past day: the look tells of it, the rate stays."""
    kept.refresh()
    changed = rates_of(FRIDAY) | {"USD": "1.9"}
    monday = FRIDAY + timedelta(days=3)
    kept.pass_to(monday)
    kept.world.bodies[DAILY] = document({str(FRIDAY): changed})
    found = kept.refresh()
    assert [(one.currency, one.said) for one in found.differences] == [("USD", Decimal("1.9"))]
    of_friday = kept.lanes.read_now(rates.of_day, FRIDAY, source="ecb")
    assert of_friday["USD"] == Stated(FRIDAY, "USD", Decimal(rates_of(FRIDAY)["USD"]))
    assert found.through == FRIDAY


@pytest.mark.parametrize(
    "body",
    [
        b"<html>Sorry</html>",
        history(FRIDAY, days=50)[:-30],
        document({"2026-11-23": {"USD": "1.1"}, "2026-11-20": {"USD": "NaN"}}),
        document({"2026-12-23": {"USD": "1.1"}}),
        document({"2026-11-23": rates_of(FRIDAY) | {"USD": "110.5"}}),
        document({"2026-11-23": {"USD": "1.1"}, "2026-11-20": {"USD": "0.011"}}),
        b"",
    ],
    ids=["page", "cut", "NaN", "to come", "jump since yesterday", "jump within", "empty"],
)
def test_of_what_is_no_table_nothing_is_stored(kept: Kept, body: bytes) -> None:
    """A broken, future or impossible table is refused whole; the next look is a while later."""
    kept.refresh()
    before = kept.days()
    kept.pass_to(FRIDAY + timedelta(days=3))
    kept.world.bodies = {DAILY: body, LAST_90_DAYS: body, SINCE_1999: body}
    with pytest.raises(LayoutChanged):
        kept.refresh()
    assert kept.days() == before
    assert kept.due() > kept.world.now
    kept.world.bodies.clear()
    assert kept.refresh().through == FRIDAY + timedelta(days=3)


@pytest.mark.parametrize(
    ("instead", "error", "heard"),
    [
        (TransportFailure("the line is cut"), SourceUnavailable, None),
        (Response(500, {}, b"oops"), SourceUnavailable, 500),
        (Response(302, {"location": "https://example.org"}, b""), SourceUnavailable, 302),
        (Response(429, {"retry-after": "120"}, b""), RateLimited, 429),
    ],
)
def test_what_goes_wrong_is_told_and_tried_later(
    kept: Kept, instead: Response | Exception, error: type[Exception], heard: int | None
) -> None:
    """No answer, or another than the document: a typed error, and no hammering."""
    kept.world.instead = instead
    with pytest.raises(error) as caught:
        kept.refresh()
    assert kept.world.heard == [heard]
    assert kept.due() == EVENING + timedelta(minutes=15)
    if isinstance(caught.value, RateLimited):
        assert caught.value.retry_at == EVENING + timedelta(seconds=120)


def test_where_the_gate_is_shut_nobody_is_asked(kept: Kept) -> None:
    """Who may not ask now does not, and nothing is written down as asked."""
    kept.world.shut = QuotaSpent()
    with pytest.raises(QuotaSpent):
        kept.refresh()
    assert kept.world.asked == []
    assert kept.due() == EVENING


def test_the_gate_is_told_whom_we_visit(kept: Kept) -> None:
    """Every request is one visit to the bank's host, gently."""
    kept.refresh()
    (visit,) = kept.world.visits
    assert (visit.source, visit.host) == ("ecb", "www.ecb.europa.eu")
    assert visit.interval >= timedelta(seconds=1)


def test_what_was_stopped_half_way_begins_again(kept: Kept) -> None:
    """Some pieces of the history are there, and it was never said that all are: all is asked."""
    some = [Stated(FRIDAY, code, Decimal(rate)) for code, rate in rates_of(FRIDAY).items()]
    kept.lanes.write_now(rates.store, some, source="ecb", now=EVENING)
    found = kept.refresh()
    assert kept.world.asked == [SINCE_1999]
    assert found.added == (DAYS - 1) * len(CODES)
    assert len(kept.days()) == DAYS


def test_two_looks_at_once_ask_once_each_in_turn(kept: Kept) -> None:
    """A look waits for the one that is under way, and then finds nothing new."""

    async def both() -> tuple[Refreshed, Refreshed]:
        return await asyncio.gather(kept.keeper.refresh(), kept.keeper.refresh())

    one, other = asyncio.run(both())
    assert (one.added, other.added) == (DAYS * len(CODES), 0)
