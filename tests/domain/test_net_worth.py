"""What all is worth together, against a table that was computed by hand."""

import random
from dataclasses import replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.counting import Kind, Part, parts
from penstock.domain.net_worth import add_up, allocation, percentages
from penstock.domain.valuation import Reason, Source, Valued, rounded
from tests.domain.portfolio import (
    ASSETS,
    EUROS,
    IN_EUROS,
    LIABILITIES,
    MISSING,
    NOW,
    OF_ITS_OWN,
    TOTAL,
    accounts,
    convert,
)

AMOUNTS = st.decimals(
    min_value=Decimal(-(10**15)), max_value=Decimal(10**15), places=8, allow_nan=False
)
CURRENCIES = st.sampled_from(["EUR", *EUROS])
PARTS = st.lists(st.tuples(AMOUNTS, CURRENCIES), max_size=12)


def table() -> list[Part]:
    """Return the parts of the portfolio."""
    return [part for account in accounts() for part in parts(account)]


def made(amounts: list[tuple[Decimal, str]]) -> list[Part]:
    """Return parts that are worth so much."""
    return [
        Part(
            key=f"p{place}",
            name="",
            account=f"a{place % 3}",
            institution="",
            kind=list(Kind)[place % len(Kind)],
            valued=Valued(Source.BALANCE, amount, currency, NOW),
            currency=currency,
        )
        for place, (amount, currency) in enumerate(amounts)
    ]


def test_six_currencies_are_added_up_to_the_cent() -> None:
    """Pence, agorot, yen, a coin, a bond in per cent, a short: each line as computed by hand."""
    worth = add_up(table(), "EUR", convert)
    found = {one.part.key: str(one.amount) for one in worth.counted}
    assert found == IN_EUROS
    assert str(worth.total) == TOTAL
    assert str(worth.assets) == ASSETS
    assert str(worth.liabilities) == LIABILITIES
    own = {
        one.part.key: (str(one.valued.value), one.valued.currency)
        for one in worth.counted
        if one.part.line
    }
    assert own == OF_ITS_OWN


def test_what_is_missing_stands_beside_the_total() -> None:
    """It is named with its reason, and never 0 inside: without it the total is the same."""
    worth = add_up(table(), "EUR", convert)
    assert [(one.part.key, one.reason) for one in worth.missing] == [(MISSING, Reason.NO_PRICE)]
    without = add_up([one for one in table() if one.key != MISSING], "EUR", convert)
    assert (without.total, without.missing) == (worth.total, [])


def test_a_total_is_as_old_as_its_oldest_part() -> None:
    """The balances are two hours old, the broker's words one, our quotes less."""
    worth = add_up(table(), "EUR", convert)
    assert worth.oldest is not None
    assert worth.oldest.part.key == "card"
    assert worth.oldest.as_of == min(one.as_of for one in worth.counted)


def test_without_a_rate_there_is_no_amount() -> None:
    """No rate is ever 1 by default: the part is missing, and says from what into what."""
    strange = replace(
        table()[0],
        valued=Valued(Source.BALANCE, Decimal(5), "XTS", NOW),
        currency="XTS",
        line=None,
    )
    worth = add_up([*made([(Decimal(7), "EUR")]), strange], "EUR", convert)
    assert str(worth.total) == "7.00"
    (missing,) = worth.missing
    assert missing.reason is Reason.NO_RATE
    assert "from XTS to EUR" in missing.why


@given(PARTS)
def test_the_sum_of_the_rounded_lines_is_the_total(amounts: list[tuple[Decimal, str]]) -> None:
    """Rounded once a line, then only added; assets and liabilities are the two halves of it."""
    worth = add_up(made(amounts), "EUR", convert)
    assert worth.total == sum((one.amount for one in worth.counted), Decimal(0))
    assert worth.assets + worth.liabilities == worth.total
    for one in worth.counted:
        assert one.amount == rounded(one.amount, "EUR")
        rate = convert(one.valued.currency, "EUR")
        assert rate is not None
        assert abs(one.amount - one.valued.exact * rate.value) <= Decimal("0.005001")


@given(PARTS, st.randoms(use_true_random=False))
def test_the_order_of_the_parts_changes_nothing(
    amounts: list[tuple[Decimal, str]], shuffling: random.Random
) -> None:
    """The same parts, however they come, are the same answer, down to who is the oldest."""
    some = made(amounts)
    other = list(some)
    shuffling.shuffle(other)
    assert add_up(some, "EUR", convert) == add_up(other, "EUR", convert)


@given(PARTS, st.integers(0, 5))
def test_missing_parts_never_change_the_total(
    amounts: list[tuple[Decimal, str]], number: int
) -> None:
    """However many have no price."""
    lost = [
        replace(one, key=f"lost {place}", valued=None, reason=Reason.NO_PRICE)
        for place, one in enumerate(made([(Decimal(1), "EUR")] * number))
    ]
    whole, less = (
        add_up(made(amounts) + lost, "EUR", convert),
        add_up(made(amounts), "EUR", convert),
    )
    assert (whole.total, whole.counted) == (less.total, less.counted)
    assert len(whole.missing) == number


@given(PARTS, st.integers(1, 1000))
def test_so_many_times_as_much_is_worth_so_many_times_as_much(
    amounts: list[tuple[Decimal, str]], times: int
) -> None:
    """But for what rounding makes of each line: half a cent, and as often half a cent."""
    once = add_up(made(amounts), "EUR", convert)
    often = add_up(made([(one * times, currency) for one, currency in amounts]), "EUR", convert)
    spread = Decimal("0.005") * len(amounts) * (times + 1)
    assert abs(often.total - once.total * times) <= spread


@given(st.dictionaries(st.text(max_size=3), st.decimals(0, 10**12, places=2), max_size=9))
def test_percentages_add_up_to_a_hundred(amounts: dict[str, Decimal]) -> None:
    """Exactly; each at most a hundredth from what it is; nothing where there is nothing."""
    found = percentages(amounts)
    whole = sum(amounts.values(), Decimal(0))
    if not whole:
        assert found == {}
        return
    assert sum(found.values()) == 100
    for name, percent in found.items():
        assert abs(percent - amounts[name] / whole * 100) <= Decimal("0.01")


@given(PARTS)
def test_groups_add_up_to_the_whole(amounts: list[tuple[Decimal, str]]) -> None:
    """By kind, by account: the amounts to the total, the percentages to a hundred."""
    worth = add_up(made(amounts), "EUR", convert)
    for shares in (
        allocation(worth, lambda one: one.part.kind),
        allocation(worth, lambda one: one.part.account),
    ):
        assert sum((one.amount for one in shares), Decimal(0)) == worth.total
        assert sum((one.assets for one in shares), Decimal(0)) == worth.assets
        if worth.assets:
            assert sum(one.percent or 0 for one in shares) == 100
