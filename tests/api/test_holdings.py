"""Holdings over the API: as they were stated, in pages, to whoever may see them."""

from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from penstock.domain.ids import public_id
from penstock.sandbox.scenario import Scenario
from tests.api.banking import town
from tests.api.serving import Api
from tests.api.test_accounts import all_rows
from tests.api.test_changes import follow
from tests.databases import Database
from tests.db.books import NOW, Books


def test_a_position_as_it_is_shown(api: Api) -> None:
    """Every number is the text that it was, to the last digit, the same on both databases."""
    client, books = api.signed_in("ada"), Books(api.penstock.database)
    owner = api.person("ada")
    account = books.account(owner, books.connection(owner))
    number = books.holding(
        owner,
        account,
        symbol="ETH",
        isin=None,
        name="Ether",
        type="crypto",
        quantity=Decimal("-123456789012.123456789012345678"),
        price=Decimal("0.00000000123456789"),
        value=None,
        cost_basis=Decimal("12.50"),
    )
    expected = {
        "id": public_id("hol", number),
        "account_id": public_id("acc", account),
        "symbol": "ETH",
        "isin": None,
        "name": "Ether",
        "type": "crypto",
        "quantity": "-123456789012.123456789012345678",
        "price": "0.00000000123456789",
        "value": None,
        "cost_basis": "12.50",
        "currency": "EUR",
        "as_of": "2026-11-20T12:00:00Z",
        "observed_at": "2026-11-20T12:00:00Z",
        "ended_at": None,
        "security_id": None,
    }
    assert client.get("/v1/holdings").json() == {"rows": [expected], "next_cursor": None}
    rows, _ = follow(client, None, 9)
    assert rows[-1] == {"kind": "holding", **expected}


def test_filters_hold_over_all_pages(api: Api) -> None:
    """By account, by connection, by symbol; what has ended and what is hidden, only when asked."""
    client, books = api.signed_in("ada"), Books(api.penstock.database)
    owner = api.person("ada")
    first, second = books.connection(owner), books.connection(owner)
    plain, other = books.account(owner, first), books.account(owner, second)
    hidden = books.account(owner, first, hidden=True)
    made = {
        "plain": [books.holding(owner, plain, symbol=name) for name in ("A", "B", "C", "a")],
        "ended": [books.holding(owner, plain, symbol="A", ended_at=NOW)],
        "other": [books.holding(owner, other, symbol="A") for _ in range(3)],
        "hidden": [books.holding(owner, hidden, symbol="A")],
    }

    def listed(**parameters: str) -> list[int]:
        rows = all_rows(client, "/v1/holdings", **parameters)
        names = {public_id("hol", one): one for some in made.values() for one in some}
        return [names[row["id"]] for row in rows]

    assert listed() == [*made["plain"], *made["other"]]
    assert listed(include_ended="true") == [*made["plain"], *made["ended"], *made["other"]]
    assert listed(include_hidden="true") == [*made["plain"], *made["other"], *made["hidden"]]
    assert listed(account=public_id("acc", hidden)) == made["hidden"]
    assert listed(account=public_id("acc", other)) == made["other"]
    assert listed(connection=public_id("con", first)) == made["plain"]
    assert listed(symbol="A") == [made["plain"][0], *made["other"]]
    of_first = {"symbol": "A", "connection": public_id("con", first), "include_ended": "true"}
    assert listed(**of_first) == [made["plain"][0], *made["ended"]]
    assert listed(account=public_id("acc", other), connection=public_id("con", first)) == []


def test_a_cursor_is_good_for_its_own_list_only(sqlite_api: Api) -> None:
    """One that was given for other filters is an error, and never a page from somewhere else."""
    client, books = sqlite_api.signed_in("ada"), Books(sqlite_api.penstock.database)
    owner = sqlite_api.person("ada")
    account = books.account(owner, books.connection(owner))
    for _ in range(3):
        books.holding(owner, account)
    cursor = client.get("/v1/holdings", params={"limit": 1}).json()["next_cursor"]
    wrong = client.get("/v1/holdings", params={"cursor": cursor, "symbol": "WEIR"})
    assert wrong.status_code == 400


def test_another_persons_holdings_are_not_there(api: Api) -> None:
    """X1: whoever asks, with whatever filter, sees their own."""
    books = Books(api.penstock.database)
    owner = api.person("ada")
    connection = books.connection(owner)
    account = books.account(owner, connection)
    books.holding(owner, account)
    stranger = api.signed_in("eve")
    everything = {"include_ended": "true", "include_hidden": "true"}
    for asked in ({}, everything, {"symbol": "WEIR"}):
        assert stranger.get("/v1/holdings", params=asked).json()["rows"] == []
    for asked in (
        {"account": public_id("acc", account)},
        {"connection": public_id("con", connection)},
    ):
        assert stranger.get("/v1/holdings", params=asked).status_code == 404
    assert follow(stranger, None, 9)[0] == []


def test_an_undo_names_the_holdings_that_it_leaves_alone(
    sqlite_database: Database, tmp_path: Path
) -> None:
    """sync.md 31: prices that moved since the run are no reason to refuse, and are no secret."""
    with town(sqlite_database.url, tmp_path) as place:
        client = place.api.signed_in("ada")
        link = place.begin(client)
        back = place.consent(f"{link['authorization_url']}&scenario={Scenario.INVESTED}")
        body = {"callback": urlsplit(back).query}
        connection = client.post(f"/v1/links/{link['id']}/finish", json=body).json()["id"]
        place.wait()
        place.sync(client, connection)
        world = place.bank.desk("ada", Scenario.INVESTED).world
        world.trade("WEIR", Decimal(1))
        wrote = place.sync(client, connection)
        assert (wrote["counts"]["inserted"], wrote["counts"]["holdings"]) == (1, 1)
        world.advance(1)
        moved = place.sync(client, connection)
        assert moved["counts"]["inserted"] == 0 < moved["counts"]["holdings"]
        (weir,) = client.get("/v1/holdings", params={"symbol": "WEIR"}).json()["rows"]
        would = client.post(f"/v1/syncs/{wrote['id']}/undo", json={"dry_run": True}).json()
        assert (would["kept"], would["kept_holdings"]) == ([], [weir["id"]])
        assert would["deleted"] == 1


@pytest.mark.parametrize(
    ("scopes", "status"), [(("read",), 200), (("write", "connect"), 403), ((), 403)]
)
def test_reading_takes_the_scope_to_read(
    sqlite_api: Api, scopes: tuple[str, ...], status: int
) -> None:
    """A token that may not read balances may not read holdings either."""
    client = sqlite_api.signed_in("ada", *(scopes or ("write",)))
    for path in ("/v1/holdings", "/v1/balances"):
        assert client.get(path).status_code == status


@pytest.mark.parametrize(
    "asked",
    [
        {"account": "bal_0000000000011"},
        {"symbol": "x" * 101},
        {"include_ended": "1"},
        {"sold": "true"},
    ],
    ids=str,
)
def test_nonsense_is_refused(sqlite_api: Api, asked: dict[str, Any]) -> None:
    """An id of another kind, no symbol is so long, a switch written otherwise."""
    answer = sqlite_api.signed_in("ada").get("/v1/holdings", params=asked)
    assert answer.status_code in {404, 422}, answer.text
