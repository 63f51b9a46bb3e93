"""Prices in text: exact, or refused, and never silently wrong."""

import csv
from decimal import Decimal
from pathlib import Path

import pytest
from babel import localedata
from babel.numbers import (
    format_compact_decimal,
    format_currency,
    format_decimal,
    format_percent,
)
from hypothesis import example, given
from hypothesis import strategies as st

from penstock.domain.quote import AmbiguousNumber
from penstock.quotes.number import Price, parse_price

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data" / "market" / "price_strings.csv"
OURS = ROOT / "tests" / "recorded" / "quotes" / "price_texts.csv"
LOCALES = sorted(localedata.locale_identifiers())
CURRENCIES = "AUD BRL CAD CHF CNY CZK DKK EUR GBP HKD INR JPY KRW MXN NOK PLN SEK TRY TWD USD ZAR"
REFUSED = "AMBIGUOUS"

Row = tuple[str, str | None, str, str]


def rows_of(path: Path) -> list[Row]:
    """Return text, locale, amount (empty: no price) and currency of each example in a file."""
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        read = csv.reader(file)
        next(read)
        return [(row[0], row[1] or None, row[2], row[3]) for row in read]


def told(text: str, locale: str | None) -> tuple[str | Decimal, str]:
    """Return what the parser says, in the words of the examples."""
    try:
        price = parse_price(text, locale)
    except AmbiguousNumber:
        return REFUSED, ""
    return (price.amount, price.currency or "") if price else ("", "")


@pytest.mark.skipif(not SHARED.exists(), reason="the shared price strings are not on this machine")
@pytest.mark.parametrize("row", rows_of(SHARED), ids=repr)
def test_real_price_strings(row: Row) -> None:
    """Every price string collected from real pages is read right, or refused where it must be."""
    text, locale, amount, currency = row
    expected = amount if amount in ("", REFUSED) else Decimal(amount)
    assert told(text, locale) == (expected, currency)


@pytest.mark.parametrize("row", rows_of(OURS), ids=repr)
def test_our_own_examples(row: Row) -> None:
    """What pages may write, and the traps in it, is read right, or refused where it must be."""
    text, locale, amount, currency = row
    expected = amount if amount in ("", REFUSED) else Decimal(amount)
    assert told(text, locale) == (expected, currency)


def test_there_are_examples() -> None:
    """The file of examples is there, with prices, refusals and texts without a price in it."""
    amounts = [amount for _, _, amount, _ in rows_of(OURS)]
    assert len(amounts) > 200
    assert amounts.count(REFUSED) > 50
    assert amounts.count("") > 10


def test_the_digits_are_kept_as_written() -> None:
    """Trailing zeros stay, and a scaled amount is written out without an exponent."""
    assert str(parse_price("96.10", "en")) == str(Price(Decimal("96.10"), None))
    scaled = parse_price("1.2K", "en")
    assert scaled is not None
    assert str(scaled.amount) == "1200"


def test_no_digit_is_lost() -> None:
    """Forty digits come back as forty digits, negative ones too."""
    text = "1234567890123456789012345678.901234567891"
    assert parse_price(f"-{text}", "en") == Price(Decimal(f"-{text}"), None)


def test_nothing_is_negative_zero() -> None:
    """Minus nothing is nothing."""
    price = parse_price("-0.00", "en")
    assert price is not None
    assert str(price.amount) == "0.00"


def numbers_of(seed: int) -> list[Decimal]:
    """Return numbers that between them have every length of group and fraction."""
    digits = str(7919 * (seed + 13) ** 3 + 1000000007)[:10]
    spread = [Decimal(int(digits[:length])) for length in (1, 2, 3, 4, 6, 9)]
    exponents = [(seed + length) % 9 for length in range(6)]
    return [
        number.scaleb(-exponent) * (-1 if exponent % 2 else 1)
        for number, exponent in zip(spread, exponents, strict=True)
    ]


@pytest.mark.parametrize("digits", ["latn", "default"])
def test_every_locale_reads_its_own_numbers(digits: str) -> None:
    """A number written as any CLDR locale writes it is read back as the same number by it."""
    wrong = []
    for seed, locale in enumerate(LOCALES):
        for number in numbers_of(seed):
            text = format_decimal(
                number, locale=locale, decimal_quantization=False, numbering_system=digits
            )
            if told(text, locale) != (number, ""):
                wrong.append((locale, text, number))
    assert wrong == []


