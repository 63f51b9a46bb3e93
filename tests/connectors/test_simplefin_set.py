"""What SimpleFIN's answers mean: the protocol's own shapes, and what banks make of them."""

from datetime import UTC, date, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.connectors.simplefin_rows import parse_aside
from penstock.connectors.simplefin_set import code_of, parse_set, readable
from penstock.connectors.wire import usable_currency
from penstock.domain.account import AccountType
from penstock.domain.balance import BalanceKind
from penstock.domain.errors import ContractBroken
from penstock.domain.transaction import Status, TransactionSeen
from tests.connectors.simplefin_samples import DAY, NOON, ORG, account, pending, row, told


def rows(*some: dict[str, Any], **about: Any) -> list[TransactionSeen]:
    """Return the rows of an account that has these transactions."""
    (one,) = parse_set(told(account("A1", *some, **about))).accounts
    assert one.unmapped == []
    return one.rows


def test_an_account_with_its_balances() -> None:
    """`balance` is current and `available-balance` available, both as of `balance-date`."""
    (one,) = parse_set(told(account())).accounts
    assert one.seen.external_id == "mill.example/A1"
    assert (one.seen.name, one.seen.type, one.seen.currency) == (
        "Everyday",
        AccountType.OTHER,
        "USD",
    )
    assert one.institution == "Mill Bank"
    assert {each.kind: str(each.amount) for each in one.balances} == {
        BalanceKind.CURRENT: "100.23",
        BalanceKind.AVAILABLE: "75.23",
    }
    assert {each.as_of for each in one.balances} == {datetime(2026, 11, 20, 12, tzinfo=UTC)}


def test_available_may_be_left_out() -> None:
    """The protocol leaves it out where it is the same: then nothing is stated of it."""
    raw = account()
    del raw["available-balance"]
    (one,) = parse_set(told(raw)).accounts
    assert [each.kind for each in one.balances] == [BalanceKind.CURRENT]


def test_a_posted_transaction() -> None:
    """Numeric text, + is in; seconds since 1970, and days of Greenwich."""
    out, back = rows(row("t1"), row("t2", amount="3.5", payee="Ferry Company", transacted_at=None))
    assert (str(out.amount), out.status, out.currency) == ("-7.40", Status.POSTED, "USD")
    assert (out.booked_on, out.authorized_on) == (date(2026, 11, 20), date(2026, 11, 18))
    assert (str(back.amount), back.counterparty, back.authorized_on) == (
        "3.50",
        "Ferry Company",
        None,
    )


def test_days_are_those_of_greenwich() -> None:
    """sync.md 16: the last second of a day is that day's, and the next the next day's."""
    midnight = NOON + DAY // 2
    before, after = rows(row("t1", posted=midnight - 1), row("t2", posted=midnight))
    assert (before.booked_on, after.booked_on) == (date(2026, 11, 20), date(2026, 11, 21))


def test_a_pending_one_with_posted_zero_is_not_of_1970() -> None:
    """`posted` is 0 as long as it is pending: it is dated by when it happened."""
    (one,) = rows(pending())
    assert (one.status, one.booked_on, one.authorized_on) == (
        Status.PENDING,
        None,
        date(2026, 11, 18),
    )
    (unsaid,) = rows(row(posted=0))
    assert unsaid.status is Status.PENDING, "what is not posted is pending, said or unsaid"
    (dated,) = rows(pending(posted=NOON, transacted_at=None))
    assert (dated.status, dated.booked_on, dated.authorized_on) == (
        Status.PENDING,
        None,
        date(2026, 11, 20),
    )


def test_ids_are_unique_within_their_account_only() -> None:
    """One id in two accounts is two transactions; one id at two banks is two accounts."""
    other = ORG | {"domain": "weir.example"}
    told_all = parse_set(
        told(account("A1", row("1001")), account("A2", row("1001")), account("A1", org=other))
    )
    names = [one.seen.external_id for one in told_all.accounts]
    assert names == ["mill.example/A1", "mill.example/A2", "weir.example/A1"]
    keys = {(each.account, each.external_id) for one in told_all.accounts for each in one.rows}
    assert len(keys) == 2
    with pytest.raises(ContractBroken, match="one id"):
        parse_set(told(account("A1"), account("A1")))


