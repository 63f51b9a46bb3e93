"""What the banks of Europe mean, in either dialect: days, words, ids, balances, quotas."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.connectors.berlin_balances import Stated, balances_of
from penstock.connectors.berlin_quota import until_tomorrow
from penstock.connectors.berlin_reading import (
    account_type,
    day,
    first_usable,
    mask,
    reference,
    words,
)
from penstock.connectors.berlin_window import OVERLAP, covered, mark, since
from penstock.domain.account import AccountType
from penstock.domain.balance import BalanceKind
from penstock.domain.errors import ContractBroken, InvalidInput
from tests.connectors.berlin_samples import BERLIN, NOON

TODAY = date(2026, 11, 20)


@pytest.mark.parametrize("nothing", [None, "", " ", "\t", "0"])
def test_an_id_that_is_none_is_none(nothing: str | None) -> None:
    """Blank and "0" count as no id (GoCardless: actual#2495; Enable Banking: securo#753)."""
    assert first_usable(nothing) == ""
    assert first_usable(nothing, "7") == "7"


def test_days_are_read_however_they_are_written() -> None:
    """A day, an instant of that day, or a blank; anything else is refused."""
    assert day("2026-11-20") == day("2026-11-20T00:00:00+01:00") == TODAY
    assert day(" ") is None
    for wrong in ("20.11.2026", "2026-02-30", "2026-11-20 nonsense", "\u0662026-11-20"):
        with pytest.raises(InvalidInput, match="is no day"):
            day(wrong)


def test_words_come_once_and_in_one_line() -> None:
    """Remittance lists repeat themselves, and are broken at 35 characters."""
    assert words("Rent", None, "  Rent ", "No\u00advember\n 2026") == "Rent No\u00advember 2026"
    assert reference("NOTPROVIDED", " ", "RF18") == "RF18"
    assert reference(None, "notprovided") is None
    assert (mask("DE02 1203"), mask(None, " 12 "), mask(None)) == ("1203", "12", None)


def test_kinds_of_accounts() -> None:
    """ISO 20022's codes; one that says none is a current account."""
    codes = {"CACC": "checking", None: "checking", "SVGS": "savings", "CARD": "credit_card",
             "LOAN": "loan", "MGLD": "other"}  # fmt: skip
    assert {code: account_type(code) for code in codes} == {
        code: AccountType(kind) for code, kind in codes.items()
    }


def test_the_window_overlaps_and_is_open_ahead() -> None:
    """A month again each time; what is covered begins with the day that was asked for."""
    history = timedelta(days=730)
    assert since(None, TODAY, history) == TODAY - history
    assert since(mark(TODAY - timedelta(days=3)), TODAY, history) == (
        TODAY - timedelta(days=3) - OVERLAP
    )
    assert since(mark(TODAY + timedelta(days=9)), TODAY, history) == TODAY - OVERLAP
    assert covered(None, TODAY, ["a"]) == ()
    (told,) = covered(mark(TODAY), TODAY, ["a"])
    assert (told.account, told.since, told.until) == ("a", TODAY, date.max)


@pytest.mark.parametrize("cursor", ["", "x", "{}", '{"read_to":"0001-01-01"}'])
def test_a_cursor_that_is_none_of_ours(cursor: str) -> None:
    """It is refused, not guessed at."""
    with pytest.raises(ContractBroken, match="none of ours"):
        since(cursor, TODAY, timedelta(days=1))


def stated(code: str, amount: str, on: date | None = TODAY, *, limit: bool = False) -> Stated:
    """State a balance."""
    return Stated(code, Decimal(amount), "EUR", on, with_limit=limit)


def kinds(*told: Stated) -> dict[BalanceKind, str]:
    """Return what was made of these balances."""
    return {one.kind: str(one.amount) for one in balances_of("a", told, NOON, BERLIN)}


def test_which_balance_excludes_what_is_pending() -> None:
    """Booked ones do; `expected` counts it, and is never *current*."""
    current, available = BalanceKind.CURRENT, BalanceKind.AVAILABLE
    assert kinds(stated("expected", "1.00")) == {available: "1.00"}
    assert kinds(stated("XPCD", "1.00"), stated("ITAV", "2.00")) == {available: "2.00"}
    assert kinds(stated("closingBooked", "1.00"), stated("interimBooked", "2.00")) == {
        current: "2.00"
    }
    assert kinds(stated("CLBD", "1.00", TODAY - timedelta(days=2)), stated("CLBD", "3.00")) == {
        current: "3.00"
    }
    assert kinds(stated("openingBooked", "1.00"), stated("OPBD", "1.00"), stated("x", "1.00")) == {}


def test_a_credit_line_is_no_money_on_the_books() -> None:
    """A booked balance that has it is none of ours; what can be spent may have it."""
    assert kinds(
        stated("interimBooked", "2000.00", limit=True), stated("closingBooked", "5.00")
    ) == {BalanceKind.CURRENT: "5.00"}
    assert kinds(stated("interimAvailable", "9.00", limit=True)) == {BalanceKind.AVAILABLE: "9.00"}


def test_a_balance_is_dated_when_it_was_true() -> None:
    """That of a closed day as of its end, in the bank's zone; all others as of the answer."""
    (closed,) = balances_of("a", [stated("CLBD", "1.00", date(2026, 11, 18))], NOON, BERLIN)
    assert (closed.as_of_on, closed.as_of.astimezone(BERLIN).isoformat()) == (
        date(2026, 11, 18),
        "2026-11-18T23:59:59+01:00",
    )
    late = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)
    (now,) = balances_of("a", [stated("ITBD", "1.00", None)], late, BERLIN)
    assert (now.as_of, now.as_of_on) == (late, date(2026, 11, 21))


@given(st.integers(0, 366 * 24 * 60))
def test_tomorrow_is_the_banks(minutes: int) -> None:
    """The wait ends on the bank's next day, however long that day is, and not a day later."""
    now = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(minutes=minutes)
    wait = until_tomorrow(now, BERLIN, "").wait
    assert wait is not None
    then = now + timedelta(seconds=wait)
    here, there = now.astimezone(BERLIN).date(), then.astimezone(BERLIN)
    assert (there.date(), there.hour) == (here + timedelta(days=1), 0)
