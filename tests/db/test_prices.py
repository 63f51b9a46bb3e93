"""Prices that were believed: added once, never rewritten, and found by the day."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from penstock.db import prices
from penstock.db.connect import open_database
from penstock.db.lane import Database as Lanes
from penstock.domain.quote import TRUSTED, Basis, Quote
from tests.databases import Database

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.fixture
def lanes(database: Database) -> Iterator[Lanes]:
    """Open the test's database."""
    opened = open_database(database.url)
    yield opened
    opened.close()


def price(instrument: str, as_of: datetime, text: str = "402.50", **said: Any) -> Quote:
    """Return a price in pence."""
    known: dict[str, Any] = {
        "symbol": instrument,
        "price": Decimal(text),
        "currency": "GBP",
        "quoted_unit": "GBX",
        "as_of": as_of,
        "fetched_at": as_of + timedelta(minutes=15),
        "source": "boerse",
        "extractor": "json",
        "raw": f"{text}p",
        "scale": Decimal("0.01"),
        "instrument": instrument,
    }
    return Quote(**(known | said))


def accept(lanes: Lanes, *quotes: Quote) -> int:
    """Add prices."""
    return lanes.write_now(prices.accept, quotes, now=NOON)


def test_what_was_believed_comes_back_as_it_was(lanes: Lanes) -> None:
    """A price comes back with every field, and with the very digits that the source wrote."""
    told = price(
        "OCDO:XLON",
        NOON,
        "402.500",
        basis=Basis.PERCENT_OF_PAR,
        venue="XLON",
        delay=timedelta(minutes=15),
        flags=("moved_much", "closed"),
    )
    assert accept(lanes, told) == 1
    found = lanes.read_now(prices.last, ["OCDO:XLON", "SAP:XETR"])
    assert found == {"OCDO:XLON": told}
    assert str(found["OCDO:XLON"].price) == "402.500"


def test_what_is_there_is_never_written_again(lanes: Lanes) -> None:
    """The same source's price of the same instant stands as it was first told."""
    assert accept(lanes, price("SAP:XETR", NOON, "180.2")) == 1
    again = price("SAP:XETR", NOON, "999")
    other = price("SAP:XETR", NOON, "180.3", source="other")
    assert accept(lanes, again, other, other) == 1
    kept = lanes.read_now(prices.page, "SAP:XETR", first=None, last=None, after=None, limit=10)
    assert sorted(str(quote.price) for _, quote in kept) == ["180.2", "180.3"]
    assert accept(lanes) == 0


def test_the_last_price_up_to_a_day_holds(lanes: Lanes) -> None:
    """Of a day without a price the one before holds; before the first there is none."""
    days = [NOON - timedelta(days=number) for number in (9, 4, 3)]
    accept(lanes, *(price("SAP:XETR", day, str(100 + day.day)) for day in days))
    accept(lanes, price("SAP:XETR", days[2] + timedelta(hours=5), "200"))
    asked = ["SAP:XETR", "AAPL:XNAS"]

    def at(day: date) -> dict[str, str]:
        found = lanes.read_now(prices.at, asked, day)
        return {instrument: str(quote.price) for instrument, quote in found.items()}

    assert at(date(2026, 11, 10)) == {}
    assert at(date(2026, 11, 11)) == {"SAP:XETR": "111"}
    assert at(date(2026, 11, 15)) == {"SAP:XETR": "111"}
    assert at(date(2026, 11, 17)) == {"SAP:XETR": "200"}
    assert at(date(2027, 1, 1)) == {"SAP:XETR": "200"}


def test_of_each_day_the_last_price_counts(lanes: Lanes) -> None:
    """A series has one price a day, the last of it, and days without one are left out."""
    hours = [NOON, NOON + timedelta(hours=3), NOON - timedelta(days=2)]
    accept(lanes, *(price("BTC/USD", hour, str(hour.day * 100 + hour.hour)) for hour in hours))
    accept(lanes, price("EUR/USD", NOON, "1.08"))
    found = lanes.read_now(
        prices.between, ["BTC/USD", "EUR/USD"], date(2026, 11, 18), date(2026, 11, 20)
    )
    assert [(one.instrument, str(one.price)) for one in found] == [
        ("BTC/USD", "1812"),
        ("BTC/USD", "2015"),
        ("EUR/USD", "1.08"),
    ]
    figures = lanes.read_now(
        prices.figures, ["BTC/USD", "EUR/USD"], date(2026, 11, 18), date(2026, 11, 20)
    )
    assert figures == [
        (one.instrument, one.as_of, one.price, one.currency, one.scale, one.basis, one.source)
        for one in found
    ]
    later = lanes.read_now(prices.between, ["BTC/USD"], date(2026, 11, 19), date(2026, 11, 19))
    assert later == []


def test_a_day_is_the_sources_own(lanes: Lanes) -> None:
    """What closes at midnight in Tokyo belongs to that day, not to the one that is on in London."""
    close = datetime(2026, 11, 20, 0, 30, tzinfo=ZoneInfo("Asia/Tokyo"))
    accept(lanes, price("7203:XTKS", close, "2900"))
    found = lanes.read_now(prices.between, ["7203:XTKS"], date(2026, 11, 20), date(2026, 11, 20))
    assert [one.as_of for one in found] == [close]


