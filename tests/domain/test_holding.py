"""Quantities and prices are exact, and written in one way only."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.currency import minor_digits
from penstock.domain.errors import InvalidInput
from penstock.domain.holding import MOST_DECIMALS, canonical_price, canonical_quantity

currencies = st.sampled_from(["EUR", "JPY", "KWD", "BTC", "XXX"])
numbers = st.builds(
    lambda n, places: Decimal(n).scaleb(-places), st.integers(-(10**29), 10**29), st.integers(0, 30)
)


def written(number: Decimal) -> str:
    """Return a number as it is stored on SQLite and sent by the API."""
    return format(number, "f")


@given(numbers, currencies)
def test_no_digit_is_lost_or_added(number: Decimal, currency: str) -> None:
    """A quantity or a price that we keep is the very number that came, to the last digit."""
    for kept in (canonical_quantity(number), canonical_price(number, currency)):
        with localcontext() as exactly:
            exactly.prec = 200
            assert kept - number == 0
        assert Decimal(written(kept)) == number


@given(numbers, st.integers(0, 12), currencies)
def test_equal_numbers_have_equal_texts(number: Decimal, zeros: int, currency: str) -> None:
    """However many zeros came behind it, a number is written the same, and so again."""
    text = f"{number:f}"
    same = Decimal(text + "." * ("." not in text) + "0" * zeros)
    assert written(canonical_quantity(same)) == written(canonical_quantity(number))
    assert written(canonical_price(same, currency)) == written(canonical_price(number, currency))
    again = Decimal(written(canonical_price(number, currency)))
    assert written(canonical_price(again, currency)) == written(again)


@given(numbers, currencies)
def test_a_price_has_the_decimals_of_its_currency_or_more(number: Decimal, currency: str) -> None:
    """12.5 EUR are 12.50, and a share at 0.00012345 EUR keeps its digits."""
    _, _, decimals = written(canonical_price(number, currency)).partition(".")
    assert len(decimals) >= minor_digits(currency)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("2.50", "2.5"),
        ("1E+2", "100"),
        ("-0.000", "0"),
        ("-3", "-3"),
        ("0.000000000000000001", "0.000000000000000001"),
        ("123456789.123456789123456789", "123456789.123456789123456789"),
    ],
)
def test_a_quantity_is_written_in_one_way(number: str, text: str) -> None:
    """No exponent, no zeros behind, no negative zero; eighteen decimals are none too many."""
    assert written(canonical_quantity(Decimal(number))) == text


@pytest.mark.parametrize("number", ["NaN", "sNaN", "Infinity", f"1E-{MOST_DECIMALS + 1}", "1E+61"])
def test_what_cannot_be_kept_exactly_is_refused(number: str) -> None:
    """No number, and one with more digits than we keep, is an error and never rounded."""
    with pytest.raises(InvalidInput, match="can keep exactly"):
        canonical_quantity(Decimal(number))
    with pytest.raises(InvalidInput, match="can keep exactly"):
        canonical_price(Decimal(number), "EUR")
