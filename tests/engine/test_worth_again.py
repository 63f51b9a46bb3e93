"""Days of somebody's worth that are over: stored, and worked out again when something comes."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest
import sqlalchemy as sa

from penstock.db import net_worth, security_ids
from penstock.db.accounts import accounts
from penstock.db.audit import AuditLog
from penstock.db.connect import open_database
from penstock.db.holdings import holdings
from penstock.db.runs import runs
from penstock.db.securities import securities
from penstock.domain.net_worth import RULES
from penstock.domain.rate import Stated
from penstock.domain.security_event import Ratio
from penstock.engine import own_rates, security_acts
from penstock.engine.securities import Book
from tests.databases import Database as Made
from tests.db.portfolio import set_rates
from tests.engine.bench import SEALS
from tests.engine.street import Street, held, quoted, restate


@pytest.fixture
def street(database: Made) -> Iterator[Street]:
    """Open a street on each kind of database."""
    opened = open_database(database.url)
    yield Street(opened)
    opened.close()


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


def test_a_split_between_the_statement_and_the_price_changes_no_worth(street: Street) -> None:
    """Two stated on the 16th at 100; two for one on the 18th at 50; four stated on the 19th.

    By hand: 2 x 100, 2 x 100, 4 x 50, 4 x 51. What was stored before the split was known is worked
    out again, and so it is when it is taken back.
    """
    street.balance(15, "0.00")
    holding = held(street, "2", 16)
    quoted(street, 16, "100")
    quoted(street, 18, "50")
    assert street.totals(16, 18) == {16: "200.00", 17: "200.00", 18: "100.00"}
    number = street.database.read_now(lambda c: c.scalars(sa.select(securities.c.id)).one())
    book = Book(street.owner, street.clock.now)
    event = street.database.write_now(
        security_acts.split, book, number, Ratio(2, 1), date(2026, 11, 18)
    )
    quoted(street, 19, "51")
    restate(street, holding, "4", 19)
    after = {16: "200.00", 17: "200.00", 18: "200.00", 19: "204.00"}
    assert street.totals(16, 19) == after
    street.database.write_now(security_acts.forget, book, number, event.id)
    assert street.totals(16, 19) == after | {18: "100.00"}


def test_a_split_is_counted_once_whatever_day_the_institution_states(street: Street) -> None:
    """It may state the quantity after the split as of a day before it."""
    street.balance(15, "0.00")
    holding = held(street, "2", 16)
    quoted(street, 16, "100")
    quoted(street, 19, "51")
    number = street.database.read_now(lambda c: c.scalars(sa.select(securities.c.id)).one())
    book = Book(street.owner, street.clock.now)
    street.database.write_now(security_acts.split, book, number, Ratio(2, 1), date(2026, 11, 18))
    restate(street, holding, "4", 19)
    before = {"as_of": datetime(2026, 11, 16, 9, tzinfo=UTC)}
    street.write(holdings.update().where(holdings.c.id == holding).values(before))
    assert street.totals(19, 20) == {19: "204.00", 20: "204.00"}


def test_before_a_new_name_the_price_is_that_of_the_old_one(street: Street) -> None:
    """And what the new name was the price of until then was another thing."""
    street.balance(15, "0.00")
    held(street, "2", 16, symbol="OLD")
    number = street.database.read_now(lambda c: c.scalars(sa.select(securities.c.id)).one())
    named = {"ticker": "OLD", "mic": "XETR", "instrument": "OLD:XETR"}
    street.write(securities.update().values(named))
    quoted(street, 16, "100", instrument="OLD:XETR")
    quoted(street, 16, "7", instrument="NEW:XETR")
    quoted(street, 18, "110", instrument="NEW:XETR")
    quoted(street, 18, "3", instrument="OLD:XETR")
    book = Book(street.owner, street.clock.now)
    names = security_acts.Names(ticker="NEW")
    external_id = street.database.read_now(
        lambda c: c.scalars(sa.select(holdings.c.external_id)).one()
    )
    link = {"source": "sandbox", "external_id": external_id, "ticker": "OLD", "mic": "XETR"}
    street.write(
        security_ids.security_ids.insert().values(
            owner_id=street.owner,
            security_id=number,
            account_id=street.account,
            name="SAP",
            type="stock",
            currency="EUR",
            since=date(2026, 11, 16),
            created_at=street.clock.now,
            **link,
        )
    )
    street.database.write_now(security_acts.rename, book, number, names, date(2026, 11, 18))
    assert street.totals(16, 19) == {16: "200.00", 17: "200.00", 18: "220.00", 19: "220.00"}


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


def test_a_late_rate_of_the_asked_currency_changes_the_days_that_are_over(street: Street) -> None:
    """Also where nothing that the person has is in it."""
    street.balance(15, "100.00")
    lost = {one.day.day: one for one in street.series(16, 18, currency="USD")}
    assert [one.reason for one in lost[17].missing] == ["no_rate"]
    street.later(minutes=2)
    set_rates(street.database, date(2026, 11, 16), street.clock.now)
    found = {one.day.day: one for one in street.series(16, 18, currency="USD")}
    assert (str(found[17].total), found[17].missing) == ("108.50", ())


def test_a_rate_that_is_taken_back_changes_the_days_that_are_over(street: Street) -> None:
    """Of everybody who needed it, from its day on."""
    street.balance(15, "5.00", currency="KPW")
    admin, audit = street.owner, AuditLog(SEALS.cipher)
    stated = Stated(date(2026, 11, 17), "KPW", Decimal(1000))
    street.database.write_now(own_rates.put, audit, stated, user_id=admin, now=street.clock.now)
    assert [len(one.missing) for one in street.series(16, 18)] == [1, 0, 0]
    street.later(minutes=2)
    street.database.write_now(
        own_rates.take_back, audit, "KPW", stated.day, user_id=admin, now=street.clock.now
    )
    assert [len(one.missing) for one in street.series(16, 18)] == [1, 1, 1]


def test_a_late_price_of_a_coin_on_an_account_changes_the_days_that_are_over(
    street: Street,
) -> None:
    """It is the rate between the account's currency and the asked one."""
    street.balance(15, "2", currency="BTC")
    lost = {one.day.day: one for one in street.series(16)}
    assert [one.reason for one in lost[17].missing] == ["no_rate"]
    street.later(minutes=2)
    quoted(street, 16, "50000", instrument="BTC/EUR")
    assert street.totals(16)[17] == "100000.00"


def test_a_price_that_was_stamped_before_the_days_were_worked_out_is_not_missed(
    street: Street,
) -> None:
    """It is stored when whoever accepted it commits, which may be after they were read."""
    street.balance(15, "0.00")
    held(street, "2", 16)
    stamped = street.clock.now
    street.later(seconds=2)
    assert street.series(17, 18)[0].missing
    street.clock.now = stamped
    quoted(street, 17, "100")
    street.later(seconds=5)
    assert street.totals(17, 18) == {17: "200.00", 18: "200.00"}


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


@pytest.mark.parametrize(("rules", "kept"), [(RULES - 1, False), (RULES + 1, True)])
def test_days_by_other_rules_are_worked_out_again(street: Street, rules: int, kept: bool) -> None:
    """What older rules said is replaced; what newer ones said is not believed, and stays theirs."""
    street.balance(14, "100.00")
    street.series(14)
    table = net_worth.net_worth
    street.write(table.update().values(total=Decimal(7), rules=rules))
    assert street.totals(14, 19) == dict.fromkeys(range(14, 20), "100.00")
    stored = street.database.read_now(
        lambda connection: {*connection.execute(sa.select(table.c.total)).scalars()}
    )
    assert (stored == {Decimal(7)}) is kept