def test_pages_are_whole(lanes: Lanes) -> None:
    """Page by page every price comes once, the newest first, also those of one instant."""
    accept(lanes, *(price("SAP:XETR", NOON, str(n), source=f"s{n}") for n in range(5)))
    accept(lanes, price("SAP:XETR", NOON - timedelta(days=1), "77"))
    seen, after = [], None
    while found := lanes.read_now(
        prices.page, "SAP:XETR", first=None, last=date(2026, 11, 20), after=after, limit=2
    ):
        seen += [str(quote.price) for _, quote in found]
        after = found[-1][0]
    assert sorted(seen[:5]) == ["0", "1", "2", "3", "4"]
    assert seen[5:] == ["77"]


def test_whatever_a_source_writes_can_be_kept(lanes: Lanes) -> None:
    """No NUL, half a character or endless text of a page breaks the database."""
    accept(lanes, price("SAP:XETR", NOON, "1", raw="1\0\ud800" + "x" * 5000))
    (found,) = lanes.read_now(prices.last, ["SAP:XETR", "a\0b", "\ud800", "'; --"]).values()
    assert found.raw.startswith("1\ufffd?x")
    assert len(found.raw) == 1000
    assert lanes.read_now(prices.last, []) == {}


def test_hundreds_at_once_are_a_few_statements(lanes: Lanes) -> None:
    """Many prices are added and read together, past what a statement has room for in parameters."""
    many = [price(f"T{number}:XETR", NOON, str(number + 1)) for number in range(3000)]
    assert accept(lanes, *many) == len(many)
    assert accept(lanes, *many[:10], price("NEW:XETR", NOON)) == 1
    found = lanes.read_now(prices.last, [one.instrument for one in many])
    assert found == {one.instrument: one for one in many}


def test_what_a_person_accepted_of_the_same_instant_is_believed(lanes: Lanes) -> None:
    """A correction stands beside the price that it corrects, and is the one that is told.

    Also where it is accepted for the second time, after another one.
    """
    wrong = price("OCDO:XLON", NOON, "40250")
    right, other = trusted(wrong, "402.50"), trusted(wrong, "402.75")
    assert accept(lanes, wrong) == 1
    for one in (right, other, right):
        assert accept(lanes, one) == 1
        assert told(lanes) == [str(one.price)] * 4
    assert accept(lanes, right, wrong) == 0
    rows = lanes.read_now(prices.page, "OCDO:XLON", first=None, last=None, after=None, limit=10)
    assert [str(quote.price) for _, quote in rows] == ["402.50", "402.75", "402.50", "40250"]


def test_what_a_person_accepted_goes_before_what_was_believed_of_that_day(lanes: Lanes) -> None:
    """A price accepted by a person counts, though a wrong one of that day is some minutes newer.

    What is believed after it, or was of another day, stands.
    """
    minute = timedelta(minutes=1)
    yesterday = price("OCDO:XLON", NOON - timedelta(days=1), "401")
    wrong = price("OCDO:XLON", NOON + 15 * minute, "40250", source="other")
    right = trusted(price("OCDO:XLON", NOON, "0"), "402.50")
    accept(lanes, yesterday)
    accept(lanes, wrong)
    assert told(lanes) == ["40250"] * 4
    accept(lanes, right)
    assert told(lanes) == ["402.50"] * 4
    accept(lanes, price("OCDO:XLON", NOON + minute, "403"))
    assert told(lanes) == ["403"] * 4
    late = trusted(price("OCDO:XLON", NOON - timedelta(days=1), "0"), "400")
    accept(lanes, late)
    assert told(lanes) == ["403"] * 4


def test_a_source_may_correct_its_own_price(lanes: Lanes) -> None:
    """Of two prices of one instant, the one that was fetched later is told, whoever writes last."""
    first = price("SAP:XETR", NOON, "180.2")
    mended = first._replace(price=Decimal("180.25"), fetched_at=first.fetched_at + timedelta(1))
    assert accept(lanes, first) == 1
    assert accept(lanes, mended) == 1
    assert accept(lanes, first, mended) == 0
    found = lanes.read_now(prices.last, ["SAP:XETR"])
    assert str(found["SAP:XETR"].price) == "180.25"


def trusted(quote: Quote, text: str) -> Quote:
    """Return the same price as a person accepted it, of another figure."""
    return quote._replace(price=Decimal(text), flags=(TRUSTED,))


def told(lanes: Lanes) -> list[str]:
    """Return what every reader says that the share costs, on the day of NOON and last."""
    name, day = "OCDO:XLON", NOON.date()
    found = [
        lanes.read_now(prices.last, [name])[name],
        lanes.read_now(prices.at, [name], day)[name],
        *lanes.read_now(prices.between, [name], day, day),
    ]
    figures = lanes.read_now(prices.figures, [name], day, day)
    return [str(quote.price) for quote in found] + [str(one.price) for one in figures]
