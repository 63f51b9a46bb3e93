"""What one position is worth: which price counts, and when none does."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.gain import gain
from penstock.domain.holding import SecurityType
from penstock.domain.quote import Basis
from penstock.domain.valuation import (
    Line,
    Position,
    Price,
    Reason,
    Source,
    in_whole_units,
    rounded,
    value,
)
from tests.domain.portfolio import NOW, convert

HOUR = timedelta(hours=1)


def held(type_: str = "stock", quantity: str = "10", **more: Any) -> Position:
    """Return ten shares, of which the broker spoke an hour ago."""
    known = {"as_of": NOW - HOUR, "currency": "EUR"}
    amounts = {"price", "value", "cost_basis"} & {*more}
    return Position(
        key="it",
        type=SecurityType(type_),
        quantity=Decimal(quantity),
        **{**known, **more, **{name: Decimal(more[name]) for name in amounts}},
    )


def price(amount: str = "12", currency: str = "EUR", age: timedelta = HOUR, **more: Any) -> Price:
    """Return a price of twelve euros, an hour old."""
    return Price(Decimal(amount), currency, NOW - age, "test", **more)


def worth(position: Position, *prices: Price) -> Line:
    """Value a position now."""
    return value(position, prices, now=NOW, convert=convert)


def taken(line: Line) -> tuple[Source, str]:
    """Return where a value was taken from, and the value."""
    assert line.taken is not None
    return line.taken.source, str(line.taken.value)


def test_our_fresh_quote_comes_first_and_the_institutions_word_stays_beside_it() -> None:
    """Both are told, each with its age; the line says which one it was taken from."""
    line = worth(held(price="11", value="110.00"), price(age=timedelta(minutes=5)))
    assert taken(line) == (Source.QUOTE, "120.00")
    assert line.theirs is not None
    assert (line.theirs.source, str(line.theirs.value)) == (Source.INSTITUTION_VALUE, "110.00")
    assert line.theirs.as_of == NOW - HOUR


def test_an_old_quote_gives_way_to_the_institution() -> None:
    """Older than a long weekend: the institution's value, else its price of one."""
    old = price(age=timedelta(days=5))
    assert taken(worth(held(value="110.00"), old)) == (Source.INSTITUTION_VALUE, "110.00")
    assert taken(worth(held(price="11"), old)) == (Source.INSTITUTION_PRICE, "110.00")
    friday = price(age=timedelta(days=3, hours=20))
    assert taken(worth(held(value="110.00"), friday)) == (Source.QUOTE, "120.00")


def test_without_any_price_there_is_a_reason_and_no_value() -> None:
    """Nothing stated, or a price that is too old: never 0."""
    assert (worth(held()).taken, worth(held()).reason) == (None, Reason.NO_PRICE)
    line = worth(held(), price(age=timedelta(days=30)))
    assert (line.taken, line.reason) == (None, Reason.STALE_PRICE)
    assert "2026-10-21" in line.why
    assert worth(held(), price(age=-HOUR)).reason is Reason.NO_PRICE


@pytest.mark.parametrize("type_", ["option", "bond", "other"])
def test_a_price_that_cannot_be_multiplied_is_not(type_: str) -> None:
    """An option's multiplier, a bond's basis, an unknown thing's are not told: only a value is."""
    line = worth(held(type_, price="98.5"), price("98.5"))
    assert (line.taken, line.reason) == (None, Reason.NO_PRICE)
    assert taken(worth(held(type_, price="98.5", value="985.00"), price("98.5"))) == (
        Source.INSTITUTION_VALUE,
        "985.00",
    )


def test_a_bond_is_quoted_in_per_cent_of_its_par() -> None:
    """10,000 nominal at 98.765 are 9,876.50; of a share, per cent mean nothing."""
    quote = price("98.765", basis=Basis.PERCENT_OF_PAR)
    assert taken(worth(held("bond", "10000"), quote)) == (Source.QUOTE, "9876.50")
    assert worth(held("stock", "10000"), quote).reason is Reason.NO_PRICE


def test_pence_stated_by_an_institution_are_pence() -> None:
    """Price and value in GBX are hundredths of a pound."""
    line = worth(held(currency="GBX", price="402.5"))
    assert line.taken is not None
    assert (str(line.taken.value), line.taken.currency) == ("40.25", "GBP")
    line = worth(held(currency="ILA", value="6543"))
    assert line.taken is not None
    assert (str(line.taken.value), line.taken.currency) == ("65.43", "ILS")
    assert in_whole_units("ZAC") == ("ZAR", Decimal("0.01"))


def test_a_quote_a_hundred_times_off_is_not_believed() -> None:
    """Pence read as pounds, a split, another symbol: the institution's value, and a flag."""
    line = worth(held(value="110.00"), price("1200"))
    assert taken(line) == (Source.INSTITUTION_VALUE, "110.00")
    assert line.flags == ("disputed",)
    assert line.ours is not None
    assert str(line.ours.value) == "12000.00"
    assert worth(held(value="110.00"), price("0.12")).flags == ("disputed",)
    assert worth(held(value="-110.00"), price()).flags == ("disputed",)
    assert worth(held(value="110.00"), price("15")).flags == ()


def test_a_quote_that_missed_a_usual_split_is_not_believed() -> None:
    """Two for one, three for two: where both speak of one time they cannot be so far apart.

    What the institution said long ago may be: then only what no market does is not believed.
    """
    for each in ("20", "15.5", "7"):
        assert worth(held(value="110.00"), price(each)).flags == ("disputed",)
    old = held(value="110.00", as_of=NOW - timedelta(days=300))
    assert taken(worth(old, price("22"))) == (Source.QUOTE, "220.00")
    assert worth(old, price("56")).flags == ("disputed",)


