"""Accounts and balances over the API."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from starlette.testclient import TestClient

from penstock.db import tie_outs
from penstock.domain.ids import public_id
from tests.api.serving import Api
from tests.db.books import Books


def all_rows(client: TestClient, path: str, **parameters: str) -> list[dict[str, Any]]:
    """Read a list to its end, two rows a page."""
    rows: list[dict[str, Any]] = []
    asked = {"limit": "2", **parameters}
    while True:
        answer = client.get(path, params=asked)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        rows += page["rows"]
        if page["next_cursor"] is None:
            return rows
        asked["cursor"] = page["next_cursor"]


def test_an_account_shows_what_stands_on_it(api: Api) -> None:
    """Its newest balance of each kind, how it adds up, what it belongs to, and how fresh it is."""
    client, books = api.signed_in("ada"), Books(api.penstock.database)
    owner = api.person("ada")
    connection = books.connection(owner, last_success_at=api.clock() - timedelta(minutes=1))
    account = books.account(owner, connection, external_id="main", mask="4242")
    space = books.account(owner, connection, parent_external_id="main", name="Holiday")
    for days, amount in ((2, "90.00"), (1, "100.00")):
        books.balance(
            owner, account, amount=Decimal(amount), as_of=api.clock() - timedelta(days=days)
        )
    books.balance(owner, account, kind="available", amount=Decimal("600.10"))
    row = {
        "currency": "EUR",
        "status": "difference",
        "amount": Decimal("-12.50"),
        "first_on": date(2026, 11, 3),
        "candidates": '["txn_0000000000011"]',
        "checked_at": api.clock(),
    }
    api.write(tie_outs.save, account, [row])
    first, second = client.get("/v1/accounts").json()["rows"]
    assert [(one["type"], one["amount"]) for one in first["balances"]] == [
        ("available", "600.10"),
        ("current", "100.00"),
    ]
    assert first["tie_outs"] == [
        {
            "status": "difference",
            "currency": "EUR",
            "amount": "-12.50",
            "first_on": "2026-11-03",
            "candidates": ["txn_0000000000011"],
            "checked_at": "2026-11-21T09:30:00Z",
        }
    ]
    assert (first["mask"], first["freshness"]["state"]) == ("4242", "fresh")
    assert first["connection_id"] == public_id("con", connection)
    assert (second["parent_id"], second["name"]) == (first["id"], "Holiday")
    assert (second["balances"], second["tie_outs"]) == ([], [])
    assert client.get(f"/v1/accounts/{public_id('acc', space)}").json() == second


def test_accounts_come_in_pages_by_connection_and_hidden_or_not(api: Api) -> None:
    """The filters hold over all pages, and a cursor is good for its own list only."""
    client, books = api.signed_in("ada"), Books(api.penstock.database)
    owner = api.person("ada")
    one, other = books.connection(owner), books.connection(owner)
    made = {
        public_id("acc", books.account(owner, connection, hidden=hidden)): (connection, hidden)
        for connection in (one, other)
        for hidden in (False, True, False)
    }
    assert [row["id"] for row in all_rows(client, "/v1/accounts")] == [
        name for name, (_, hidden) in made.items() if not hidden
    ]
    chosen = {"connection": public_id("con", one), "include_hidden": "true"}
    assert [row["id"] for row in all_rows(client, "/v1/accounts", **chosen)] == [
        name for name, (connection, _) in made.items() if connection == one
    ]
    cursor = client.get("/v1/accounts?limit=1").json()["next_cursor"]
    foreign = client.get("/v1/accounts", params={"cursor": cursor, "include_hidden": "true"})
    assert foreign.status_code == 400
    stranger = api.signed_in("eve")
    assert stranger.get("/v1/accounts").json()["rows"] == []
    assert stranger.get("/v1/accounts", params=chosen).status_code == 404


def test_an_account_is_renamed_hidden_and_begun_later(api: Api) -> None:
    """What is left out of an edit stays, null clears, rows before the first day are not listed."""
    client, books = api.signed_in("ada"), Books(api.penstock.database)
    owner = api.person("ada")
    account = books.account(owner, books.connection(owner))
    early = books.transaction(owner, account, dated_on=date(2026, 1, 31))
    late = books.transaction(owner, account, dated_on=date(2026, 2, 1))
    path = f"/v1/accounts/{public_id('acc', account)}"
    row = client.patch(path, json={"label": "Mine", "start_on": "2026-02-01"}).json()
    assert (row["label"], row["start_on"], row["hidden"]) == ("Mine", "2026-02-01", False)
    listed = [one["id"] for one in client.get("/v1/transactions").json()["rows"]]
    assert listed == [public_id("txn", late)]
    assert client.patch(path, json={"hidden": True}).json()["label"] == "Mine"
    assert client.get("/v1/transactions").json()["rows"] == []
    cleared = client.patch(path, json={"label": None, "start_on": None, "hidden": False}).json()
    assert (cleared["label"], cleared["start_on"], cleared["hidden"]) == (None, None, False)
    listed = [one["id"] for one in client.get("/v1/transactions").json()["rows"]]
    assert listed == [public_id("txn", late), public_id("txn", early)]
    assert client.patch(path, json={}).json() == cleared


@pytest.mark.parametrize(
    "body",
    [
        {"start_on": "01.02.2026"},
        {"start_on": "2026-02-30"},
        {"start_on": 0},
        {"hidden": "true"},
        {"hidden": None},
        {"label": ""},
        {"label": "a\nb"},
        {"name": "x"},
        {"currency": "USD"},
    ],
)
def test_what_is_the_banks_is_not_edited(sqlite_api: Api, body: dict[str, object]) -> None:
    """Only a person's own words can be written, and only in the shape that they have."""
    client, books = sqlite_api.signed_in("ada"), Books(sqlite_api.penstock.database)
    owner = sqlite_api.person("ada")
    account = books.account(owner, books.connection(owner))
    answer = client.patch(f"/v1/accounts/{public_id('acc', account)}", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_newest_balances_in_pages(api: Api) -> None:
    """One row an account, kind and currency; those of hidden accounts only where asked for."""
    client, books = api.signed_in("ada"), Books(api.penstock.database)
    owner = api.person("ada")
    connection = books.connection(owner)
    shown, hidden = books.account(owner, connection), books.account(owner, connection, hidden=True)
    kinds = ["available", "current", "limit"]
    for account in (hidden, shown):
        for kind in kinds:
            for hours in (5, 3):
                books.balance(owner, account, kind=kind, as_of=api.clock() - timedelta(hours=hours))
    rows = all_rows(client, "/v1/balances")
    account_id = public_id("acc", shown)
    assert [(row["account_id"], row["type"]) for row in rows] == [
        (account_id, kind) for kind in kinds
    ]
    assert {row["as_of"] for row in rows} == {"2026-11-21T06:30:00Z"}
    assert len(all_rows(client, "/v1/balances", include_hidden="true")) == 6
    of_one = all_rows(client, "/v1/balances", account=public_id("acc", hidden))
    assert [row["type"] for row in of_one] == kinds
    assert api.signed_in("eve").get("/v1/balances").json()["rows"] == []


def test_the_history_of_an_account(api: Api) -> None:
    """sync.md 17: every balance that was heard, newest first, by kind and days, in pages."""
    client, books = api.signed_in("ada"), Books(api.penstock.database)
    owner = api.person("ada")
    account = books.account(owner, books.connection(owner))
    for day in range(1, 8):
        books.balance(
            owner,
            account,
            kind="current" if day % 2 else "available",
            amount=Decimal(day),
            as_of=datetime(2026, 11, day, 12, tzinfo=UTC),
            as_of_on=date(2026, 11, day),
        )
    path = f"/v1/accounts/{public_id('acc', account)}/balances"
    assert [row["as_of_on"][-1] for row in all_rows(client, path)] == list("7654321")
    current = all_rows(client, path, type="current", **{"from": "2026-11-02", "to": "2026-11-06"})
    assert [row["amount"] for row in current] == ["5", "3"]
    for bad in ({"type": "sum"}, {"from": "today"}, {"limit": "0"}, {"limit": "501"}):
        assert client.get(path, params=bad).status_code == 422
