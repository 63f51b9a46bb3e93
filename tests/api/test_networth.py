"""What everything is worth, over the API: to the cent, with its age, and with what is missing."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from starlette.testclient import TestClient

from penstock.domain.ids import public_id
from tests.api.serving import Api
from tests.db.books import Books
from tests.db.portfolio import fill
from tests.domain.portfolio import ASSETS, IN_EUROS, LIABILITIES, MISSING, OF_ITS_OWN, TOTAL


def ask(client: TestClient, **asked: str) -> dict[str, Any]:
    """Ask for the worth of everything."""
    answer = client.get("/v1/networth", params=asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_six_currencies_are_worth_what_was_computed_by_hand(api: Api) -> None:
    """Pence, agorot, yen, a coin, a bond in per cent, a short, a missing price: to the cent."""
    made = fill(api.penstock.database, api.person("ada"), api.clock())
    found = ask(api.signed_in("ada"), currency="EUR")
    assert (found["total"], found["assets"], found["liabilities"]) == (TOTAL, ASSETS, LIABILITIES)
    assert {one["name"]: one["amount"] for one in found["parts"]} == IN_EUROS
    own = {
        one["name"]: (one["value"], one["currency"])
        for one in found["parts"]
        if one["id"].startswith("hol")
    }
    assert own == OF_ITS_OWN
    (missing,) = found["missing"]
    assert (missing["id"], missing["reason"]) == (public_id("hol", made[MISSING]), "no_price")
    assert found["oldest"]["as_of"] == "2026-11-21T07:30:00Z"
    assert found["rates_on"] == "2026-11-20"
    sources = {one["name"]: one["source"] for one in found["parts"]}
    assert (sources["SAP"], sources["FUND"], sources["WEIR"], sources["card"]) == (
        "quote",
        "institution_value",
        "institution_price",
        "balance",
    )
    for shares in found["allocation"].values():
        assert sum(Decimal(one["amount"]) for one in shares) == Decimal(TOTAL)
        assert sum(Decimal(one["percent"]) for one in shares) == 100


def test_any_currency_can_be_asked_for(api: Api) -> None:
    """Else it is that of most accounts; without a rate into it nothing counts, and it is said."""
    fill(api.penstock.database, api.person("ada"), api.clock())
    client = api.signed_in("ada")
    assert ask(client)["currency"] == "EUR"
    dollars = ask(client, currency="USD")
    # 43,433.74 EUR x 1.0850 is 47,125.61; each line is rounded in dollars, so that cents differ.
    assert abs(Decimal(dollars["total"]) - Decimal("47125.61")) < Decimal("0.10")
    nothing = ask(client, currency="XTS")
    assert nothing["total"] is None
    assert {one["reason"] for one in nothing["missing"]} == {"no_rate", "no_price"}


def test_who_has_nothing_is_told_nothing(api: Api) -> None:
    """No accounts: no total, in the usual currency; and one person never sees another's."""
    fill(api.penstock.database, api.person("ada"), api.clock())
    found = ask(api.signed_in("bob"))
    assert (found["total"], found["parts"], found["missing"]) == (None, [], [])


def test_hidden_disconnected_and_closed_accounts_are_left_out_and_told(api: Api) -> None:
    """Each with its reason; one whose consent has ended counts on, as old as it is."""
    books, owner, now = Books(api.penstock.database), api.person("ada"), api.clock()
    old = {"as_of": now - timedelta(days=9), "as_of_on": (now - timedelta(days=9)).date()}
    expired = books.connection(owner, consent="expired")
    counted = books.account(owner, expired, name="Counted")
    books.balance(owner, counted, **old)
    hidden = books.account(owner, expired, hidden=True)
    books.balance(owner, hidden, **old)
    closed = books.account(owner, expired, active=False)
    books.balance(owner, closed, **old, observed_at=now - timedelta(days=8))
    gone = books.account(owner, books.connection(owner, disconnected_at=now - timedelta(days=1)))
    books.balance(owner, gone, **old)
    found = ask(api.signed_in("ada"))
    assert found["total"] == "100.00"
    assert found["oldest"]["name"] == "Counted"
    assert found["oldest"]["as_of"] == "2026-11-12T09:30:00Z"
    assert {one["id"]: one["reason"] for one in found["left_out"]} == {
        public_id("acc", hidden): "hidden",
        public_id("acc", closed): "closed",
        public_id("acc", gone): "disconnected",
    }


