"""Exchange rates as they are kept: once, as they were said, and found again by day."""

import asyncio
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
import sqlalchemy as sa

from penstock.db import prices, rates
from penstock.db.connect import open_database
from penstock.db.lane import Database as Lanes
from penstock.db.rates import Difference, Document, Stored
from penstock.domain.errors import InvalidInput
from penstock.domain.fx import NoRate, Rates
from penstock.domain.quote import Basis, Quote
from penstock.domain.rate import Stated
from tests.databases import Database

NOW = datetime(2026, 11, 20, 15, 5, tzinfo=UTC)
FRIDAY = date(2026, 11, 20)
THURSDAY = FRIDAY - timedelta(1)
TABLE = [
    Stated(THURSDAY, "USD", Decimal("1.2400")),
    Stated(FRIDAY, "USD", Decimal("1.2500")),
    Stated(FRIDAY, "GBP", Decimal("0.8000")),
]


@pytest.fixture
def lanes(database: Database) -> Iterator[Lanes]:
    """Open a fresh database of each kind."""
    lanes = open_database(database.url)
    yield lanes
    lanes.close()


def store(lanes: Lanes, table: list[Stated], source: str = "ecb") -> Stored:
    """Store a table."""
    return lanes.write_now(rates.store, table, source=source, now=NOW)


def load(lanes: Lanes, *currencies: str, first: date = FRIDAY, last: date = FRIDAY) -> Rates:
    """Load the rates of some currencies."""
    return lanes.read_now(rates.load, currencies, first=first, last=last)


def test_what_is_stored_comes_back_with_its_digits(lanes: Lanes) -> None:
    """1.2500 is stored and found as 1.2500, on both databases."""
    assert store(lanes, TABLE) == Stored(3)
    used = load(lanes, "USD").rate("EUR", "USD", FRIDAY)
    assert (str(used.value), used.sources) == ("1.2500", ("ecb",))


def test_to_store_again_changes_nothing(lanes: Lanes) -> None:
    """The same document twice, or beside a new day, adds only what is new."""
    store(lanes, TABLE)
    monday = Stated(FRIDAY + timedelta(3), "USD", Decimal("1.2600"))
    assert store(lanes, [*TABLE, monday]) == Stored(1)
    assert store(lanes, []) == Stored()


def test_a_rate_is_not_rewritten_and_a_difference_is_noted(lanes: Lanes) -> None:
    """What was said of a day stays; what is said of it later stands beside it, and is told once."""
    store(lanes, TABLE)
    other = [Stated(FRIDAY, "USD", Decimal("1.3"))]
    noted = Difference(FRIDAY, "USD", Decimal("1.25"), Decimal("1.3"))
    assert store(lanes, other) == Stored(0, (noted,))
    assert store(lanes, other) == Stored()
    assert load(lanes, "USD").rate("EUR", "USD", FRIDAY).value == Decimal("1.25")
    query = sa.select(rates.rates.c.differing).where(rates.rates.c.differing.is_not(None))
    assert lanes.read_now(lambda one: one.execute(query).scalars().all()) == [Decimal("1.3")]


@pytest.mark.parametrize("rate", ["0", "-1", "NaN", "1e40"])
def test_what_can_be_no_rate_is_stored_by_nobody(lanes: Lanes, rate: str) -> None:
    """One such rate, and nothing of its document is stored."""
    with pytest.raises(InvalidInput):
        store(lanes, [*TABLE, Stated(FRIDAY, "JPY", Decimal(rate))])
    with pytest.raises(InvalidInput):
        lanes.write_now(rates.set_own, FRIDAY, "JPY", Decimal(rate), now=NOW)
    assert store(lanes, TABLE) == Stored(3)


def test_the_last_one_before_the_first_day_is_loaded(lanes: Lanes) -> None:
    """A weekend has Friday's rates, though none of its days has any."""
    store(lanes, TABLE)
    sunday = FRIDAY + timedelta(2)
    found = load(lanes, "USD", "GBP", first=sunday, last=sunday)
    assert found.rate("GBP", "USD", sunday).day == FRIDAY
    assert load(lanes, "USD", first=sunday, last=FRIDAY).days("EUR", "USD", FRIDAY, sunday) == []


def test_no_later_day_is_loaded(lanes: Lanes) -> None:
    """What comes after the last day asked for is not seen."""
    store(lanes, TABLE)
    found = load(lanes, "USD", "GBP", first=THURSDAY, last=THURSDAY)
    assert found.rate("EUR", "USD", FRIDAY).day == THURSDAY
    with pytest.raises(NoRate):
        found.rate("EUR", "GBP", FRIDAY)


