"""What Up's transactions mean, on the bank's own examples and on resources written by hand."""

from datetime import date
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from penstock.connectors.up_accounts import check_ping, parse_accounts, parse_available
from penstock.connectors.up_money import Money, abroad, exact
from penstock.connectors.up_rows import parse_row, parse_rows
from penstock.domain.account import AccountType
from penstock.domain.errors import ContractBroken, InvalidInput
from penstock.domain.transaction import Status
from tests.connectors.up_samples import account, examples, held, money, one, page, transaction


def read(*resources: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the id and the amount of each row that the resources are."""
    rows = parse_rows(page(*resources), "acc")
    assert rows.unmapped == []
    return [(row.external_id, str(row.amount)) for row in rows.upserts]


@pytest.mark.parametrize("path", ["/transactions", "/accounts/{accountId}/transactions"])
def test_official_lists_of_transactions(path: str) -> None:
    """Each official example is mapped whole, with the status that it has."""
    bodies = examples(path)
    assert bodies
    for body in bodies:
        for resource in msgspec.json.decode(body)["data"]:
            owner = resource["relationships"]["account"]["data"]["id"]
            rows = parse_rows(page(resource), owner)
            assert rows.unmapped == []
            (row,) = rows.upserts
            about = resource["attributes"]
            assert str(row.amount) == about["amount"]["value"]
            assert (row.status is Status.PENDING) == (about["status"] == "HELD")


def test_official_transaction_with_a_round_up() -> None:
    """The official purchase abroad: its own amount, the rupiahs it was, and its Round Up beside."""
    (body,) = examples("/transactions/{id}")
    resource = msgspec.json.decode(body)["data"]
    whole, rounded = parse_rows(
        page(resource), resource["relationships"]["account"]["data"]["id"]
    ).upserts
    assert (str(whole.amount), whole.currency) == ("-107.92", "AUD")
    assert (str(whole.original_amount), whole.original_currency) == ("-1053698.77", "IDR")
    assert (str(rounded.amount), rounded.external_id) == ("-0.08", f"{whole.external_id}/roundUp")
    assert whole.amount + rounded.amount == Decimal(-108)


def test_official_accounts_and_ping() -> None:
    """The official examples of accounts, of one account and of the ping are read."""
    (listed,), (single,) = examples("/accounts"), examples("/accounts/{id}")
    (seen,), after = parse_accounts(listed)
    assert (seen.name, seen.type, seen.currency) == ("Spending", AccountType.CHECKING, "AUD")
    assert after is not None
    assert after.startswith("https://api.up.com.au/api/v1/accounts?")
    name = msgspec.json.decode(single)["data"]["id"]
    assert parse_available(single, name)[1] == "AUD"
    for body in examples("/util/ping"):
        check_ping(body)


def test_a_settled_purchase() -> None:
    """Days are Melbourne's: half past eleven at night there is noon in UTC, and the same day."""
    (row,) = parse_rows(page(transaction(message="Two tickets")), "acc").upserts
    assert (row.status, str(row.amount), row.currency) == (Status.POSTED, "-7.40", "AUD")
    assert (row.booked_on, row.authorized_on) == (date(2026, 11, 20), date(2026, 11, 18))
    assert (row.description, row.counterparty) == ("Ferry Terminal", "Ferry Terminal")
    assert (row.reference, row.category) == ("Two tickets", "public-transport")


def test_days_are_melbournes_whatever_the_offset() -> None:
    """sync.md 16: the same instant, written in UTC, is the same day in Melbourne."""
    (row,) = parse_rows(page(transaction(settledAt="2026-11-19T13:10:00Z")), "acc").upserts
    assert row.booked_on == date(2026, 11, 20)
    (row,) = parse_rows(page(transaction(settledAt="2026-07-19T13:59:59Z")), "acc").upserts
    assert row.booked_on == date(2026, 7, 19), "in winter it is ten hours"


def test_a_held_one_becomes_settled_under_its_id() -> None:
    """HELD is pending and has no day on the books; the id does not change with the status."""
    (before,) = parse_rows(page(held()), "acc").upserts
    (after,) = parse_rows(page(transaction()), "acc").upserts
    assert (before.status, before.booked_on) == (Status.PENDING, None)
    assert before.authorized_on == after.authorized_on
    assert before.external_id == after.external_id


def test_what_was_held_is_not_what_counts() -> None:
    """`holdInfo` keeps the amount of before; a tip, or another rate, is in `amount`."""
    before = {"amount": money("-7.00"), "foreignAmount": None}
    assert read(transaction(holdInfo=before)) == [("t1", "-7.40")]


def test_a_round_up_is_a_row_beside_its_purchase() -> None:
    """`amount` is without it, and no other transaction of this account has it: once, so."""
    rounded = {"amount": money("-2.60"), "boostPortion": money("-2.00")}
    assert read(transaction(roundUp=rounded)) == [("t1", "-7.40"), ("t1/roundUp", "-2.60")]
    row = parse_rows(page(held(roundUp=rounded)), "acc").upserts[1]
    assert (row.status, row.description) == (Status.PENDING, "Round Up")
    assert (row.reference, row.original_amount) == ("Ferry Terminal", None)


def test_the_other_half_of_a_round_up_is_not_doubled() -> None:
    """In the saver it is a transaction of its own: what its attribute repeats is not added."""
    rounded = {"amount": money("-0.60"), "boostPortion": None}
    saver = transaction(amount=money("0.60"), transactionType="Round Up", roundUp=rounded)
    assert read(saver) == [("t1", "0.60")]


def test_cashback_is_a_row_beside_its_purchase() -> None:
    """Money that came back at once, + as it is told, in the words of the bank."""
    perk = {"description": "Happy Hour", "amount": money("3.70")}
    assert read(transaction(cashback=perk)) == [("t1", "-7.40"), ("t1/cashback", "3.70")]


@pytest.mark.parametrize(
    ("value", "units"), [("-7.40", -74), ("-7.40", 740), ("7.40", -740), ("0.00", 1), ("1e2", 100)]
)
def test_the_two_forms_of_an_amount_must_agree(value: str, units: int) -> None:
    """`value` and `valueInBaseUnits` are the same money, or the row is set aside, whole."""
    amount = {"currencyCode": "AUD", "value": value, "valueInBaseUnits": units}
    rows = parse_rows(page(transaction("bad", amount=amount), transaction("good")), "acc")
    assert [row.external_id for row in rows.upserts] == ["good"]
    (bad,) = rows.unmapped
    assert bad.external_id == "bad"
    assert msgspec.json.decode(bad.raw)["id"] == "bad"


@given(st.integers(-(10**17), 10**17), st.sampled_from(["AUD", "JPY", "KWD"]))
def test_every_amount_is_exact(units: int, currency: str) -> None:
    """sync.md 15: to the last digit, in currencies of any number of decimals."""
    digits = {"AUD": 2, "JPY": 0, "KWD": 3}[currency]
    value = f"{Decimal(units).scaleb(-digits):f}"
    amount = exact(Money(currency, value, units))
    assert amount == Decimal(units).scaleb(-digits)
    assert abroad(Money(currency, value, units)) == amount


def test_the_smallest_coin_abroad_is_what_the_text_says() -> None:
    """A bank that writes hundredths of a króna contradicts ISO 4217, and not itself."""
    assert abroad(Money("ISK", "-1250.00", -125000)) == Decimal(-1250)
    assert abroad(Money("ISK", "-1250.00", -1250)) == Decimal(-1250)
    with pytest.raises(InvalidInput):
        abroad(Money("ISK", "-1250.00", -12500))


@pytest.mark.parametrize(
    "resource",
    [
        transaction(""),
        transaction("0"),
        transaction("t", "another"),
        transaction(settledAt=None),
        held(settledAt="2026-11-20T00:10:00+11:00"),
        transaction(status="REVERSED"),
        transaction(createdAt="2026-11-20T00:10:00"),
        transaction(createdAt="0001-01-01T00:00:00+11:00"),
        transaction(amount=None),
        transaction(amount={**money("-1.00"), "valueInBaseUnits": -100.0}),
        transaction(foreignAmount={**money("-1.00", "USD"), "valueInBaseUnits": 3}),
        transaction(roundUp={"amount": money("-1.00") | {"value": "NaN"}}),
        {**transaction(), "relationships": {}},
    ],
    ids=range(13),
)
def test_what_cannot_be_mapped_goes_along_whole(resource: dict[str, Any]) -> None:
    """sync.md 8: blank ids, other accounts, unknown statuses, days without offset: set aside."""
    rows = parse_rows(page(resource), "acc")
    assert rows.upserts == []
    assert msgspec.json.decode(rows.unmapped[0].raw) == resource
    with pytest.raises(ContractBroken):
        parse_row(rows.unmapped[0].raw, "acc")


def test_one_row_is_mapped_again_and_several_are_not() -> None:
    """What was set aside is one row there: one with a Round Up waits for a full reading."""
    assert parse_row(msgspec.json.encode(transaction()), "acc").external_id == "t1"
    rounded = {"amount": money("-2.60"), "boostPortion": None}
    with pytest.raises(ContractBroken, match="--from-start"):
        parse_row(msgspec.json.encode(transaction(roundUp=rounded)), "acc")


@pytest.mark.parametrize(
    "body",
    [
        page(account(balance="1.00") | {"id": " "}),
        page(account(balance="1.00") | {"attributes": {}}),
        page(
            account()
            | {
                "attributes": {
                    "displayName": "x",
                    "accountType": "SAVER",
                    "balance": {**money("1.00"), "valueInBaseUnits": 1},
                }
            }
        ),
        b'{"data": []}',
    ],
    ids=range(4),
)
def test_accounts_that_make_no_sense_are_refused(body: bytes) -> None:
    """Without an id, attributes, a sound balance or links: nothing is guessed."""
    with pytest.raises(ContractBroken):
        parse_accounts(body)


def test_another_account_than_the_one_asked_for_is_refused() -> None:
    """The balance of one is not taken for the other's."""
    with pytest.raises(ContractBroken):
        parse_available(one(account()), "other")


@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("TRANSACTIONAL", AccountType.CHECKING),
        ("SAVER", AccountType.SAVINGS),
        ("HOME_LOAN", AccountType.LOAN),
        ("SOMETHING_NEW", AccountType.OTHER),
    ],
)
def test_kinds_of_accounts(word: str, kind: AccountType) -> None:
    """A kind that nobody knows yet is an account all the same."""
    (seen,), _ = parse_accounts(page(account(accountType=word)))
    assert seen.type is kind