@given(
    number=st.decimals(allow_nan=False, allow_infinity=False, places=5, max_value=10**15),
    locale=st.sampled_from(LOCALES),
)
@example(number=Decimal("-1234567.5"), locale="en_IN")
def test_a_random_number_survives(number: Decimal, locale: str) -> None:
    """Formatting and reading back changes no number in any locale."""
    number = max(number, Decimal(-(10**15)))
    text = format_decimal(number, locale=locale, decimal_quantization=False)
    assert told(text, locale) == (number, "")


@given(
    number=st.decimals(min_value=-(10**9), max_value=10**9, places=2),
    locale=st.sampled_from(LOCALES),
    currency=st.sampled_from(CURRENCIES.split()),
    style=st.sampled_from(["standard", "accounting"]),
)
def test_a_random_price_survives(number: Decimal, locale: str, currency: str, style: str) -> None:
    """A price as any locale writes it is read back, with its currency.

    But for one: north of the 38th parallel the won sign is the country's own, as dollar signs are.
    """
    text = format_currency(
        number,
        currency,
        locale=locale,
        format_type=style,  # type: ignore[arg-type]  # any of the styles above
        currency_digits=False,
        decimal_quantization=False,
    )
    expected = "KPW" if (locale, currency) == ("ko_KP", "KRW") else currency
    assert told(text, locale) == (number, expected)


@given(
    digits=st.integers(min_value=11, max_value=99),
    power=st.sampled_from([3, 4, 5, 6, 7, 8, 9, 12]),
    locale=st.sampled_from(LOCALES),
    style=st.sampled_from(["short", "long"]),
)
def test_a_scale_is_right_or_refused(digits: int, power: int, locale: str, style: str) -> None:
    """`1.2 Mio.` and its kin in every language are never a thousandfold wrong."""
    number = digits * 10 ** (power - 1)
    try:
        text = format_compact_decimal(
            number,
            format_type=style,  # type: ignore[arg-type]  # one of the two styles above
            locale=locale,
            fraction_digits=1,
        )
    except (KeyError, ValueError):
        return  # This locale has no such style.
    assert told(text, locale) in ((number, ""), (REFUSED, ""))


@given(locale=st.sampled_from(LOCALES))
def test_a_percentage_says_so(locale: str) -> None:
    """Per cent is a unit of its own, wherever the locale puts the sign."""
    text = format_percent(Decimal("0.98755"), locale=locale, decimal_quantization=False)
    assert told(text, locale) == (Decimal("98.755"), "PCT")


@given(
    text=st.text(max_size=40)
    | st.text(alphabet="0123456789.,'\u2019 -+%()$\u20ac\u00a3kKMBpe/:\u00a0\u2212", max_size=20),
    locale=st.sampled_from([None, "en-US", "de-DE", "de-CH", "hi-IN", "fr", "zh-TW", "xx-XX"])
    | st.text(max_size=12),
)
def test_no_text_breaks_it(text: str, locale: str | None) -> None:
    """Whatever the text and the locale, the answer is a price, None or AmbiguousNumber."""
    amount, _ = told(text, locale)
    assert isinstance(amount, Decimal) or amount in ("", REFUSED)


@given(number=st.integers(min_value=1, max_value=999), rest=st.integers(min_value=0, max_value=999))
def test_a_lone_thousand_is_refused_without_a_locale(number: int, rest: int) -> None:
    """Three digits behind one comma or point are thousands or a fraction: nobody can tell."""
    for sign in ",.":
        assert told(f"{number}{sign}{rest:03}", None) == (REFUSED, "")


@pytest.mark.parametrize("text", ["1" * 10_000, "1," * 5_000, "(" * 250 + "1", "1 " * 100_000])
def test_long_texts_are_refused_at_once(text: str) -> None:
    """What is longer than any price is refused without being taken apart."""
    assert told(text, "en-US") == (REFUSED, "")


def test_a_refusal_says_what_and_why() -> None:
    """The message quotes the text, shortened, and gives the reason and a remedy."""
    with pytest.raises(AmbiguousNumber) as refusal:
        parse_price("1.234")
    assert "'1.234'" in str(refusal.value)
    assert "more than one way" in str(refusal.value)
    assert refusal.value.remedy is not None