def test_what_others_are_worked_out_with_is_loaded(lanes: Lanes) -> None:
    """Pence bring the pound along, and the Bermudian dollar the American one."""
    store(lanes, TABLE)
    assert load(lanes, "GBX", "BMD").rate("GBX", "BMD", FRIDAY).value == Decimal("0.015625")


def test_an_own_rate_is_its_owners_to_correct(lanes: Lanes) -> None:
    """What a person set is replaced and removed, and told what it was; others' rates stay."""
    store(lanes, TABLE)
    write = lanes.write_now
    assert write(rates.set_own, FRIDAY, "USD", Decimal(2), now=NOW) is None
    assert write(rates.set_own, FRIDAY, "USD", Decimal("3.10"), now=NOW) == Decimal(2)
    used = load(lanes, "USD").rate("EUR", "USD", FRIDAY)
    assert (str(used.value), used.sources) == ("3.10", ("own",))
    assert write(rates.remove_own, FRIDAY, "USD") == Decimal("3.1")
    assert write(rates.remove_own, FRIDAY, "USD") is None
    assert load(lanes, "USD").rate("EUR", "USD", FRIDAY).value == Decimal("1.25")


def test_how_far_a_document_was_read_is_never_taken_back(lanes: Lanes) -> None:
    """An older answer from some cache leaves the day up to which all is there."""
    first = Document("daily", NOW, FRIDAY, '"a"', "Fri, 20 Nov 2026 15:00:00 GMT")
    lanes.write_now(rates.note, first)
    assert lanes.read_now(rates.documents) == {"daily": first}
    lanes.write_now(rates.note, Document("daily", NOW + timedelta(1), THURSDAY, '"b"'))
    found = lanes.read_now(rates.documents)["daily"]
    assert (found.through, found.etag, found.last_modified) == (FRIDAY, '"b"', None)
    assert found.asked_at == NOW + timedelta(1)


def test_many_at_once_store_each_rate_once(lanes: Lanes) -> None:
    """Those who store the same document at the same time add each rate once, together."""

    async def all_at_once() -> list[Stored]:
        writes = (lanes.write(rates.store, TABLE, source="ecb", now=NOW) for _ in range(4))
        return await asyncio.gather(*writes)

    assert sum(one.added for one in asyncio.run(all_at_once())) == 3


def priced(instrument: str, price: str, day: date, currency: str = "USD") -> Quote:
    """Return a believed price of a pair, at noon."""
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    return Quote(
        *(instrument, Decimal(price), currency, currency, noon, noon, "coingecko", "json", price),
        basis=Basis.RATE,
        instrument=instrument,
    )


def test_coins_are_worked_out_with_their_believed_prices(lanes: Lanes) -> None:
    """BTC has the last price up to the day, in pounds through the rates of dollar and pound."""
    store(lanes, TABLE)
    believed = [
        priced("BTC/USD", "96000", THURSDAY),
        priced("BTC/USD", "100000", FRIDAY),
        priced("BTC/USD", "1", FRIDAY + timedelta(1)),
        priced("ETH/EUR", "0.000000000000000000001", FRIDAY, "EUR"),
        priced("EUR/USD", "77", FRIDAY),
    ]
    lanes.write_now(prices.accept, believed, now=NOW)
    found = load(lanes, "BTC", "GBP", "ETH")
    used = found.rate("BTC", "GBP", FRIDAY)
    assert (used.value, used.day, used.sources) == (Decimal(64000), FRIDAY, ("coingecko", "ecb"))
    assert load(lanes, "BTC", first=THURSDAY).rate("BTC", "USD", THURSDAY).value == Decimal(96000)
    sunday = FRIDAY + timedelta(2)
    later = load(lanes, "BTC", first=sunday, last=sunday)
    assert later.rate("BTC", "USD", sunday).day == FRIDAY + timedelta(1)
    assert found.rate("EUR", "USD", FRIDAY).value == Decimal("1.25")
    with pytest.raises(NoRate):
        found.rate("ETH", "EUR", FRIDAY)


def test_the_days_that_bring_something_new(lanes: Lanes) -> None:
    """Days of published, own and believed figures, each once, in order, as many as asked for."""
    store(lanes, TABLE)
    lanes.write_now(prices.accept, [priced("BTC/EUR", "1", FRIDAY + timedelta(1))], now=NOW)

    def days(limit: int) -> list[date]:
        span = {"first": THURSDAY, "last": FRIDAY + timedelta(9)}
        return lanes.read_now(rates.any_days, ["USD", "BTC"], limit=limit, **span)

    assert days(9) == [THURSDAY, FRIDAY, FRIDAY + timedelta(1)]
    assert days(2) == [THURSDAY, FRIDAY]