@pytest.mark.parametrize(
    ("org", "name"),
    [
        ({"domain": "mill.example", "id": "7", "sfin-url": "x"}, "mill.example/A1"),
        ({"id": "ORG-7", "sfin-url": "https://x.example/y"}, "ORG-7/A1"),
        ({"sfin-url": "https://x.example/y"}, "https%3A%2F%2Fx.example%2Fy/A1"),
    ],
)
def test_an_institution_is_known_by_its_domain_first(org: dict[str, str], name: str) -> None:
    """The protocol prefers the domain; a server's address is all that some have."""
    (one,) = parse_set(told(account(org=org))).accounts
    assert one.seen.external_id == name


def test_an_answer_of_version_two_is_read_too() -> None:
    """A server that answers so names connections instead of institutions, and lists its errors."""
    second = account(conn_id="CON-1", conn_name="Mill Bank - Ada")
    del second["org"]
    body = {
        "errlist": [{"code": "con.auth", "msg": "Sign in again", "conn_id": "CON-1"}],
        "connections": [{"conn_id": "CON-1", "name": "Mill Bank - Ada"}],
        "accounts": [second],
    }
    answer = parse_set(msgspec.json.encode(body))
    assert answer.accounts[0].seen.external_id == "CON-1/A1"
    assert (answer.accounts[0].institution, answer.said) == ("Mill Bank - Ada", ("Sign in again",))


def test_a_currency_that_is_an_address_gets_a_code() -> None:
    """Frequent flyers' miles: an account of its own currency, which no other one shares."""
    miles = "https://www.example.com/flight-miles"
    (one,) = parse_set(told(account("A1", row(), currency=miles))).accounts
    assert one.seen.currency == code_of(miles)
    assert one.seen.currency.startswith("FLIGHT")
    assert {each.currency for each in one.balances} == {code_of(miles)}
    assert {each.currency for each in one.rows} == {code_of(miles)}
    assert code_of("https://other.example/flight-miles") != code_of(miles)
    assert code_of("USD") == "USD"


@given(st.text().map(lambda text: f"https://x.example/{text}"))
def test_every_address_gives_a_usable_code(address: str) -> None:
    """Whatever stands in it."""
    assert usable_currency(code_of(address))


def test_words_for_the_person_are_made_harmless() -> None:
    """The protocol's checklist: what is shown is sanitised first."""
    said = parse_set(
        told(errors=("Connection to <b>Mill</b>\x1b[31m may\u202e need  attention", "", "\x00"))
    ).said
    assert said == ("Connection to b Mill /b [31m may need attention", "\ufffd")
    assert readable(["x" * 900]) == ("x" * 200,)
    assert readable(map(str, range(9))) == ("0", "1", "2", "3", "4", "(and 4 more)")
    assert readable(["twice", "twice"]) == ("twice",)


@given(st.text())
def test_no_words_carry_markup_or_controls(text: str) -> None:
    """Whatever a bank writes, it is one line of plain text."""
    for words in readable([text]):
        assert words.isprintable()
        assert not {"<", ">"} & set(words)


@pytest.mark.parametrize(
    "bad",
    [
        row(""),
        row("0"),
        row(amount="NaN"),
        row(amount="1e3"),
        row(amount=-7.40),
        row(amount=None),
        row(posted=None),
        row(posted=10**15),
        row(posted="soon"),
        row(transacted_at=-(10**15)),
        row(description=None),
        {},
    ],
    ids=range(12),
)
def test_what_cannot_be_mapped_goes_along_whole(bad: dict[str, Any]) -> None:
    """sync.md 8: it is set aside with the account that it is of, and can be mapped again."""
    (one,) = parse_set(told(account("A1", bad, row("good")))).accounts
    assert [each.external_id for each in one.rows] == ["good"]
    (aside,) = one.unmapped
    assert aside.account == "mill.example/A1"
    kept = msgspec.json.decode(aside.raw)
    assert kept == {"account": "mill.example/A1", "currency": "USD", "transaction": bad}
    with pytest.raises(ContractBroken):
        parse_aside(aside.raw)
    mended = msgspec.json.encode(kept | {"transaction": row("mended")})
    assert parse_aside(mended).account == "mill.example/A1"


@pytest.mark.parametrize(
    "about",
    [
        {"id": " "},
        {"currency": "NaN money"},
        {"balance": "much"},
        {"balance": 100.23},
        {"balance-date": 10**15},
        {"available-balance": ""},
        {"org": {}},
        {"org": None},
    ],
    ids=range(8),
)
def test_an_account_that_makes_no_sense_is_refused(about: dict[str, Any]) -> None:
    """Nothing is guessed about whose money it is, how much, or of when."""
    with pytest.raises(ContractBroken):
        parse_set(told(account(**about)))
