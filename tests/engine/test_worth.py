"""What somebody was worth day by day: worked out backwards, stored, and worked out again."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import sqlalchemy as sa

from penstock.db import feeds, holding_versions, net_worth, prices
from penstock.db.accounts import accounts
from penstock.db.connect import open_database
from penstock.db.holding_versions import holding_versions as version_rows
from penstock.db.lane import Database
from penstock.db.net_worth import DayWorth
from penstock.db.runs import runs
from penstock.db.securities import securities
from penstock.domain.says import Invested
from penstock.engine.worth import Valuer
from tests.databases import Database as Made
from tests.db.books import Books
from tests.db.portfolio import security, set_rates
from tests.domain.portfolio import quote_of

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@dataclass
class Clock:
    """A clock that stands still until it is told to move."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Street:
    """One person with an account, and who values it."""

    database: Database
    clock: Clock = field(default_factory=Clock)
    zone: str = "UTC"

    def __post_init__(self) -> None:
        self.books = Books(self.database)
        self.owner = self.books.person()
        self.connection = self.books.connection(self.owner)
        self.account = self.books.account(self.owner, self.connection)

    def balance(self, day: int, amount: str, **more: Any) -> None:
        """State a balance at noon of a day of November."""
        at = datetime(2026, 11, day, 12, tzinfo=UTC)
        known = {"as_of": at, "as_of_on": at.date(), "amount": Decimal(amount), "run_id": 999}
        self.books.balance(self.owner, self.account, observed_at=at, **known | more)

    def row(self, day: int, amount: str, **more: Any) -> int:
        """Post a row on a day of November."""
        on = date(2026, 11, day)
        known = {"dated_on": on, "booked_on": on, "posted_run_id": 1, "created_at": self.clock.now}
        return self.books.transaction(self.owner, self.account, amount=amount, **known | more)

    def series(self, first: int, last: int = 30) -> list[DayWorth]:
        """Return the days of November."""
        valuer = Valuer(self.database, self.clock, ZoneInfo(self.zone), {"sandbox": Invested.MONEY})
        span = date(2026, 11, first), date(2026, 11, last)
        return list(asyncio.run(valuer.series(self.owner, "EUR", *span)))

    def totals(self, first: int, last: int = 30) -> dict[int, str | None]:
        """Return the totals by the day of November; None where nothing is known."""
        days = self.series(first, last)
        return {one.day.day: str(one.total) if one.counted else None for one in days}

    def stored(self) -> list[int]:
        """Return which days of November are stored."""
        query = sa.select(net_worth.net_worth.c.day).order_by(net_worth.net_worth.c.day)
        return [day.day for day in self.database.read_now(lambda c: list(c.scalars(query)))]

    def write(self, statement: sa.Executable) -> None:
        """Change something behind everybody's back."""
        self.database.write_now(lambda connection: connection.execute(statement))

    def later(self, **by: float) -> None:
        """Let time pass."""
        self.clock.now += timedelta(**by)


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


def test_between_two_balances_it_is_moved_by_the_rows(street: Street) -> None:
    """And as old as the day, for a later balance proves that the rows are all there."""
    street.balance(14, "100.00")
    street.balance(19, "60.00")
    street.row(16, "-40.00")
    days = {one.day.day: one for one in street.series(14)}
    assert [str(days[day].total) for day in (14, 15, 16, 18, 19)] == [
        "100.00",
        "100.00",
        "60.00",
        "60.00",
        "60.00",
    ]
    known = days[16].oldest_as_of
    assert known is not None
    assert known.date() == date(2026, 11, 16)
    assert days[20].oldest_as_of == datetime(2026, 11, 19, 12, tzinfo=UTC)


def test_days_that_are_over_are_stored_and_today_is_not(street: Street) -> None:
    """Today is worked out anew each time."""
    street.balance(18, "100.00")
    street.series(17)
    assert street.stored() == [17, 18, 19]
    street.balance(20, "70.00")
    assert street.totals(17)[20] == "70.00"


def test_a_late_row_changes_the_days_that_are_over(street: Street) -> None:
    """Found by the change feed's numbers; days before it stay as they are."""
    street.balance(14, "100.00")
    street.balance(19, "60.00")
    assert street.totals(14)[17] == "100.00"
    street.later(minutes=1)
    street.row(16, "-40.00")
    found = street.totals(14)
    assert [found[day] for day in (15, 16, 17, 18)] == ["100.00", "60.00", "60.00", "60.00"]


