"""Exchange rates: the last one up to a day, through the euro, and never one that there is not."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.errors import InvalidInput
from penstock.domain.fx import NoRate, Rates, needed
from penstock.domain.pegs import FIXED
from penstock.domain.rate import MADE, MAX_AGE, OWN_MAX_AGE, checked
from penstock.domain.remedy import RemedyKind

FRIDAY = date(2026, 11, 20)
THURSDAY = FRIDAY - timedelta(1)
SUNDAY = FRIDAY + timedelta(2)


def points(*rates: tuple[date, str]) -> list[tuple[date, Decimal]]:
    """Return a series."""
    return [(day, Decimal(rate)) for day, rate in rates]


def prices(source: str, *found: tuple[date, str]) -> list[tuple[date, Decimal, str]]:
    """Return the prices of a pair by one source."""
    return [(day, Decimal(price), source) for day, price in found]


ECB = {
    "USD": points((THURSDAY, "1.2400"), (FRIDAY, "1.2500")),
    "GBP": points((THURSDAY, "0.8100"), (FRIDAY, "0.8000")),
    "JPY": points((THURSDAY, "174.00")),
    "CHF": points((FRIDAY, "0.9300")),
}


@pytest.mark.parametrize(
    ("base", "quote", "value", "made", "day"),
    [
        ("EUR", "USD", "1.2500", "stated", FRIDAY),
        ("USD", "EUR", "0.8", "inverted", FRIDAY),
        ("GBP", "USD", "1.5625", "crossed", FRIDAY),
        ("CHF", "USD", "1.34408602150537634", "crossed", FRIDAY),
        ("JPY", "EUR", "0.00574712643678160920", "inverted", THURSDAY),
        ("USD", "JPY", "139.2", "crossed", THURSDAY),
        ("GBX", "GBP", "0.01", "minor", SUNDAY),
        ("GBP", "GBX", "100", "minor", SUNDAY),
        ("EUR", "GBX", "80.0000", "stated", FRIDAY),
        ("GBX", "EUR", "0.0125", "inverted", FRIDAY),
        ("GBX", "USX", "1.5625", "crossed", FRIDAY),
        ("BMD", "USD", "1", "pegged", SUNDAY),
        ("BMD", "GBP", "0.64", "pegged", FRIDAY),
        ("GBX", "JEP", "0.01", "pegged", SUNDAY),
        ("EUR", "XOF", "655.957", "pegged", SUNDAY),
        ("XAF", "XOF", "1", "pegged", SUNDAY),
        ("XPF", "EUR", "0.00838", "pegged", SUNDAY),
        ("EUR", "HRK", "7.53450", "converted", SUNDAY),
        ("BGN", "DEM", "1", "converted", SUNDAY),
        ("BGN", "EUR", "0.511291881196218485", "converted", SUNDAY),
        ("USD", "USD", "1", "same", SUNDAY),
    ],
)
def test_a_rate_is_worked_out_exactly(
    base: str, quote: str, value: str, made: str, day: date
) -> None:
    """Stated digits stay, all else is one division; the day is that of the older rate in it."""
    used = Rates(ECB).rate(base, quote, SUNDAY)
    assert used.value == Decimal(value)
    assert (used.made, used.day) == (made, day)
    assert used.made in MADE


def test_stated_digits_are_kept() -> None:
    """1.2500 stays 1.2500, also in pence."""
    assert str(Rates(ECB).rate("EUR", "USD", FRIDAY).value) == "1.2500"
    assert str(Rates(ECB).rate("EUR", "GBX", FRIDAY).value) == "80.0000"


def test_no_day_sees_a_later_one() -> None:
    """Thursday's rate is Thursday's, whatever Friday brought; before the first there is none."""
    rates = Rates(ECB)
    assert rates.rate("EUR", "USD", THURSDAY).value == Decimal("1.24")
    with pytest.raises(NoRate) as caught:
        rates.rate("USD", "CHF", THURSDAY)
    assert (caught.value.currency, caught.value.day) == ("CHF", THURSDAY)


@pytest.mark.parametrize(("base", "quote"), [("EUR", "XYZ"), ("XYZ", "EUR"), ("XYZ", "ABC")])
def test_what_nobody_knows_has_no_rate(base: str, quote: str) -> None:
    """An unknown code is never 1: the error names it, its day, and what to do."""
    with pytest.raises(NoRate, match="XYZ") as caught:
        Rates(ECB).rate(base, quote, FRIDAY)
    assert caught.value.remedy is not None
    assert caught.value.remedy.kind is RemedyKind.ASK_PERSON
    assert "penstock rates set XYZ" in caught.value.remedy.text
    assert caught.value.last is None


def test_a_currency_that_is_no_longer_published_ends() -> None:
    """The rouble has its last rate for two weeks, and then none; a caller may set the bound."""
    last = date(2022, 3, 1)
    series = {"RUB": points((last, "117.2010"))}
    assert Rates(series).rate("EUR", "RUB", last + MAX_AGE).day == last
    with pytest.raises(NoRate, match=r"too old: of 2022-03-01") as caught:
        Rates(series).rate("EUR", "RUB", last + MAX_AGE + timedelta(1))
    assert caught.value.last == last
    patient = Rates(series, max_age=timedelta(days=9999))
    assert patient.rate("EUR", "RUB", SUNDAY).day == last
    with pytest.raises(NoRate):
        Rates(series, max_age=timedelta(0)).rate("EUR", "RUB", last + timedelta(1))


def test_what_the_euro_replaced_is_converted_for_ever() -> None:
    """The kuna floats to its last day and is fixed from the next, without a rate of any day."""
    rates = Rates({"HRK": points((date(2022, 12, 30), "7.5365"))})
    assert str(rates.rate("EUR", "HRK", date(2022, 12, 31)).value) == "7.5365"
    fixed = rates.rate("EUR", "HRK", date(2023, 1, 1))
    assert (str(fixed.value), fixed.made, fixed.sources) == ("7.53450", "converted", ("law",))
    with pytest.raises(NoRate):
        Rates({}).rate("EUR", "HRK", date(2022, 12, 31))
    with pytest.raises(NoRate):
        Rates({}).rate("EUR", "DEM", date(1998, 12, 31))


def test_of_own_and_official_the_later_day_counts() -> None:
    """A rate that a person set holds from its day until a later one; of one day, theirs counts."""
    own = {"USD": points((THURSDAY, "9")), "CHF": points((FRIDAY, "8"))}
    rates = Rates(ECB, own=own)
    assert rates.rate("EUR", "USD", THURSDAY).value == Decimal(9)
    assert rates.rate("EUR", "USD", FRIDAY).value == Decimal("1.25")
    assert rates.rate("EUR", "CHF", FRIDAY).sources == ("own",)
    assert rates.rate("GBP", "CHF", FRIDAY).sources == ("ecb", "own")


def test_an_own_rate_may_be_older() -> None:
    """What a person set holds for a year: they look it up once in a while."""
    rates = Rates({}, own={"ARS": points((FRIDAY, "1500"))})
    assert rates.rate("EUR", "ARS", FRIDAY + OWN_MAX_AGE).day == FRIDAY
    with pytest.raises(NoRate):
        rates.rate("EUR", "ARS", FRIDAY + OWN_MAX_AGE + timedelta(1))


def test_an_own_rate_goes_before_a_peg_but_not_before_a_replaced_currency() -> None:
    """A peg can end, and a person knows it first; what the euro replaced never changes."""
    own = {"XOF": points((FRIDAY, "700")), "HRK": points((FRIDAY, "8"))}
    rates = Rates({}, own=own)
    assert rates.rate("EUR", "XOF", FRIDAY).value == Decimal(700)
    assert rates.rate("EUR", "HRK", FRIDAY).value == Decimal("7.53450")


def test_coins_have_the_prices_of_their_pairs() -> None:
    """BTC in USD is the price as it stands; in pounds it goes through the dollar and the euro."""
    btc = prices("coingecko", (FRIDAY, "96077.45"), (SUNDAY, "97000.5"))
    rates = Rates(ECB, prices={("BTC", "USD"): btc})
    used = rates.rate("BTC", "USD", SUNDAY)
    assert (str(used.value), used.made, used.day) == ("97000.5", "stated", SUNDAY)
    used = rates.rate("BTC", "GBP", SUNDAY)
    assert (used.value, used.made, used.day) == (Decimal("62080.32"), "crossed", FRIDAY)
    assert used.sources == ("coingecko", "ecb")
    assert rates.rate("USD", "BTC", SUNDAY).made == "inverted"
    assert rates.days("BTC", "USD", FRIDAY, SUNDAY) == [FRIDAY, SUNDAY]


def test_of_two_prices_of_a_coin_the_later_counts_then_the_one_asked_for() -> None:
    """A pair that is quoted directly is taken as it is, unless the other one is of a later day."""
    pairs = {
        ("BTC", "EUR"): prices("one", (FRIDAY, "80000")),
        ("BTC", "USD"): prices("one", (FRIDAY, "100001")),
    }
    assert Rates(ECB, prices=pairs).rate("BTC", "USD", FRIDAY).value == Decimal(100001)
    assert Rates(ECB, prices=pairs).rate("BTC", "EUR", FRIDAY).value == Decimal(80000)
    assert Rates(ECB, prices=pairs).rate("BTC", "GBP", FRIDAY).value == Decimal(64000)
    pairs["BTC", "EUR"] = prices("one", (SUNDAY, "90000"))
    assert Rates(ECB, prices=pairs).rate("BTC", "USD", SUNDAY).value == Decimal(112500)


def test_a_price_never_goes_before_an_official_rate() -> None:
    """Prices complete what the central bank lacks; they replace nothing."""
    pairs = {
        ("EUR", "USD"): prices("web", (SUNDAY, "2")),
        ("EUR", "VND"): prices("web", (FRIDAY, "30000")),
        ("BTC", "ETH"): prices("web", (FRIDAY, "30")),
    }
    rates = Rates(ECB, prices=pairs)
    assert rates.rate("EUR", "USD", SUNDAY).value == Decimal("1.25")
    assert str(rates.rate("EUR", "VND", FRIDAY).value) == "30000"
    assert rates.rate("VND", "USD", FRIDAY).made == "crossed"
    with pytest.raises(NoRate):
        rates.rate("BTC", "EUR", FRIDAY)


@pytest.mark.parametrize(
    "rate", ["0", "-1", "NaN", "sNaN", "Infinity", "1e-19", "1e38", "1e999999"]
)
def test_what_can_be_no_rate_is_refused(rate: str) -> None:
    """Zero, negative, not a number, without bounds: refused before anything is made of it."""
    with pytest.raises(InvalidInput):
        Rates({"USD": points((FRIDAY, rate))})
    with pytest.raises(InvalidInput):
        checked(Decimal(rate))


def test_two_rates_of_one_day_are_refused() -> None:
    """A contradiction is no series; nor has the euro one."""
    with pytest.raises(InvalidInput, match="two rates for USD of 2026-11-20"):
        Rates({"USD": points((FRIDAY, "1.1"), (FRIDAY, "1.2"))})
    with pytest.raises(InvalidInput):
        Rates({"EUR": points((FRIDAY, "1"))})


def test_what_a_currency_needs() -> None:
    """Pence need the pound, a peg what it is pegged to; the euro needs nothing."""
    assert needed(["GBX", "BMD", "JEP", "HRK", "CHF", "EUR"]) == {
        *("GBP", "BMD", "USD", "JEP", "HRK", "CHF")
    }


def test_every_law_is_a_rate_with_its_source() -> None:
    """Each fixed rate is positive, leads to the euro in two steps, and says which text it is of."""
    for one in FIXED.values():
        assert checked(one.units)
        assert checked(one.worth)
        assert len(one.law) > 10
        assert one.anchor in {"EUR", "GBP", "USD"}
        assert one.anchor == "EUR" or not one.replaced


FIGURE = st.decimals(min_value="0.0001", max_value=100_000, places=4)
DAYS = st.dates(min_value=date(2020, 1, 1), max_value=date(2020, 3, 1))
CODES = st.sampled_from(["EUR", "AAA", "BBB", "GBP", "GBX"])


@st.composite
def many(draw: st.DrawFn) -> Rates:
    """Return rates of three currencies on some days."""
    return Rates(
        {
            code: list(draw(st.dictionaries(DAYS, FIGURE, min_size=1)).items())
            for code in ("AAA", "BBB", "GBP")
        },
        max_age=timedelta(days=99),
    )


def or_none(rates: Rates, base: str, quote: str, day: date) -> Decimal | None:
    """Return a rate, or None for none."""
    try:
        return rates.rate(base, quote, day).value
    except NoRate:
        return None


@given(rates=many(), base=CODES, quote=CODES, day=DAYS)
def test_there_and_back_is_one(rates: Rates, base: str, quote: str, day: date) -> None:
    """A pair times its reverse is 1 but for the rounding, and both exist or neither."""
    there, back = or_none(rates, base, quote, day), or_none(rates, quote, base, day)
    assert (there is None) == (back is None)
    if there is not None and back is not None:
        assert abs(there * back - 1) < Decimal("2e-17")


@given(rates=many(), base=CODES, middle=CODES, quote=CODES, day=DAYS)
def test_the_way_round_costs_the_same(
    rates: Rates, base: str, middle: str, quote: str, day: date
) -> None:
    """From one to another directly, or by a third: the same but for the rounding."""
    direct = or_none(rates, base, quote, day)
    one, two = or_none(rates, base, middle, day), or_none(rates, middle, quote, day)
    if direct is not None and one is not None and two is not None:
        assert abs(one * two / direct - 1) < Decimal("4e-17")


@given(points=st.dictionaries(DAYS, FIGURE, min_size=1), day=DAYS, bound=st.integers(0, 60))
def test_the_last_up_to_the_day_and_no_other(
    points: dict[date, Decimal], day: date, bound: int
) -> None:
    """What is used is the last point up to the day, within the bound: never a later one."""
    rates = Rates({"AAA": list(points.items())}, max_age=timedelta(days=bound))
    possible = [one for one in points if one <= day and (day - one).days <= bound]
    if not possible:
        assert or_none(rates, "EUR", "AAA", day) is None
        return
    used = rates.rate("EUR", "AAA", day)
    assert (used.day, used.value) == (max(possible), points[max(possible)])


@given(rates=many(), base=CODES, quote=CODES, days=st.tuples(DAYS, DAYS))
def test_later_days_never_use_older_rates(
    rates: Rates, base: str, quote: str, days: tuple[date, date]
) -> None:
    """The day of what is used only ever moves forward, and never past the day asked for."""
    first, last = sorted(days)
    if or_none(rates, base, quote, first) is None:
        return
    one, two = rates.rate(base, quote, first), rates.rate(base, quote, last)
    assert one.day <= two.day <= last
    assert one.day <= first
