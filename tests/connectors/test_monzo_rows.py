"""Monzo's transactions, accounts and balances: what each field means, and what is refused."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.connectors.monzo import Monzo
from penstock.connectors.monzo_accounts import parse_accounts, parse_balance, seen
from penstock.connectors.monzo_rows import parse_row, parse_rows
from penstock.domain.account import AccountType
from penstock.domain.errors import ContractBroken
from penstock.domain.request import Request, Response
from penstock.domain.transaction import Removal, Status, TransactionSeen
from penstock.domain.update import Stream
from tests.connectors.driving import by_hand
from tests.connectors.monzo_samples import account, held, page, transaction


def row(about: dict[str, Any]) -> TransactionSeen:
    """Return what a transaction becomes."""
    (one,) = parse_rows(page(about), "acc").upserts
    return one


def test_a_settled_purchase() -> None:
    """Spaces that fill a column are no words; the merchant is expanded; notes are the reference."""
    assert row(transaction()) == TransactionSeen(
        account="acc",
        external_id="tx_1",
        status=Status.POSTED,
        amount=Decimal("-7.40"),
        currency="GBP",
        booked_on=date(2026, 11, 19),
        value_on=date(2026, 11, 19),
        authorized_on=date(2026, 11, 18),
        description="FERRY TERMINAL LONDON GBR",
        counterparty="Ferry Terminal",
        category="transport",
        reference="Two tickets",
    )


def test_days_are_londons() -> None:
    """sync.md 16: instants are in UTC; half past eleven in the night is the next day in summer."""
    summer = row(transaction(created="2026-07-01T23:30:00Z", settled="2026-07-02T23:30:00.5Z"))
    assert (summer.authorized_on, summer.booked_on) == (date(2026, 7, 2), date(2026, 7, 3))


def test_an_empty_settled_is_pending_and_keeps_its_id() -> None:
    """`settled` is empty until the bank has the money; the same transaction has a day then."""
    before, after = row(held()), row(transaction())
    assert (before.status, before.booked_on, before.value_on) == (Status.PENDING, None, None)
    assert (after.status, after.external_id) == (Status.POSTED, before.external_id)


@given(minor=st.integers(-(2**63), 2**63 - 1), currency=st.sampled_from(["GBP", "JPY", "KWD"]))
def test_every_amount_is_exact(minor: int, currency: str) -> None:
    """sync.md 15: 64 bits of the smallest coin, negative is out, whatever its decimals are."""
    told = row(transaction(amount=minor, currency=currency, local_amount=None))
    digits = {"GBP": 2, "JPY": 0, "KWD": 3}[currency]
    assert told.amount == Decimal(minor).scaleb(-digits)
    assert str(told.amount).partition(".")[2] == str(abs(minor))[-digits:].zfill(digits)[:digits]


def test_what_was_paid_abroad_is_kept_beside() -> None:
    """`amount` is the account's, `local_amount` what the terminal said."""
    told = row(transaction(local_amount=-1250, local_currency="JPY"))
    assert (told.amount, told.currency) == (Decimal("-7.40"), "GBP")
    assert (told.original_amount, told.original_currency) == (Decimal(-1250), "JPY")
    at_home = row(transaction())
    assert (at_home.original_amount, at_home.original_currency) == (None, None)


@pytest.mark.parametrize(
    "reason", ["INSUFFICIENT_FUNDS", "CARD_INACTIVE", "CARD_BLOCKED", "INVALID_CVC", "OTHER", "NEW"]
)
def test_what_was_declined_moved_no_money(reason: str) -> None:
    """It is listed all the same; if it was pending here, it ends. A reason may be a new one."""
    told = parse_rows(page(held(decline_reason=reason), transaction("tx_2")), "acc")
    assert told.removed == [Removal("acc", "tx_1")]
    assert [one.external_id for one in told.upserts] == ["tx_2"]
    assert told.last == "tx_2"


