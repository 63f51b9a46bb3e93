"""What was bought in the past is priced on every day since, and no site is asked twice for that."""

import asyncio
from collections.abc import Iterator
from datetime import date, timedelta
from decimal import Decimal

import pytest

from penstock.db import price_history, prices, securities
from penstock.db.connect import open_database
from penstock.db.holding_versions import holding_versions
from penstock.db.price_history import Asked
from penstock.db.users import users
from penstock.domain.quote import Quote
from penstock.domain.request import Response
from penstock.domain.security_event import Ratio
from penstock.engine import security_acts
from penstock.engine.price_history import EVERY, IDLE, LEASE
from penstock.engine.securities import Book
from tests.databases import Database as Made
from tests.engine.street import Street, held, quoted, restate
from tests.engine.yesterdays import Site, backfiller, follow, slow

SAP = "SAP:XETR"
BY_HAND = {
    10: "4000.00",  # 10 at 400
    11: "4040.00",  # at 404
    12: "4040.00",  # a holiday
    13: "4080.00",  # at 408
    14: "4080.00",  # a week-end
    15: "4080.00",
    16: "4120.00",  # at 412
    17: "4020.00",  # 40 at 100.50
    18: "4000.00",  # at 100
    19: "4040.00",  # at 101, as it was seen that evening
}


@pytest.fixture
def street(database: Made) -> Iterator[Street]:
    """Ten shares since the 10th; four for one on the 17th; the first price of ours on the 19th."""
    opened = open_database(database.url)
    one = Street(opened)
    one.balance(9, "0.00")
    holding = held(one, "10", 10)
    restate(one, holding, "40", 17)
    quoted(one, 19, "101")
    follow(one)
    yield one
    opened.close()


def stored(street: Street) -> dict[int, str]:
    """Return the last price of each day of November."""
    span = date(2026, 11, 1), date(2026, 11, 30)
    found = street.database.read_now(prices.between, [SAP], *span)
    return {one.as_of.day: f"{one.price.normalize():f}" for one in found}


def believed(street: Street, day: int) -> Quote:
    """Return the price of a day of November."""
    return street.database.read_now(prices.at, [SAP], date(2026, 11, day))[SAP]


def test_a_portfolio_from_before_a_split_has_the_right_worth_of_each_day(street: Street) -> None:
    """By hand. What was worked out before these prices came is worked out again."""
    before = street.series(10, 18)
    assert [one.reason for day in before for one in day.missing] == ["no_price"] * 9
    street.later(minutes=2)
    site = Site()
    worker = backfiller(street, site)
    assert asyncio.run(worker.tick()) == 1
    assert street.totals(10, 19) == BY_HAND
    close = believed(street, 11)
    assert (close.source, close.price, close.flags) == ("yahoo", Decimal(404), ("history",))
    assert len(site.asked) == 1


def test_what_was_seen_that_day_stays(street: Street) -> None:
    """The chart says 7 of the 19th and 8 of today: one is known better, the other is not over."""
    asyncio.run(backfiller(street, Site()).tick())
    assert stored(street) == {
        9: "396",
        10: "400",
        11: "404",
        13: "408",
        16: "412",
        17: "100.5",
        18: "100",
        19: "101",
    }
    assert believed(street, 19).source == "table"


def test_nobody_is_asked_twice(street: Street) -> None:
    """Not by another process, not on the next day, and not for the holiday that has no close."""
    site = Site()
    worker = backfiller(street, site)
    assert asyncio.run(worker.tick()) == 1
    assert [asyncio.run(one.tick()) for one in (worker, backfiller(street, site))] == [0, 0]
    street.later(seconds=(EVERY + IDLE).total_seconds())
    quoted(street, 20, "102")
    assert asyncio.run(worker.tick()) == 1
    assert len(site.asked) == 1


def test_a_day_that_was_missed_is_asked_for_alone(street: Street) -> None:
    """It is filled in later, and nothing else is. The days before it show that it is known."""
    site = Site()
    worker = backfiller(street, site, slow(500))
    asyncio.run(worker.tick())
    assert site.spans == [("23", "19")]
    street.later(days=4)
    asyncio.run(worker.tick())
    assert site.spans[1:] == [("06", "24")]


def test_a_close_that_is_told_late_is_asked_for_again(street: Street) -> None:
    """For two days more; what nobody told by then is a holiday."""
    site = Site()
    worker = backfiller(street, site, slow(500))
    asyncio.run(worker.tick())
    for _ in range(6):
        street.later(days=1, minutes=2)
        asyncio.run(worker.tick())
    asked = [end for _, end in site.spans]
    assert asked == ["19", "21", "21", "21", "24", "25", "26"]
    known = street.database.read_now(price_history.find, SAP)
    assert known.through == date(2026, 11, 23)


