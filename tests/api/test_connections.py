"""Connections as people see them: how fresh, what is wrong, and how they end."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from penstock.domain.ids import public_id
from tests.api.banking import Town, town
from tests.api.serving import Api
from tests.databases import Database
from tests.db.books import Books


@pytest.fixture
def place(database: Database, tmp_path: Path) -> Iterator[Town]:
    """Open a bank and an API."""
    with town(database.url, tmp_path) as place:
        yield place


@pytest.mark.parametrize(
    ("query", "status"),
    [("connector=sandbox", 422), ("connector=nobody", 404), ("", 422), ("country=xx", 422)],
)
def test_one_bank_has_no_institutions_to_find(sqlite_api: Api, query: str, status: int) -> None:
    """Where there is nothing to choose from, that is said, as a problem."""
    answer = sqlite_api.signed_in("ada").get(f"/v1/institutions?{query}")
    assert answer.status_code == status, answer.text


def test_the_connectors_say_how_to_link(sqlite_api: Api) -> None:
    """Each connector is named, with its ways to link and what is still to be set."""
    rows = sqlite_api.signed_in("ada").get("/v1/connectors").json()["rows"]
    known = {row["name"]: row for row in rows}
    assert known["sandbox"]["ready"]
    assert known["sandbox"]["plans"][0] == {
        "number": 0,
        "kind": "consent",
        "where": None,
        "url": None,
        "chooses": [],
        "returns": True,
    }
    token = known["starling"]["plans"][0]
    assert (token["kind"], token["url"]) == ("token", "https://developer.starlingbank.com/personal")
    assert token["where"]


def test_a_connector_that_is_not_set_up_says_what_is_missing(
    sqlite_database: Database, tmp_path: Path
) -> None:
    """What cannot be linked yet is not ready, and names the settings that it lacks."""
    with town(sqlite_database.url, tmp_path, profile="production") as place:
        rows = place.api.signed_in("ada").get("/v1/connectors").json()["rows"]
        sandbox = next(row for row in rows if row["name"] == "sandbox")
        assert not sandbox["ready"]
        assert sandbox["missing_settings"]
        assert sandbox["keys_url"].startswith("http")


def test_a_linked_bank_is_read_and_fresh(place: Town) -> None:
    """From never read to fresh: institution, accounts, the last sync and the next one are shown."""
    client = place.api.signed_in("ada")
    made = place.link(client)
    assert made["freshness"] == {"state": "never", "last_success_at": None, "age_seconds": None}
    assert (made["institution"], made["name"], made["accounts"]) == (None, "sandbox", 0)
    sync = place.sync(client, made["id"])
    assert sync["outcome"] == "done"
    place.api.clock.advance(minutes=2)
    row = client.get(f"/v1/connections/{made['id']}").json()
    assert row["freshness"]["state"] == "fresh"
    assert row["freshness"]["age_seconds"] == 120
    assert row["institution"]["name"] == row["name"]
    assert row["accounts"] > 0
    assert (row["last_outcome"], row["last_sync_id"]) == ("done", sync["id"])
    assert (row["failures"], row["remedy"]) == (0, None)
    assert row["next_sync_at"] > row["freshness"]["last_success_at"]


@pytest.mark.parametrize(
    ("stored", "state"),
    [
        ({}, "never"),
        ({"last_success_at": timedelta(hours=1)}, "fresh"),
        ({"last_success_at": timedelta(hours=13)}, "stale"),
        ({"last_success_at": timedelta(hours=1), "failures": 1}, "failing"),
        ({"failures": 1}, "failing"),
        ({"last_success_at": timedelta(hours=1), "consent": "expired"}, "failing"),
        ({"last_success_at": timedelta(hours=1), "consent": "expiring"}, "fresh"),
        (
            {"last_success_at": timedelta(hours=1), "consent_expires_at": timedelta(seconds=1)},
            "failing",
        ),
        (
            {"last_success_at": timedelta(hours=1), "disconnected_at": timedelta(minutes=1)},
            "stale",
        ),
    ],
)
def test_nothing_is_falsely_green(sqlite_api: Api, stored: dict[str, Any], state: str) -> None:
    """Only what was read well, lately, by a consent that still holds, is called fresh."""
    client = sqlite_api.signed_in("ada")
    now = sqlite_api.clock()
    values = {
        name: now - value if isinstance(value, timedelta) else value
        for name, value in stored.items()
    }
    Books(sqlite_api.penstock.database).connection(sqlite_api.person("ada"), **values)
    (row,) = client.get("/v1/connections").json()["rows"]
    assert row["freshness"]["state"] == state
    if row["consent"]["state"] == "expired" or "consent_expires_at" in stored:
        assert row["remedy"]["kind"] == "ask_person"


def test_what_is_wrong_comes_with_what_to_do(sqlite_api: Api) -> None:
    """A failing connection says who must act, in words, and until when to wait."""
    client = sqlite_api.signed_in("ada")
    until = sqlite_api.clock() + timedelta(hours=3)
    Books(sqlite_api.penstock.database).connection(
        sqlite_api.person("ada"),
        last_outcome="throttled",
        failures=2,
        remedy_kind="wait",
        remedy_text="The bank limits how often it is asked.",
        not_before=until,
    )
    (row,) = client.get("/v1/connections").json()["rows"]
    assert row["last_outcome"] == "throttled"
    assert row["remedy"] == {
        "kind": "wait",
        "text": "The bank limits how often it is asked.",
        "until": "2026-11-21T12:30:00Z",
    }


def test_connections_come_in_pages(api: Api) -> None:
    """All connections of the person, in the order they were made, and nobody else's."""
    client = api.signed_in("ada")
    books = Books(api.penstock.database)
    made = []
    for _ in range(5):
        made.append(books.connection(api.person("ada")))
        books.connection(api.person("eve"))
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = client.get("/v1/connections", params={"limit": "2", **cursor}).json()
        seen += [row["id"] for row in page["rows"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert len(seen) == len(set(seen)) == 5
    assert sorted(seen) == seen


def test_a_connection_is_renamed(api: Api) -> None:
    """A person's name for a connection stands before the institution's, and null takes it away."""
    client = api.signed_in("ada")
    number = Books(api.penstock.database).connection(
        api.person("ada"), institution_id="b1", institution_name="First Bank"
    )
    address = f"/v1/connections/{public_id('con', number)}"
    renamed = client.patch(address, json={"label": "Joint"}).json()
    assert (renamed["name"], renamed["label"]) == ("Joint", "Joint")
    cleared = client.patch(address, json={"label": None}).json()
    assert (cleared["name"], cleared["label"]) == ("First Bank", None)
    for body in ({}, {"label": ""}, {"label": "a\x1fb"}, {"label": 5}, {"label": "x" * 201}):
        assert client.patch(address, json=body).status_code == 422


def test_disconnecting_revokes_and_keeps_the_history(place: Town) -> None:
    """The bank confirms that our access has ended; what was read stays, and says that it is old."""
    client = place.api.signed_in("ada")
    made = place.link(client)
    place.sync(client, made["id"])
    ended = client.delete(f"/v1/connections/{made['id']}")
    assert ended.json() == {
        "id": made["id"],
        "revoked": True,
        "retried": False,
        "data_deleted": False,
    }
    row = client.get(f"/v1/connections/{made['id']}").json()
    assert row["disconnected_at"] is not None
    assert (row["consent"]["state"], row["freshness"]["state"]) == ("revoked", "stale")
    assert row["remedy"]["kind"] == "ask_person"
    assert client.get("/v1/transactions").json()["rows"]
    assert client.post(f"/v1/connections/{made['id']}/syncs").status_code == 409
    assert client.post(f"/v1/connections/{made['id']}/renew", json={}).status_code in {409, 422}


def test_disconnecting_can_delete_everything(place: Town) -> None:
    """sync.md 19: what is deleted with its connection is gone, and leaves stubs in the feed."""
    client = place.api.signed_in("ada")
    made = place.link(client)
    place.sync(client, made["id"])
    before = {row["id"] for row in client.get("/v1/changes?limit=500").json()["rows"]}
    assert before
    path = f"/v1/connections/{made['id']}?delete_data=true"
    assert client.delete(path).json()["data_deleted"] is True
    assert client.get(f"/v1/connections/{made['id']}").status_code == 404
    feed = client.get("/v1/changes?limit=500").json()["rows"]
    assert {row["kind"] for row in feed} == {"erasure"}
    assert {row["id"] for row in feed} == before
    for noun in ("accounts", "balances", "transactions"):
        assert client.get(f"/v1/{noun}").json()["rows"] == []
