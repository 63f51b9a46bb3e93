"""Money is exact, and written in one way only."""

from decimal import Decimal, localcontext

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from penstock.domain.currency import minor_digits
from penstock.domain.errors import InvalidInput
from penstock.domain.money import MOST_DECIMALS, MOST_DIGITS, canonical, from_minor

CURRENCIES = ["EUR", "USD", "JPY", "KWD", "CLF", "BTC", "ETH", "XXX", ""]
currencies = st.sampled_from(CURRENCIES)
units = st.integers(-(10**19), 10**19)
amounts = st.builds(lambda n, places: Decimal(n).scaleb(-places), units, st.integers(0, 18))


def written(amount: Decimal, currency: str) -> str:
    """Return an amount as it is stored on SQLite and sent by the API."""
    return format(canonical(amount, currency), "f")


@given(amounts, currencies)
def test_no_digit_is_lost_or_added(amount: Decimal, currency: str) -> None:
    """sync.md 15: an amount that we keep is the very number that came, to the last digit."""
    kept = canonical(amount, currency)
    with localcontext() as exactly:
        exactly.prec = 200
        assert kept - amount == 0
    assert Decimal(written(amount, currency)) == amount


@given(amounts, amounts, st.integers(0, 12), currencies)
def test_equal_amounts_have_equal_texts(
    one: Decimal, other: Decimal, zeros: int, currency: str
) -> None:
    """sync.md 15: two texts are equal exactly if the numbers are: 12.5 and 12.50 are one."""
    text = f"{one:f}"
    same = Decimal(text + "." * ("." not in text) + "0" * zeros)
    assert same == one
    assert written(same, currency) == written(one, currency)
    assert (written(one, currency) == written(other, currency)) == (one == other)


@given(amounts, currencies)
def test_writing_twice_changes_nothing(amount: Decimal, currency: str) -> None:
    """What is canonical stays as it is, and has neither an exponent nor the sign of a zero."""
    text = written(amount, currency)
    assert written(Decimal(text), currency) == text
    assert set(text) <= set("-.0123456789")
    assert amount != 0 or not text.startswith("-")


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [
        ("12.5", "EUR", "12.50"),
        ("-0", "EUR", "0.00"),
        ("-0.000", "EUR", "0.00"),
        ("1E+3", "EUR", "1000.00"),
        ("1E+3", "JPY", "1000"),
        ("-0", "JPY", "0"),
        ("0.5", "JPY", "0.5"),
        ("1.2", "KWD", "1.200"),
        ("1.2", "CLF", "1.2000"),
        ("0.00001234", "BTC", "0.00001234"),
        ("0.0000001", "BTC", "0.00000010"),
        ("0", "ETH", "0.000000000000000000"),
        ("0.1230", "EUR", "0.123"),
        ("7", "no such currency", "7.00"),
    ],
)
def test_how_amounts_are_written(amount: str, currency: str, text: str) -> None:
    """The currency's own decimals; more only where they say something; never an exponent."""
    assert written(Decimal(amount), currency) == text


@pytest.mark.parametrize(
    "amount",
    [
        "NaN",
        "-NaN",
        "sNaN",
        "NaN123",
        "Infinity",
        "-Infinity",
        "1E+37",
        "1E+999999",
        "9" * 37,
        f"0.{'0' * 18}1",
        "1E-999999",
        "1.0000000000000000001",
        f"{'9' * 30}.{'9' * 18}",
    ],
)
def test_what_cannot_be_kept_exactly_is_refused(amount: str) -> None:
    """sync.md 15: not a number, infinite or too long: refused by name, never rounded."""
    with pytest.raises(InvalidInput):
        canonical(Decimal(amount), "EUR")


@given(st.decimals(allow_nan=True, allow_infinity=True), currencies)
def test_any_decimal_is_kept_exactly_or_refused(amount: Decimal, currency: str) -> None:
    """Whatever comes, it is kept to the last digit within the bounds, or refused."""
    try:
        kept = canonical(amount, currency)
    except InvalidInput:
        return
    sign, digits, exponent = kept.as_tuple()
    assert kept == amount
    assert len(digits) <= MOST_DIGITS
    assert isinstance(exponent, int)
    assert -MOST_DECIMALS <= exponent <= -minor_digits(currency)
    assert sign == (amount < 0)


@given(units, currencies)
def test_minor_units_are_shifted_not_divided(number: int, currency: str) -> None:
    """sync.md 15: smallest coins become an amount exactly, for every currency's own decimals."""
    amount = from_minor(number, currency)
    digits = minor_digits(currency)
    assert amount * 10**digits == number
    assert canonical(amount, currency) == amount
    assume(number)
    exponent = canonical(amount, currency).as_tuple().exponent
    assert exponent == -digits


def test_the_digits_of_currencies() -> None:
    """ISO 4217: most currencies have two decimals; yen, dinar and the unidad de fomento differ."""
    table = {"EUR": 2, "JPY": 0, "BHD": 3, "CLF": 4, "BTC": 8, "ETH": 18, "???": 2}
    assert {currency: minor_digits(currency) for currency in table} == table