@pytest.mark.parametrize("reason", ["", None])
def test_no_reason_is_no_decline(reason: str | None) -> None:
    """An empty reason says nothing."""
    assert row(transaction(decline_reason=reason)).status is Status.POSTED


@pytest.mark.parametrize(
    "about",
    [
        {"include_in_spending": False},
        {"scheme": "uk_retail_pot", "metadata": {"pot_id": "pot_1"}, "merchant": None},
        {"is_load": True, "amount": 5000},
        {"amount": 0, "notes": "Active card check"},
    ],
)
def test_what_a_person_does_not_count_as_spending_is_a_row(about: dict[str, Any]) -> None:
    """Pot transfers, top-ups, what is left out of the budget: the balance moves by all of it."""
    assert row(transaction(**about)).amount == Decimal(about.get("amount", -740)) / 100


@pytest.mark.parametrize(
    ("merchant", "counterparty", "known_by"),
    [
        ({"name": "Deli"}, {"name": "x"}, "Deli"),
        ("merch_1", {}, None),
        (None, {"name": "Ada Weir", "user_id": "user_1"}, "Ada Weir"),
        (None, None, None),
        ({"name": ""}, {"name": ""}, None),
    ],
)
def test_who_was_paid(merchant: object, counterparty: object, known_by: str | None) -> None:
    """A merchant, where it is expanded; a person or a company otherwise."""
    told = row(transaction(merchant=merchant, counterparty=counterparty, description=" "))
    assert (told.counterparty, told.description) == (known_by, known_by or "")


@pytest.mark.parametrize(
    "about",
    [
        {"id": ""},
        {"id": "0"},
        {"id": 7},
        {"account_id": "acc_2"},
        {"amount": 7.4},
        {"amount": "-740"},
        {"amount": 2**63},
        {"currency": "pounds"},
        {"created": "2026-11-18T23:30:00"},
        {"created": ""},
        {"settled": None},
        {"settled": "soon"},
        {"settled": "2026-11-19"},
        {"local_currency": "?", "local_amount": 1},
        {"settled": "0001-01-01T00:00:00+14:00"},
    ],
    ids=str,
)
def test_what_cannot_be_mapped_goes_along_whole(about: dict[str, Any]) -> None:
    """sync.md 8: beside rows that can; what makes no sense is named, never dropped."""
    told = parse_rows(page(transaction(**about), transaction("tx_2")), "acc")
    assert [one.external_id for one in told.upserts] == ["tx_2"]
    (bad,) = told.unmapped
    assert msgspec.json.decode(bad.raw) == transaction(**about)
    assert bad.reason.startswith("The bank's transactions")
    with pytest.raises(ContractBroken):
        parse_row(bad.raw, "acc")


@pytest.mark.parametrize("name", ["", "0", " ", None])
def test_a_page_that_cannot_be_gone_on_from_is_refused(name: str | None) -> None:
    """The id of the last row is where the list goes on: without one, less would be told."""
    with pytest.raises(ContractBroken):
        parse_rows(page(transaction(), transaction(id=name)), "acc")


def test_one_row_is_mapped_again() -> None:
    """What was set aside is a row there, or a decline."""
    bank, stream = Monzo(), Stream("acc", ("acc",))
    assert isinstance(bank.remap(stream, msgspec.json.encode(transaction())), TransactionSeen)
    declined = msgspec.json.encode(held(decline_reason="OTHER"))
    assert bank.remap(stream, declined) == Removal("acc", "tx_1")


def test_the_documented_list_is_no_json() -> None:
    """The example in Monzo's documentation has a comma too many: an answer like it is refused."""
    body = page(transaction()).removesuffix(b"]}") + b",]}"
    with pytest.raises(ContractBroken, match="transactions"):
        parse_rows(body, "acc")