def test_whoever_is_killed_is_followed_by_another(street: Street) -> None:
    """Who goes on where the other was, and not before it is sure that nobody does."""
    site = Site()
    pieces = slow(4)

    async def killed() -> None:
        await backfiller(street, site, pieces).tick()

    site.dies_at = 2
    with pytest.raises(asyncio.CancelledError):
        asyncio.run(killed())
    first = list(site.spans)
    other = backfiller(street, site, pieces)
    assert asyncio.run(other.tick()) == 0
    street.later(seconds=(LEASE + IDLE).total_seconds())
    assert asyncio.run(other.tick()) == 1
    assert first == [("15", "19"), ("10", "14")]
    assert site.spans[2:] == [("10", "14"), ("06", "10")]
    assert sorted(stored(street)) == [17, 18, 19]
    asked = street.database.read_now(price_history.find, SAP)
    assert (asked.since, asked.through) == (date(2026, 11, 6), date(2026, 11, 19))


def test_a_spent_quota_holds_until_it_ends(street: Street) -> None:
    """What came before it is stored; nobody asks again before the next day."""
    site = Site()
    worker = backfiller(street, site, slow(4, daily=1))
    asyncio.run(worker.tick())
    known = street.database.read_now(price_history.find, SAP)
    assert (known.last_code, len(site.asked)) == ("quota_spent", 1)
    street.later(hours=6)
    assert asyncio.run(worker.tick()) == 0
    street.later(hours=7)
    assert asyncio.run(worker.tick()) == 1
    assert len(site.asked) == 2


def test_raw_closes_from_before_a_split_that_nobody_knows_are_doubted(street: Street) -> None:
    """Twelve Data tells no splits: those behind the split are stored, those before it are told."""
    site = Site()
    done = asyncio.run(backfiller(street, site, slow(500)).fetch(SAP))
    assert (done.stored, done.doubted, done.error) == (2, 5, None)
    assert sorted(stored(street)) == [17, 18, 19]


def test_closes_that_were_doubted_are_asked_for_once_a_split_explains_them(
    street: Street,
) -> None:
    """As soon as an admin notes it."""
    site = Site()
    worker = backfiller(street, site, slow(500))
    asyncio.run(worker.tick())
    assert sorted(stored(street)) == [17, 18, 19]
    street.write(users.update().values(role="admin"))
    number = street.database.read_now(securities.of_owner, owner_id=street.owner)[0].id
    book, day = Book(street.owner, street.clock.now), date(2026, 11, 17)
    street.database.write_now(security_acts.split, book, number, Ratio(4, 1), day)
    street.later(minutes=2)
    asyncio.run(worker.tick())
    assert sorted(stored(street)) == [9, 10, 11, 13, 16, 17, 18, 19]


def test_what_is_known_of_older_days_does_not_keep_newer_ones_from_being_known() -> None:
    """Else they would be asked for day after day where nobody tells those between."""
    old = Asked(date(2026, 1, 5), date(2026, 3, 2), failures=1)
    newer = old.and_also(date(2026, 11, 2), date(2026, 11, 19))
    assert (newer.since, newer.through) == (date(2026, 11, 2), date(2026, 11, 19))
    assert newer.and_also(date(2026, 11, 20), date(2026, 11, 19)) == newer
    whole = newer.and_also(date(2026, 2, 2), date(2026, 11, 19))
    assert (whole.since, whole.through) == (date(2026, 2, 2), date(2026, 11, 19))


def test_a_position_from_before_there_were_prices_is_asked_for_since_then(street: Street) -> None:
    """Some programs say 1 January of the year 1 where they do not know the day."""
    street.write(holding_versions.update().values(day=date.min))
    done = asyncio.run(backfiller(street, Site()).fetch(SAP))
    assert (done.first, done.error, done.stored) == (date(1969, 12, 28), None, 7)


def test_who_asks_learns_nothing_of_what_others_hold(street: Street) -> None:
    """Their days begin where they held it themselves."""
    stranger = street.books.person()
    asked = backfiller(street, Site()).fetch(SAP, owner_id=stranger)
    assert asyncio.run(asked).first == date(2026, 11, 19)


def test_who_asks_again_is_asked_for_what_is_still_missing(street: Street) -> None:
    """Also further back than it is held, and for days that nobody had before."""
    site = Site()
    worker = backfiller(street, site)
    asyncio.run(worker.tick())
    done = asyncio.run(worker.fetch(SAP, date(2026, 11, 2)))
    assert (done.first, done.missing, done.stored) == (date(2026, 11, 2), 6, 0)
    assert len(site.asked) == 2


def test_what_was_never_priced_is_not_guessed(street: Street) -> None:
    """Its past could be in any unit: there has to be a price that it is held against."""
    done = asyncio.run(backfiller(street, Site()).fetch("XYZ:XETR"))
    assert done.error is not None
    assert "penstock quote XYZ:XETR" in (done.error.remedy.text if done.error.remedy else "")


def test_an_answer_that_is_none_is_tried_again_later(street: Street) -> None:
    """A wall stores nothing; the reason is kept, and the wait grows."""
    site = Site(answers=[Response(200, {"content-type": "text/html"}, b"<p>")])
    worker = backfiller(street, site)
    asyncio.run(worker.tick())
    known = street.database.read_now(price_history.find, SAP)
    assert (known.last_code, known.failures, known.since) == ("layout_changed", 1, None)
    street.later(seconds=timedelta(hours=3).total_seconds())
    asyncio.run(worker.tick())
    assert street.database.read_now(price_history.find, SAP).failures == 0
