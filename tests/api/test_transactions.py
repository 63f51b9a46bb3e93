"""Transactions over the API: the listing, its filters and pages, and what people write."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest
from starlette.testclient import TestClient

from penstock.api.routes.transactions import Transaction
from penstock.db.transactions import reading
from penstock.domain.ids import public_id
from tests.api.serving import Api
from tests.api.test_accounts import all_rows
from tests.db.books import DAY, NOW, Books


def ids(client: TestClient, **parameters: str) -> list[str]:
    """Return the ids of a listing, over all its pages."""
    return [row["id"] for row in all_rows(client, "/v1/transactions", **parameters)]


def test_a_row_as_it_is_shown(api: Api) -> None:
    """Exact amounts as text, days and instants in ISO 8601, the same on both databases."""
    client, books = api.signed_in("ada"), Books(api.penstock.database)
    owner = api.person("ada")
    account = books.account(owner, books.connection(owner), currency="BTC")
    number = books.transaction(
        owner,
        account,
        status="pending",
        amount=Decimal("-0.00000001"),
        currency="BTC",
        dated_on=date(2026, 11, 3),
        authorized_on=date(2026, 11, 3),
        description='Ünïcode "quoted" \u2028 € 😀',
        counterparty="Bäcker",
        category="food",
        person_category="treats",
        note="two\nlines",
        reference="R-1",
        original_amount=Decimal("-12345678901234567890.123456789012345678"),
        original_currency="JPY",
        removed_at=NOW,
    )
    expected = {
        "id": public_id("txn", number),
        "account_id": public_id("acc", account),
        "status": "pending",
        "amount": "-0.00000001",
        "currency": "BTC",
        "dated_on": "2026-11-03",
        "booked_on": None,
        "value_on": None,
        "authorized_on": "2026-11-03",
        "description": 'Ünïcode "quoted" \u2028 € 😀',
        "counterparty": "Bäcker",
        "category": "treats",
        "person_category": "treats",
        "provider_category": "food",
        "note": "two\nlines",
        "reference": "R-1",
        "original_amount": "-12345678901234567890.123456789012345678",
        "original_currency": "JPY",
        "hidden": False,
        "overdue": False,
        "removed_at": "2026-11-20T12:00:00Z",
        "deleted_at": None,
        "created_at": "2026-11-20T12:00:00Z",
        "updated_at": "2026-11-20T12:00:00Z",
    }
    assert client.get(f"/v1/transactions/{expected['id']}").json() == expected
    page = client.get("/v1/transactions?include_removed=true").json()
    assert page == {"rows": [expected], "next_cursor": None}
    assert client.get("/v1/transactions").json()["rows"] == []


def test_what_is_read_is_what_is_described() -> None:
    """The columns come out of the database in the very order of the described fields."""
    assert [column.name for column in reading().selected_columns] == list(Transaction.model_fields)


def test_every_filter_reaches_the_database(api: Api) -> None:
    """Each parameter alone picks the rows it should; the rules are proven in tests/db."""
    client, books = api.signed_in("ada"), Books(api.penstock.database)
    owner = api.person("ada")
    one, other = books.connection(owner), books.connection(owner)
    first, second = books.account(owner, one), books.account(owner, other)
    rows: list[dict[str, Any]] = [
        {"amount": "-10.01", "dated_on": DAY, "description": "Bakery"},
        {"amount": "-10.00", "dated_on": DAY + timedelta(days=1), "status": "pending"},
        {"amount": "20.00", "dated_on": DAY + timedelta(days=2), "person_category": "food"},
        {"hidden": True},
        {"removed_at": NOW},
        {"deleted_at": NOW},
    ]
    plain = {"amount": "5.00", "dated_on": DAY + timedelta(days=3), "description": "Other"}
    numbers = books.transactions(owner, first, [plain | row for row in rows])
    elsewhere = books.transaction(owner, second, **(plain | {"note": "BAKERY"}))
    name = [public_id("txn", number) for number in [*numbers, elsewhere]]
    cases: list[tuple[dict[str, str], set[int]]] = [
        ({}, {0, 1, 2, 6}),
        ({"account": public_id("acc", first)}, {0, 1, 2}),
        ({"connection": public_id("con", other)}, {6}),
        ({"from": "2026-11-03", "to": "2026-11-04"}, {1, 2}),
        ({"min_amount": "-10.00", "max_amount": "5"}, {1, 6}),
        ({"max_amount": "-10.01"}, {0}),
        ({"text": "bAKeRy"}, {0, 6}),
        ({"text": "%"}, set()),
        ({"status": "pending"}, {1}),
        ({"category": "food"}, {2}),
        ({"include_hidden": "true"}, {0, 1, 2, 3, 6}),
        ({"include_removed": "true"}, {0, 1, 2, 4, 6}),
        ({"include_deleted": "true"}, {0, 1, 2, 5, 6}),
        ({"include_deleted": "false"}, {0, 1, 2, 6}),
    ]
    for parameters, wanted in cases:
        assert set(ids(client, **parameters)) == {name[place] for place in wanted}, parameters


def test_the_pages_are_the_list(api: Api) -> None:
    """Newest first, each row once, whatever the size of a page, though rows come in meanwhile."""
    client, books = api.signed_in("ada"), Books(api.penstock.database)
    owner = api.person("ada")
    account = books.account(owner, books.connection(owner))
    days = [DAY + timedelta(days=n % 4) for n in range(11)]
    numbers = books.transactions(owner, account, [{"dated_on": day} for day in days])
    expected = [
        public_id("txn", number)
        for _, number in sorted(zip(days, numbers, strict=True), reverse=True)
    ]
    assert ids(client) == expected
    first = client.get("/v1/transactions?limit=4").json()
    books.transaction(owner, account, dated_on=DAY + timedelta(days=9))
    rest = client.get(f"/v1/transactions?limit=500&cursor={first['next_cursor']}").json()
    assert [row["id"] for row in first["rows"] + rest["rows"]] == expected
    assert rest["next_cursor"] is None


def test_a_cursor_belongs_to_its_filters(sqlite_api: Api) -> None:
    """A cursor of another listing is refused; it never gives a page from somewhere else."""
    client, books = sqlite_api.signed_in("ada"), Books(sqlite_api.penstock.database)
    owner = sqlite_api.person("ada")
    account = books.account(owner, books.connection(owner))
    books.transactions(owner, account, [{}] * 3)
    cursor = client.get("/v1/transactions?limit=1").json()["next_cursor"]
    for parameters in ({"status": "posted"}, {"include_hidden": "true"}, {"min_amount": "-11"}):
        answer = client.get("/v1/transactions", params={"cursor": cursor, **parameters})
        assert answer.status_code == 400
    assert client.get(f"/v1/transactions?cursor={cursor}x").status_code == 400
    assert client.get(f"/v1/transactions?cursor={cursor}&limit=2").status_code == 200


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ({"account": "acc_1"}, 404),
        ({"account": "txn_0000000000001"}, 404),
        ({"connection": "con_00000000zzzzz"}, 404),
        ({"from": "2026-02-30"}, 422),
        ({"from": "0"}, 422),
        ({"to": "2026-11-20T00:00:00"}, 422),
        ({"min_amount": "NaN"}, 422),
        ({"min_amount": "1e999"}, 422),
        ({"max_amount": "Infinity"}, 422),
        ({"max_amount": "1_000"}, 422),
        ({"max_amount": " 1"}, 422),
        ({"max_amount": "1" * 21}, 422),
        ({"text": ""}, 422),
        ({"text": "x" * 201}, 422),
        ({"text": "a\x00b"}, 400),
        ({"status": "booked"}, 422),
        ({"include_hidden": "yes"}, 422),
        ({"limit": "0"}, 422),
        ({"limit": "501"}, 422),
        ({"limit": "ten"}, 422),
        ({"cursor": "x" * 601}, 422),
        ({"form": "2026-01-01"}, 422),
    ],
)
def test_what_cannot_be_meant_is_refused(api: Api, parameters: dict[str, str], status: int) -> None:
    """X4: a slip of the pen is an error with its place, never a list of too much or of nothing."""
    answer = api.signed_in("ada").get("/v1/transactions", params=parameters)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    if status == 422:
        assert answer.json()["faults"][0]["at"] == f"query.{next(iter(parameters))}"


def test_what_may_look_odd_is_taken(api: Api) -> None:
    """X4: every text can be looked for, at the limits of what an amount and a day can be."""
    client, books = api.signed_in("ada"), Books(api.penstock.database)
    owner = api.person("ada")
    text = "\\ %_*?[^] .+() \u2028 \U0001f600 \u2019 \ud7ff"
    number = books.transaction(
        owner, books.account(owner, books.connection(owner)), reference=f"<{text}>"
    )
    assert ids(client, text=text) == [public_id("txn", number)]
    assert ids(client, min_amount=f"-{'9' * 20}.{'9' * 18}", **{"from": "0001-01-01"}) == [
        public_id("txn", number)
    ]
    assert ids(client, max_amount=f"-{'9' * 20}", to="9999-12-31") == []


def test_people_write_and_clear(api: Api) -> None:
    """sync.md 12: what is given is written, null clears, what is left out stays."""
    client, books = api.signed_in("ada"), Books(api.penstock.database)
    owner = api.person("ada")
    account = books.account(owner, books.connection(owner))
    number = books.transaction(owner, account, category="shopping")
    path = f"/v1/transactions/{public_id('txn', number)}"
    written = client.patch(path, json={"category": "gifts", "note": "for\nAda"}).json()
    assert (written["category"], written["provider_category"]) == ("gifts", "shopping")
    assert written["updated_at"] == "2026-11-21T09:30:00Z"
    assert client.patch(path, json={"hidden": True}).json()["note"] == "for\nAda"
    assert client.get("/v1/transactions").json()["rows"] == []
    cleared = client.patch(path, json={"category": None, "note": None, "hidden": False}).json()
    assert (cleared["category"], cleared["note"], cleared["hidden"]) == ("shopping", None, False)
    assert client.patch(path, json={}).json() == cleared


@pytest.mark.parametrize(
    "body",
    [
        {"amount": "1.00"},
        {"category": ""},
        {"category": "a\tb"},
        {"category": 5},
        {"note": "x" * 4001},
        {"hidden": None},
        {"hidden": 1},
        [],
        "note",
    ],
)
def test_only_a_persons_own_words_can_be_written(sqlite_api: Api, body: object) -> None:
    """What the bank says cannot be changed, and a person's words have a shape."""
    client, books = sqlite_api.signed_in("ada"), Books(sqlite_api.penstock.database)
    owner = sqlite_api.person("ada")
    number = books.transaction(owner, books.account(owner, books.connection(owner)))
    path = f"/v1/transactions/{public_id('txn', number)}"
    before = client.get(path).json()
    assert client.patch(path, json=body).status_code == 422
    assert client.get(path).json() == before


def test_people_delete_and_restore(api: Api) -> None:
    """sync.md 12, 19: a deleted row is not listed, is told in the feed, comes back as it was."""
    client, books = api.signed_in("ada"), Books(api.penstock.database)
    owner = api.person("ada")
    number = books.transaction(owner, books.account(owner, books.connection(owner)), note="mine")
    path = f"/v1/transactions/{public_id('txn', number)}"
    cursor = client.get("/v1/changes").json()["next_cursor"]
    for _ in range(2):
        assert client.delete(path).status_code == 204
    assert client.get("/v1/transactions").json()["rows"] == []
    assert client.get(path).json()["deleted_at"] == "2026-11-21T09:30:00Z"
    (told,) = client.get(f"/v1/changes?cursor={cursor}").json()["rows"]
    assert (told["kind"], told["deleted_at"]) == ("transaction", "2026-11-21T09:30:00Z")
    for _ in range(2):
        restored = client.post(f"{path}/restore")
        assert (restored.status_code, restored.json()["deleted_at"]) == (200, None)
    (row,) = client.get("/v1/transactions").json()["rows"]
    assert (row["note"], row["id"]) == ("mine", public_id("txn", number))