def test_the_documented_fields_are_enough() -> None:
    """The shape that the documentation shows: no account, no local amount, a merchant's id."""
    about = {
        "amount": -510,
        "created": "2015-08-22T12:20:18Z",
        "currency": "GBP",
        "description": "THE MILL STREET DELI   LONDON        GBR",
        "id": "tx_0000deli",
        "merchant": "merch_0000deli",
        "metadata": {},
        "notes": "Salmon",
        "is_load": False,
        "settled": "2015-08-23T12:20:18Z",
        "category": "eating_out",
    }
    assert (row(about).amount, row(about).booked_on) == (Decimal("-5.10"), date(2015, 8, 23))
    (plain,) = parse_accounts(
        b'{"accounts":[{"id":"acc_1","description":"Ada Weir\'s Account",'
        b'"created":"2015-11-13T12:17:42Z"}]}'
    )
    assert plain.created == datetime(2015, 11, 13, 12, 17, 42, tzinfo=UTC)
    assert seen(plain, "GBP").name == "Ada Weir's Account"
    body = b'{"balance":5000,"total_balance":6000,"currency":"GBP","spend_today":0}'
    assert parse_balance(body, "acc_1") == (Decimal("50.00"), "GBP")


@pytest.mark.parametrize(
    ("about", "name", "kind"),
    [
        ({}, "Current account", AccountType.CHECKING),
        ({"type": "uk_retail_joint"}, "Joint account", AccountType.CHECKING),
        ({"type": "uk_business", "description": "Mill Ltd"}, "Mill Ltd", AccountType.CHECKING),
        ({"type": "uk_monzo_flex"}, "Flex", AccountType.CREDIT_CARD),
        ({"type": "uk_prepaid", "closed": True}, "Prepaid card", AccountType.CHECKING),
        ({"type": "eu_new"}, "Account", AccountType.OTHER),
    ],
)
def test_kinds_of_accounts(about: dict[str, Any], name: str, kind: AccountType) -> None:
    """An internal name is no name; a kind that nobody knows yet is an account all the same."""
    (one,) = parse_accounts(msgspec.json.encode({"accounts": [account(**about)]}))
    told = seen(one, "GBP")
    assert (told.name, told.type, told.mask) == (name, kind, "5678")
    assert told.identity == "04000412345678"


def test_the_account_behind_flex_is_left_out() -> None:
    """Every program is refused everything of it: asking would end each sync."""
    flex = account(id="acc_2", type="uk_monzo_flex_backing_loan")
    body = msgspec.json.encode({"accounts": [account(), flex]})
    assert [one.id for one in parse_accounts(body)] == ["acc"]


def test_an_account_without_a_currency_is_asked_for_its_balance() -> None:
    """The documentation shows accounts without one: nothing is guessed."""

    def answer(request: Request) -> Response:
        if "/balance?" in request.url:
            return Response(200, {}, b'{"balance":1,"currency":"EUR"}')
        return Response(200, {}, msgspec.json.encode({"accounts": [account(currency=None)]}))

    _, discovery = by_hand(Monzo().discover(), answer)
    assert [one.currency for one in discovery.accounts] == ["EUR"]


@pytest.mark.parametrize(
    "body",
    [
        b'{"accounts":[{"id":""}]}',
        b'{"accounts":[{"id":"acc","currency":"?"}]}',
        b'{"accounts":[{"id":"acc","created":"then"}]}',
        b'{"accounts":null}',
    ],
)
def test_accounts_that_make_no_sense_are_refused(body: bytes) -> None:
    """Without an id, with a currency that is none: nothing is guessed."""
    with pytest.raises(ContractBroken):
        parse_accounts(body)


@pytest.mark.parametrize(
    "body",
    [b'{"balance":1.5,"currency":"GBP"}', b'{"balance":1,"currency":""}', b'{"currency":"GBP"}'],
)
def test_a_balance_that_makes_no_sense_is_refused(body: bytes) -> None:
    """Whole coins of a currency, and nothing else."""
    with pytest.raises(ContractBroken):
        parse_balance(body, "acc")