def test_a_price_is_of_what_is_counted_on_its_own_day() -> None:
    """Ten stated before a split of four for one are forty of what is priced after it: 40 x 3."""
    line = worth(held(), price("3", split=Fraction(4)))
    assert taken(line) == (Source.QUOTE, "120.00")
    assert line.flags == ("split",)
    third = worth(held(), price("36", split=Fraction(1, 3)))
    assert taken(third) == (Source.QUOTE, "120.00")


def test_a_price_from_before_a_split_gives_way_to_what_was_stated_after_it() -> None:
    """The day that we know of a split may be a day late: the institution has seen it."""
    before = price("12", split=Fraction(1, 4), overtaken=True)
    told = worth(held(quantity="40", value="119.00"), before)
    assert taken(told) == (Source.INSTITUTION_VALUE, "119.00")
    alone = worth(held(quantity="40"), before)
    assert taken(alone) == (Source.QUOTE, "120.00")


def test_a_persons_own_price_holds_until_something_newer_is_known() -> None:
    """However old it is, and of whatever type; not against what the institution said later."""
    own = price("50", age=timedelta(days=400), own=True)
    assert taken(worth(held("other"), own)) == (Source.OWN_PRICE, "500.00")
    assert taken(worth(held("option"), own)) == (Source.OWN_PRICE, "500.00")
    assert taken(worth(held(value="110.00"), own)) == (Source.INSTITUTION_VALUE, "110.00")
    assert taken(worth(held(value="110.00"), price("50", age=HOUR / 2, own=True))) == (
        Source.OWN_PRICE,
        "500.00",
    )
    assert taken(worth(held(), own, price())) == (Source.QUOTE, "120.00")


def test_money_among_the_positions_is_its_own_price() -> None:
    """So many dollars are so many dollars; a fund of money with a name needs a price."""
    assert taken(worth(held("cash", "25.50", currency="USD"))) == (Source.MONEY, "25.50")
    assert taken(worth(held("cash", "25", currency="USD", price="1.01"))) == (
        Source.MONEY,
        "25.25",
    )
    named = replace(held("cash", "25"), symbol="MMKT")
    assert worth(named).reason is Reason.NO_PRICE


def test_a_line_is_as_old_as_the_oldest_thing_in_it() -> None:
    """A fresh quote of what was counted a month ago is a month old; heard again, it is not."""
    month = NOW - timedelta(days=30)
    line = worth(held(as_of=month), price())
    assert line.taken is not None
    assert line.taken.as_of == month
    line = worth(held(as_of=month, heard=NOW - HOUR / 2), price())
    assert line.taken is not None
    assert line.taken.as_of == NOW - HOUR


def test_a_gain_is_in_the_currency_of_the_cost() -> None:
    """Absolute and in per cent; converted where the price is in another currency."""
    found = gain(worth(held(cost_basis="90.00"), price()), convert)
    assert found is not None
    assert (str(found.amount), str(found.percent)) == ("30.00", "33.33")
    found = gain(worth(held(cost_basis="100.00"), price("12", "USD")), convert)
    assert found is not None  # 120 USD / 1.0850 = 110.599 EUR
    assert (str(found.amount), found.currency) == ("10.60", "EUR")
    found = gain(worth(held(currency="GBX", price="400", cost_basis="2000")), convert)
    assert found is not None
    assert (str(found.amount), found.currency) == ("20.00", "GBP")


def test_a_gain_that_cannot_be_known_is_none() -> None:
    """Without a cost, without a value, without a rate; of nothing there are no per cent."""
    assert gain(worth(held(), price()), convert) is None
    assert gain(worth(held(cost_basis="90.00")), convert) is None
    assert gain(worth(held(cost_basis="90.00"), price("12", "XTS")), convert) is None
    found = gain(worth(held(cost_basis="0.00"), price()), convert)
    assert found is not None
    assert (str(found.amount), found.percent) == ("120.00", None)


@pytest.mark.parametrize("cost", ["-150.00", "150.00"])
def test_a_short_gains_where_the_price_falls(cost: str) -> None:
    """Sold for 150, now worth 120: 30 are gained, whichever sign the cost is stated with."""
    found = gain(worth(held(quantity="-10", cost_basis=cost), price()), convert)
    assert found is not None
    assert (str(found.amount), str(found.percent)) == ("30.00", "20.00")


def test_a_line_is_rounded_once_and_half_to_even() -> None:
    """2.5 x 0.01 is 0.025: 0.02; half a yen falls to the even one; dinars have three digits."""
    assert taken(worth(held(quantity="2.5"), price("0.01")))[1] == "0.02"
    assert str(rounded(Decimal("2.5"), "JPY")) == "2"
    assert str(rounded(Decimal("3.5"), "JPY")) == "4"
    assert str(rounded(Decimal("0.0015"), "KWD")) == "0.002"
    assert str(rounded(Decimal("-0.001"), "EUR")) == "0.00"


@given(
    st.decimals(Decimal(-(10**28)), Decimal(10**28), places=30, allow_nan=False),
    st.decimals(0, 10**20, places=30, allow_nan=False),
)
def test_no_digit_is_lost_before_the_rounding(quantity: Decimal, each: Decimal) -> None:
    """The largest quantity times the finest price is exact: as whole numbers multiply."""
    line = worth(held(quantity=str(quantity)), replace(price(), price=each))
    assert line.taken is not None
    top, bottom = line.taken.exact.as_integer_ratio()
    assert top * 10**60 == _units(quantity) * _units(each) * bottom


def _units(number: Decimal) -> int:
    top, bottom = number.as_integer_ratio()
    return top * 10**30 // bottom
