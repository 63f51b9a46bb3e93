"""The change feed over the API; that nothing is skipped is proven in tests/db."""

from typing import Any

from starlette.testclient import TestClient

from penstock.domain.ids import public_id
from tests.api.serving import Api
from tests.db.books import Books


def follow(client: TestClient, cursor: str | None, limit: int) -> tuple[list[dict[str, Any]], str]:
    """Read the feed to its end; return its rows and the cursor to go on from."""
    rows: list[dict[str, Any]] = []
    while True:
        asked = {"limit": str(limit)} | ({"cursor": cursor} if cursor else {})
        page = client.get("/v1/changes", params=asked).json()
        rows += page["rows"]
        cursor = str(page["next_cursor"])
        if not page["has_more"]:
            return rows, cursor


def test_a_copy_is_kept_by_following(api: Api) -> None:
    """sync.md 19: first everything, later what changed, always a cursor to go on from."""
    client, books = api.signed_in("ada"), Books(api.penstock.database)
    owner = api.person("ada")
    assert follow(client, None, 5)[0] == []
    account = books.account(owner, books.connection(owner))
    number, other = books.transactions(owner, account, [{}, {}])
    balance = books.balance(owner, account)
    names = [
        public_id("acc", account),
        public_id("txn", number),
        public_id("txn", other),
        public_id("bal", balance),
    ]
    rows, cursor = follow(client, None, 1)
    assert [row["id"] for row in rows] == names
    assert [row["kind"] for row in rows] == ["account", "transaction", "transaction", "balance"]
    assert follow(client, cursor, 5) == ([], cursor)
    client.patch(f"/v1/transactions/{names[1]}", json={"note": "mine"})
    client.patch(f"/v1/accounts/{names[0]}", json={"label": "Mine"})
    rows, _ = follow(client, cursor, 5)
    assert [(row["id"], row.get("note") or row.get("label")) for row in rows] == [
        (names[1], "mine"),
        (names[0], "Mine"),
    ]


def test_a_change_is_the_row_itself(api: Api) -> None:
    """A transaction is fed as it is shown elsewhere, with its kind before it."""
    client, books = api.signed_in("ada"), Books(api.penstock.database)
    owner = api.person("ada")
    account = books.account(owner, books.connection(owner))
    number = books.transaction(owner, account, hidden=True)
    rows, _ = follow(client, None, 9)
    shown = client.get(f"/v1/transactions/{public_id('txn', number)}").json()
    assert rows[-1] == {"kind": "transaction", **shown}
    account_shown = client.get(f"/v1/accounts/{public_id('acc', account)}").json()
    del account_shown["balances"], account_shown["tie_outs"], account_shown["freshness"]
    assert rows[0] == {"kind": "account", **account_shown}


def test_a_made_up_cursor_is_refused(sqlite_api: Api) -> None:
    """A cursor is what the feed gave out, or an error."""
    client, books = sqlite_api.signed_in("ada"), Books(sqlite_api.penstock.database)
    owner = sqlite_api.person("ada")
    account = books.account(owner, books.connection(owner))
    books.transactions(owner, account, [{}] * 3)
    foreign = client.get("/v1/transactions?limit=1").json()["next_cursor"]
    for cursor in ("x", foreign):
        assert client.get("/v1/changes", params={"cursor": cursor}).status_code == 400


def test_a_strangers_feed_is_their_own(api: Api) -> None:
    """X1: a cursor of one person shows another person nothing of the first one's."""
    client, books = api.signed_in("ada"), Books(api.penstock.database)
    owner = api.person("ada")
    books.transactions(owner, books.account(owner, books.connection(owner)), [{}] * 5)
    cursor = client.get("/v1/changes?limit=2").json()["next_cursor"]
    assert follow(api.signed_in("eve"), cursor, 9)[0] == []
