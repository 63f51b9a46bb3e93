"""Whether a price goes with the last one that was believed."""

from datetime import date, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.domain.quote import Basis, Quote, Suspicious100x, SuspiciousJump
from penstock.quotes.manners import Sane
from penstock.quotes.sanity import Split, agree, doubt_about
from tests.quotes.answers import NOW

SANE = Sane(max_jump=Decimal("0.5"))

AMOUNTS = st.decimals(Decimal("0.00001"), Decimal(1_000_000), places=5)


def quote(price: str | Decimal, unit: str = "USD", days: float = 0, **more: object) -> Quote:
    """Return a price of some days from now."""
    minor = {"GBX": "GBP", "ILA": "ILS"}
    fields: dict[str, object] = {
        "symbol": "ACME",
        "instrument": "ACME:XLON",
        "price": Decimal(price),
        "currency": minor.get(unit, unit),
        "quoted_unit": unit,
        "scale": Decimal("0.01") if unit in minor else Decimal(1),
        "as_of": NOW + timedelta(days=days),
        "fetched_at": NOW + timedelta(days=days),
        "source": "test",
        "extractor": "test",
        "raw": str(price),
    }
    return Quote(**(fields | more))  # type: ignore[arg-type]  # fields of a quote


@pytest.mark.parametrize(
    ("last", "new", "doubt"),
    [
        (quote("100"), quote("149"), None),
        (quote("100"), quote("67"), None),
        (quote("100"), quote("151"), SuspiciousJump),
        (quote("100"), quote("66"), SuspiciousJump),
        (quote("308.8", "GBX"), quote("308.8", "GBP"), Suspicious100x),
        (quote("3.088", "GBP"), quote("308.8", "GBX"), None),
        (quote("14.55", "GBX"), quote("0.1455", "GBX"), Suspicious100x),
        (quote("1234", "ILA"), quote("1234", "ILS"), Suspicious100x),
        (quote("2.5"), quote("2500"), Suspicious100x),
        (quote("96.1", "USD"), quote("96.1", "TWD"), Suspicious100x),
        (quote("98.5", basis=Basis.PERCENT_OF_PAR), quote("98.5"), Suspicious100x),
        (quote("100"), quote("220", days=20), None),
        (quote("100"), quote("230", days=20), SuspiciousJump),
        (quote("100"), quote("330", days=400), None),
        (quote("100"), quote("9000", days=400), Suspicious100x),
        (None, quote("100"), None),
    ],
)
def test_a_price_is_held_against_the_last(
    last: Quote | None, new: Quote, doubt: type[Exception] | None
) -> None:
    """Pence as pounds, another currency and a jump are told apart; the first price is believed."""
    found = doubt_about(new, last, SANE)
    assert type(found) is (doubt or type(None))
    if found is not None:
        assert (found.quote, found.last) == (new, last)
        assert found.remedy is not None


SPLIT: list[Split] = [((NOW + timedelta(days=2)).date(), Decimal(4))]


@pytest.mark.parametrize(
    ("new", "doubt"),
    [
        (quote("25", days=3), None),
        (quote("27.5", days=3), None),
        (quote("100", days=3), SuspiciousJump),
        (quote("100", days=1), None),
        (quote("25", days=1), None),
        (quote("25", days=0.4), SuspiciousJump),
        (quote("0.25", days=3), Suspicious100x),
    ],
    ids=["split", "and more", "not yet split", "before", "eve", "too early", "pence too"],
)
def test_a_known_split_explains_a_jump(new: Quote, doubt: type[Exception] | None) -> None:
    """After four new shares for one, a quarter of the price is right, and the old price is not."""
    assert type(doubt_about(new, quote("100"), SANE, SPLIT)) is (doubt or type(None))


def test_a_split_of_one_for_a_hundred_is_no_change_of_units() -> None:
    """A hundredfold price is believed after a consolidation that is known of."""
    merged: list[Split] = [(NOW.date(), Decimal("0.01"))]
    assert doubt_about(quote("50"), quote("0.5", days=-3), SANE, merged) is None
    assert doubt_about(quote("0.5"), quote("0.5", days=-3), SANE, merged) is not None


@pytest.mark.parametrize("shares", ["0", "-4"])
def test_an_impossible_split_explains_nothing(shares: str) -> None:
    """What cannot be is left out."""
    split: list[Split] = [(date(2026, 11, 21), Decimal(shares))]
    assert doubt_about(quote("100"), quote("100", days=-1), SANE, split) is None


def test_the_guard_against_units_can_be_off() -> None:
    """Without it, a factor of a hundred is a jump like any other, which a source can confirm."""
    loose = Sane(ratio_100_guard=False)
    assert type(doubt_about(quote("100"), quote("1"), loose)) is SuspiciousJump


@given(last=AMOUNTS, new=AMOUNTS)
def test_up_and_down_are_judged_alike(last: Decimal, new: Decimal) -> None:
    """What is doubted one way is doubted the other way, for the same reason."""
    there = doubt_about(quote(new), quote(last), SANE)
    back = doubt_about(quote(last), quote(new), SANE)
    assert type(there) is type(back)


@given(last=AMOUNTS, drift=st.decimals(Decimal("0.8"), Decimal("1.25"), places=3))
def test_no_hundredfold_is_ever_believed(last: Decimal, drift: Decimal) -> None:
    """Pence as pounds are found out whatever the price is, and though it moved meanwhile."""
    for factor in (Decimal(100), Decimal("0.01"), Decimal(1000), Decimal("0.001")):
        found = doubt_about(quote(last * factor * drift), quote(last), SANE)
        assert isinstance(found, Suspicious100x)


@given(last=AMOUNTS, drift=st.decimals(Decimal("0.7"), Decimal("1.45"), places=3))
def test_no_small_move_is_ever_doubted(last: Decimal, drift: Decimal) -> None:
    """Whatever the price is, what is within its source's reach is believed."""
    assert doubt_about(quote(last * drift), quote(last), SANE) is None


@given(last=AMOUNTS, new=AMOUNTS)
def test_what_is_believed_is_near(last: Decimal, new: Decimal) -> None:
    """Without a split, a price of the same day that is believed lies within one jump."""
    if doubt_about(quote(new), quote(last), SANE) is None:
        assert last / Decimal("1.5001") <= new <= last * Decimal("1.5001")


def test_two_sources_agree_within_a_fiftieth() -> None:
    """In one currency, whatever the unit; never across currencies or securities."""
    assert agree(quote("3.10", "GBP"), quote("308.8", "GBX"))
    assert not agree(quote("3.10", "GBP"), quote("3.00", "GBP"))
    assert not agree(quote("3.10", "GBP"), quote("3.10", "USD"))
    assert not agree(quote("3.10"), quote("3.10", instrument="ACME:XETR"))
