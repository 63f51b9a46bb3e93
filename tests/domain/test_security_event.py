"""What splits and new names do to numbers, and what only looks like a split."""

import csv
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.errors import InvalidInput
from penstock.domain.security_event import (
    Event,
    EventKind,
    EventState,
    Ratio,
    adjusted_price,
    adjusted_quantity,
    called_on,
    factor,
    names_over_time,
    read_ratio,
)
from penstock.domain.split_seen import Stated, split_between

MARKET = Path(__file__).resolve().parents[3] / "shared" / "data" / "market"
NOW = datetime(2026, 11, 20, tzinfo=UTC)
DAY = date(2020, 8, 31)


def event(kind: EventKind = EventKind.SPLIT, day: date = DAY, **more: Any) -> Event:
    """Make an event that counts unless told otherwise."""
    state = more.pop("state", EventState.ACCEPTED)
    return Event(more.pop("id", 1), 1, kind, state, day, "person", "", NOW, **more)


def test_a_split_counts_from_its_day_on() -> None:
    """One share on the eve is four on the day, and a price of 500 is then one of 125."""
    splits = [event(ratio=Ratio(4, 1)), event(day=date(2014, 6, 9), ratio=Ratio(7, 1))]
    eve = DAY - timedelta(days=1)
    assert factor(splits, eve, DAY) == 4
    assert factor(splits, DAY, date(2026, 1, 1)) == 1
    assert factor(splits, date(2000, 1, 1), DAY) == 28
    assert factor(splits, DAY, eve) == Fraction(1, 4)
    assert adjusted_quantity(Decimal("2.5"), splits, eve, to=DAY) == Decimal(10)
    assert adjusted_price(Decimal("499.23"), splits, eve, to=DAY) == Decimal("124.8075")
    assert adjusted_price(Decimal("499.23"), splits, DAY, to=DAY) == Decimal("499.23")


def test_only_what_counts_counts() -> None:
    """What is suggested or was refused changes no number."""
    for state in (EventState.OPEN, EventState.REFUSED):
        assert factor([event(ratio=Ratio(4, 1), state=state)], date.min, date.max) == 1


@given(
    st.lists(st.tuples(st.dates(), st.integers(1, 50), st.integers(1, 50)), max_size=5),
    st.dates(),
    st.dates(),
    st.dates(),
)
def test_factors_chain(told: list[tuple[date, int, int]], a: date, b: date, c: date) -> None:
    """From a to c is from a to b and from b to c, in whatever order the days are."""
    splits = [event(day=day, ratio=Ratio(n, o)) for day, n, o in told if n != o]
    assert factor(splits, a, b) * factor(splits, b, c) == factor(splits, a, c)


def test_a_ratio_is_read_or_refused() -> None:
    """4:1 is four new shares for an old one; 0, equal parts, signs and words are no ratio."""
    assert read_ratio(" 1:10 ") == Ratio(1, 10)
    for text in ("4", "4:", "0:1", "1:1", "-4:1", "4.5:1", "٤:1", "4:1:1", "9" * 50 + ":1"):
        with pytest.raises(InvalidInput):
            read_ratio(text)


def test_a_day_is_asked_for_by_the_name_of_that_day() -> None:
    """A price of 2021 was FB's; the ISIN stayed; before the day of the change it is the old one."""
    renamed = event(
        EventKind.RENAME,
        date(2022, 6, 9),
        old_ticker="FB",
        old_mic="XNAS",
        new_ticker="META",
        new_mic="XNAS",
    )
    moved = event(EventKind.RENAME, date(2024, 1, 2), id=2, old_isin="A", new_isin="B")
    names = names_over_time("META", "XNAS", "B", [moved, renamed])
    found = [called_on(names, date(year, 6, 9)) for year in (2021, 2022, 2025)]
    assert [(one.ticker, one.isin) for one in found] == [("FB", "A"), ("META", "A"), ("META", "B")]
    assert [(one.since, one.until) for one in names] == [
        (None, date(2022, 6, 9)),
        (date(2022, 6, 9), date(2024, 1, 2)),
        (date(2024, 1, 2), None),
    ]


def stated(quantity: str, price: str | None, cost: str | None = None) -> Stated:
    """Make a state of a position."""
    return Stated(
        Decimal(quantity),
        None if price is None else Decimal(price),
        None if cost is None else Decimal(cost),
        "USD",
    )


@pytest.mark.parametrize(
    ("before", "after", "ratio"),
    [
        (stated("10", "500", "900"), stated("40", "126.1", "900"), "4:1"),
        (stated("31.415926", "100"), stated("125.663704", "24.4"), "4:1"),
        (stated("100", "1.07", "300"), stated("10", "10.5", "300"), "1:10"),
        (stated("31", "3", "90"), stated("10", "9.1", "90"), "1:3"),
        (stated("10.5", "90", "900"), stated("15.75", "61", "900"), "3:2"),
    ],
)
def test_a_split_is_seen(before: Stated, after: Stated, ratio: str) -> None:
    """As many more as usual, as much cheaper, for the same money; a rest of a share is paid out."""
    found = split_between(before, after)
    assert str(found) == ratio


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (stated("10", "500", "900"), stated("40", "126", "4680")),
        (stated("10", "500"), stated("40", "500")),
        (stated("10", "500"), stated("10", "125")),
        (stated("10", "0.1455"), stated("10", "14.55")),
        (stated("10", "100"), stated("11", "91")),
        (stated("10", None), stated("40", None)),
        (stated("0", "1"), stated("4", "1")),
        (stated("10", "100"), stated("-20", "50")),
        (stated("10", "461.15"), stated("4.714286", "205.10")),
        (stated("10", "500"), Stated(Decimal(40), Decimal(125), None, "EUR")),
    ],
)
def test_no_split_is_invented(before: Stated, after: Stated) -> None:
    """Bought or sold, cheaper or dearer, pence for pounds, a special dividend: none is a split."""
    assert split_between(before, after) is None


@pytest.mark.parametrize(
    "name",
    ["yfinance_CNE.L_bad_split", "yfinance_AET.L_100x_error", "yfinance_AET.L_100x_error_fixed"],
)
def test_recorded_prices_alone_show_no_split(name: str) -> None:
    """Recorded series with a dividend that broke a split, and a hundredfold error: nothing is seen.

    Not for one who holds as many as before, nor for one whose shares became 33 of 70.
    """
    path = MARKET / f"{name}.csv"
    if not path.exists():
        pytest.skip("the recorded prices are not here")
    with path.open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))[::-1]
    prices = [Decimal(row["Close"]) for row in rows if row["Close"]]
    assert len(prices) > 5
    for old, new in pairwise(prices):
        for quantity in ("1000", "471.428571"):
            before = Stated(Decimal(1000), old, None, "GBX")
            assert split_between(before, Stated(Decimal(quantity), new, None, "GBX")) is None