def test_an_undone_run_is_not_in_any_day(street: Street) -> None:
    """What it heard counts no more, also in days that were stored with it."""
    street.balance(14, "100.00")
    run = street.books.run(street.owner, street.connection)
    street.balance(16, "500.00", run_id=run)
    assert street.totals(14)[17] == "500.00"
    street.later(minutes=1)
    street.write(runs.update().where(runs.c.id == run).values(undone_at=street.clock.now))
    assert street.totals(14)[17] == "100.00"


def test_hiding_an_account_changes_the_past_too(street: Street) -> None:
    """It is left out of every day."""
    street.balance(14, "100.00")
    assert street.totals(16)[17] == "100.00"
    street.later(minutes=1)
    number = street.books.number(street.owner)
    hidden = accounts.update().where(accounts.c.id == street.account)
    street.write(hidden.values(hidden=True, change_number=number))
    assert street.totals(16)[17] is None


def held(street: Street, quantity: str, day: int, **more: Any) -> int:
    """Hold so many shares of SAP since a day of November."""
    at = datetime(2026, 11, day, 9, tzinfo=UTC)
    number = security(street.database, street.owner, "SAP", at, instrument="SAP:XETR")
    stated = {"price": None, "value": None, "as_of": at, "security_id": number}
    holding = street.books.holding(
        street.owner, street.account, quantity=Decimal(quantity), **stated, **more
    )
    known: dict[str, Any] = {"owner_id": street.owner, "run_id": 1, "today": at.date()}
    change = street.database.read_now(feeds.last, street.owner)
    street.database.write_now(holding_versions.append, change_number=change, **known)
    return holding


def quoted(street: Street, day: int, price: str | None = None) -> None:
    """Accept a quote of SAP of the evening of a day of November."""
    quote = quote_of("SAP", as_of=datetime(2026, 11, day, 17, tzinfo=UTC))
    assert quote is not None
    if price is not None:
        quote = quote._replace(price=Decimal(price))
    street.database.write_now(prices.accept, [quote], now=street.clock.now)


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


def test_a_late_price_changes_the_days_that_are_over(street: Street) -> None:
    """A day without a price is a gap with its reason, and filled when the price comes."""
    street.balance(15, "0.00")
    held(street, "2", 16)
    before = {one.day.day: one for one in street.series(15)}
    assert [one.reason for one in before[17].missing] == ["no_price"]
    street.later(minutes=1)
    quoted(street, 17, "100")
    after = {one.day.day: one for one in street.series(15)}
    assert (str(after[17].total), after[17].missing) == ("200.00", ())
    assert after[16] == before[16]


def test_a_security_that_is_known_better_changes_the_days_that_are_over(street: Street) -> None:
    """Told by a person what quotes it: every day is priced anew."""
    street.balance(15, "0.00")
    held(street, "2", 16)
    quoted(street, 16, "100")
    street.write(securities.update().values(instrument=None))
    assert [one.missing != () for one in street.series(17, 18)] == [True, True]
    street.later(minutes=1)
    known = {"instrument": "SAP:XETR", "updated_at": street.clock.now}
    street.write(securities.update().values(known))
    assert street.totals(17, 18) == {17: "200.00", 18: "200.00"}


def test_a_late_rate_changes_the_days_that_are_over(street: Street) -> None:
    """No rate is ever 1 meanwhile."""
    street.balance(15, "108.50", currency="USD")
    lost = {one.day.day: one for one in street.series(16)}
    assert [one.reason for one in lost[17].missing] == ["no_rate"]
    street.later(minutes=1)
    set_rates(street.database, date(2026, 11, 16), street.clock.now)
    assert street.totals(16)[17] == "100.00"


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


def test_stored_days_keep_one_mark(street: Street) -> None:
    """However often they are asked for: else each mark would have to be looked at each time."""
    street.balance(15, "100.00")
    for _ in range(3):
        street.series(14)
        street.later(days=1)
        street.row(street.clock.now.day, "-1.00")
    street.series(14)
    marks = sa.select(net_worth.net_worth.c.computed_at).distinct()
    assert len(street.database.read_now(lambda c: list(c.scalars(marks)))) <= 2
