"""What somebody was worth day by day: worked out backwards, from all that is known."""

from collections.abc import Iterator
from datetime import date

import pytest
import sqlalchemy as sa

from penstock.db.connect import open_database
from penstock.db.holding_versions import holding_versions as version_rows
from tests.databases import Database as Made
from tests.engine.street import Street, held, quoted


@pytest.fixture
def street(database: Made) -> Iterator[Street]:
    """Open a street on each kind of database."""
    opened = open_database(database.url)
    yield Street(opened)
    opened.close()


def test_before_the_first_balance_it_is_worked_out_backwards(street: Street) -> None:
    """By the rows posted since, as far as rows are known; before them nothing is known."""
    street.balance(18, "100.00")
    street.row(15, "30.00")
    street.row(17, "-5.00")
    street.row(16, "7.00", status="pending", posted_run_id=None)
    assert street.totals(13) == {
        13: None,
        14: None,
        15: "105.00",
        16: "105.00",
        17: "100.00",
        18: "100.00",
        19: "100.00",
        20: "100.00",
    }


def test_days_that_are_over_are_stored_and_today_is_not(street: Street) -> None:
    """Today is worked out anew each time."""
    street.balance(18, "100.00")
    street.series(17)
    assert street.stored() == [17, 18, 19]
    street.balance(20, "70.00")
    assert street.totals(17)[20] == "70.00"


def test_positions_are_valued_by_the_price_of_their_day(street: Street) -> None:
    """By what was held, at the day's last price; before it was known there is a reason."""
    street.balance(15, "0.00")
    held(street, "2", 16)
    quoted(street, 16, "100")
    quoted(street, 18, "110")
    days = {one.day.day: one for one in street.series(15)}
    assert [str(days[day].total) for day in (16, 17, 18, 19)] == [
        "200.00",
        "200.00",
        "220.00",
        "220.00",
    ]
    assert [one.reason for one in days[15].missing] == ["not_known_yet"]


def test_prices_of_an_american_ticker_are_those_of_all_its_exchanges(street: Street) -> None:
    """Whoever asked for AAPL priced what is held as AAPL:XNAS too, on each day, and stale days."""
    street.balance(15, "0.00")
    held(street, "2", 16, instrument="AAPL:XNAS")
    quoted(street, 16, "100", instrument="AAPL:XNAS")
    assert street.totals(17)[18] == "200.00"
    street.later(hours=1)
    quoted(street, 18, "110", instrument="AAPL:US")
    assert [street.totals(17)[day] for day in (17, 18, 20)] == ["200.00", "220.00", "220.00"]


def test_a_position_that_was_sold_counts_until_then(street: Street) -> None:
    """Its last version says that it has ended."""
    street.balance(15, "0.00")
    holding = held(street, "2", 16)
    quoted(street, 16, "100")
    ended = {"day": date(2026, 11, 18), "ended": True, "run_id": 2}
    copied = {
        column.name: column for column in version_rows.columns if column.name not in {"id", *ended}
    }
    query = sa.select(
        *copied.values(), *(sa.literal(value).label(name) for name, value in ended.items())
    ).where(version_rows.c.holding_id == holding)
    street.write(version_rows.insert().from_select([*copied, *ended], query))
    found = street.totals(16, 19)
    assert [found[day] for day in (16, 17, 18, 19)] == ["200.00", "200.00", "0.00", "0.00"]


def test_a_day_ends_where_the_person_lives(database: Made) -> None:
    """In Auckland it is the 21st when it is noon of the 20th in London."""
    opened = open_database(database.url)
    street = Street(opened, zone="Pacific/Auckland")
    street.balance(18, "100.00")
    assert max(street.totals(18)) == 21
    opened.close()