def test_an_account_linked_twice_counts_once(api: Api) -> None:
    """The one stated last; the other is told beside it, and which it is."""
    books, owner, now = Books(api.penstock.database), api.person("ada"), api.clock()
    made = []
    for days in (2, 1):
        connection = books.connection(owner, institution_id="mill")
        made.append(books.account(owner, connection, identity_hash="the same", mask="4100"))
        at = now - timedelta(days=days)
        books.balance(owner, made[-1], as_of=at, as_of_on=at.date(), amount=Decimal(days))
    found = ask(api.signed_in("ada"))
    assert found["total"] == "1.00"
    (left,) = found["left_out"]
    assert (left["id"], left["reason"]) == (public_id("acc", made[0]), "linked_twice")
    assert left["other"] == public_id("acc", made[1])


def test_a_whole_of_mx_counts_once(api: Api) -> None:
    """MX's balance is worth of the positions too: 150 in all, of which 25 are shares."""
    books, owner = Books(api.penstock.database), api.person("ada")
    for connector, total in (("mx", "150.00"), ("snaptrade", "175.00")):
        account = books.account(
            owner, books.connection(owner, connector=connector), type="investment", name=connector
        )
        books.balance(owner, account, amount=Decimal("150.00"))
        books.holding(owner, account)
        found = ask(api.signed_in("ada"))
        mine = [one for one in found["parts"] if one["account_id"] == public_id("acc", account)]
        assert sum(Decimal(one["amount"]) for one in mine) == Decimal(total)


def test_a_series_has_gaps_and_no_zeros(api: Api) -> None:
    """Days before anything is known have no figure; the rest is stored, and today is live."""
    books, owner, now = Books(api.penstock.database), api.person("ada"), api.clock()
    account = books.account(owner, books.connection(owner))
    for days in (3, 1):
        at = now - timedelta(days=days)
        books.balance(owner, account, as_of=at, as_of_on=at.date(), amount=Decimal(days))
    found = ask(api.signed_in("ada"), **{"from": "2026-11-16", "to": "2026-12-31"})["series"]
    assert [(one["day"][-2:], one["total"]) for one in found] == [
        ("16", None),
        ("17", None),
        ("18", "3.00"),
        ("19", "3.00"),
        ("20", "1.00"),
        ("21", "1.00"),
    ]
    assert [one["reason"] for one in found[0]["missing"]] == ["not_known_yet"]
    assert ask(api.signed_in("ada"), day="2026-11-18")["total"] == "3.00"


@pytest.mark.parametrize(
    "asked",
    [
        {"currency": "e-r"},
        {"currency": "E"},
        {"to": "2026-11-01"},
        {"day": "2026-11-22"},
        {"day": "0001-01-01x"},
        {"from": "2026-11-20", "to": "2026-11-19"},
        {"from": "0001-01-01"},
        {"from": "2026-12-01"},
        {"surprise": "1"},
    ],
)
def test_questions_without_an_answer_are_refused(sqlite_api: Api, asked: dict[str, str]) -> None:
    """A currency that is none, a day to come, a series without a beginning or an end in sight."""
    answer = sqlite_api.signed_in("ada").get("/v1/networth", params=asked)
    assert answer.status_code in {400, 422}, answer.text
    assert "pattern" not in answer.json()["detail"]


def test_a_currency_may_be_asked_for_in_small_letters(sqlite_api: Api) -> None:
    """As on the command line, here and in the list of holdings."""
    client = sqlite_api.signed_in("ada")
    assert ask(client, currency="usd")["currency"] == "USD"
    assert client.get("/v1/holdings", params={"currency": "usd"}).status_code == 200


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "1970-01-01"])
def test_the_ends_of_time_are_days_too(sqlite_api: Api, day: str) -> None:
    """A first or last day of the calendar is answered, or refused, and never breaks anything."""
    Books(sqlite_api.penstock.database)
    fill(sqlite_api.penstock.database, sqlite_api.person("ada"), sqlite_api.clock())
    answer = sqlite_api.signed_in("ada").get("/v1/networth", params={"day": day})
    assert answer.status_code in {200, 422}, answer.text
