"""What is likely and not certain, decided by the person over the API (sync.md 10, 14)."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from penstock.sandbox.scenario import Scenario
from penstock.sandbox.world import World
from tests.api.banking import Town, town
from tests.databases import Database


@pytest.fixture
def place(database: Database, tmp_path: Path) -> Iterator[Town]:
    """Open a bank and an API."""
    with town(database.url, tmp_path) as place:
        yield place


def world(place: Town) -> World:
    """Return what the bank knows of the person."""
    return place.bank.desk("ada", Scenario.CALM).world


def one_open(client: TestClient) -> dict[str, Any]:
    """Return the one suggestion that is open."""
    (row,) = client.get("/v1/suggestions").json()["rows"]
    found: dict[str, Any] = row
    return found


def named(client: TestClient, words: str) -> list[dict[str, Any]]:
    """Return the transactions with these words, those that were taken back too."""
    asked = {"text": words, "include_removed": "true"}
    rows: list[dict[str, Any]] = client.get("/v1/transactions", params=asked).json()["rows"]
    return rows


def tie_outs(client: TestClient) -> set[str]:
    """Return what the tie-outs of all accounts say."""
    accounts = client.get("/v1/accounts").json()["rows"]
    return {one["status"] for row in accounts for one in row["tie_outs"]}


def tipped(place: Town) -> tuple[TestClient, dict[str, Any]]:
    """Let a noted pending row go without a word, and be booked with a tip; return what is shown."""
    client = place.api.signed_in("ada")
    made = place.link(client)
    held = world(place).hold("card", Decimal("-20.00"), "Grill 9 held")
    place.sync(client, made["id"])
    (pending,) = named(client, "Grill 9 held")
    body = {"note": "with Ada", "category": "treats"}
    client.patch(f"/v1/transactions/{pending['id']}", json=body)
    world(place).remove(held.external_id)
    world(place).post("card", Decimal("-23.00"), "Grill 9 booked")
    assert place.sync(client, made["id"])["counts"]["paired"] == 0
    return client, made


def swept(place: Town, rows: int = 12) -> tuple[TestClient, dict[str, Any]]:
    """Let so many rows go without a word, and read all again; return client and connection."""
    client = place.api.signed_in("ada")
    made = place.link(client)
    posted = [
        world(place).post("checking", Decimal(-number), f"Kiosk {number}")
        for number in range(1, rows + 1)
    ]
    place.sync(client, made["id"])
    for row in posted:
        world(place).remove(row.external_id, silently=True)
    start_over(place)
    assert place.sync(client, made["id"])["counts"]["removed"] == 0
    return client, made


def start_over(place: Town) -> None:
    """Let the bank forget where we were, so that it tells all again."""
    place.bank.desk("ada", Scenario.CALM).cursors.forget()


def test_a_likely_pair_is_shown_with_both_rows(place: Town) -> None:
    """sync.md 10: what is fuzzier than certain is suggested, with all that is needed to decide."""
    client, made = tipped(place)
    found = one_open(client)
    assert (found["kind"], found["state"], found["row_count"]) == ("pair", "open", 2)
    assert "-20.00 EUR" in found["reason"]
    rows = {one["role"]: one["transaction"] for one in found["rows"]}
    assert (rows["pending"]["amount"], rows["posted"]["amount"]) == ("-20.00", "-23.00")
    assert rows["pending"]["note"] == "with Ada"
    assert rows["pending"]["removed_at"] is not None
    assert client.get(f"/v1/suggestions/{found['id']}").json() == found
    assert client.get(f"/v1/connections/{made['id']}").json()["suggestions"] == 1
    assert place.api.signed_in("eve").get("/v1/suggestions").json()["rows"] == []


def test_an_accepted_pair_is_one_row_with_the_persons_words(place: Town) -> None:
    """sync.md 10: one identity, the bank's last word and the person's note; it adds up."""
    client, made = tipped(place)
    found = one_open(client)
    ids = {one["role"]: one["transaction"]["id"] for one in found["rows"]}
    cursor = client.get("/v1/changes?limit=500").json()["next_cursor"]
    done = client.post(f"/v1/suggestions/{found['id']}/accept").json()
    assert (done["state"], done["row_count"]) == ("accepted", 1)
    (row,) = named(client, "Grill 9")
    assert (row["id"], row["status"], row["amount"]) == (ids["pending"], "posted", "-23.00")
    assert (row["note"], row["category"], row["removed_at"]) == ("with Ada", "treats", None)
    assert client.get(f"/v1/transactions/{ids['posted']}").status_code == 404
    feed = client.get("/v1/changes", params={"cursor": cursor}).json()["rows"]
    assert sorted(one["kind"] for one in feed) == ["erasure", "transaction"]
    assert tie_outs(client) == {"ok"}
    again = place.sync(client, made["id"], from_start=True)["counts"]
    assert (again["inserted"], again["changed"], again["removed"]) == (0, 0, 0)
    assert len(named(client, "Grill 9")) == 1
    assert client.post(f"/v1/suggestions/{found['id']}/accept").status_code == 409


def test_a_refused_pair_stays_two_rows_and_is_not_suggested_again(place: Town) -> None:
    """sync.md 10: nothing changes, and nobody is asked twice."""
    client, made = tipped(place)
    found = one_open(client)
    done = client.post(f"/v1/suggestions/{found['id']}/refuse").json()
    assert (done["state"], done["row_count"]) == ("refused", 2)
    assert len(named(client, "Grill 9")) == 2
    place.sync(client, made["id"], from_start=True)
    assert client.get("/v1/suggestions").json()["rows"] == []
    (refused,) = client.get("/v1/suggestions?state=refused").json()["rows"]
    assert refused == done
    assert client.post(f"/v1/suggestions/{found['id']}/accept").status_code == 409


def test_a_pair_whose_pending_row_stands_again_is_gone(place: Town) -> None:
    """sync.md 10: what was suggested is done only while it is still so."""
    client, made = tipped(place)
    found = one_open(client)
    pending = next(row for row in world(place).gone() if row.description == "Grill 9 held")
    world(place).revive(pending.external_id)
    place.sync(client, made["id"])
    done = client.post(f"/v1/suggestions/{found['id']}/accept").json()
    assert done["state"] == "gone"
    assert [row["removed_at"] for row in named(client, "Grill 9")] == [None, None]


def test_a_large_sweep_waits_for_the_person(place: Town) -> None:
    """sync.md 14: many rows that are no longer told stay, until the person lets them go."""
    client, _ = swept(place)
    found = one_open(client)
    assert (found["kind"], found["row_count"]) == ("sweep", 12)
    assert {one["role"] for one in found["rows"]} == {"missing"}
    assert [row["removed_at"] for row in named(client, "Kiosk")] == [None] * 12
    done = client.post(f"/v1/suggestions/{found['id']}/accept").json()
    assert done["state"] == "accepted"
    assert all(row["removed_at"] for row in named(client, "Kiosk"))
    assert tie_outs(client) == {"ok"}


def test_a_refused_sweep_keeps_the_rows(place: Town) -> None:
    """sync.md 14: they stay, and the same is not asked again."""
    client, made = swept(place)
    found = one_open(client)
    client.post(f"/v1/suggestions/{found['id']}/refuse")
    start_over(place)
    place.sync(client, made["id"])
    assert [row["removed_at"] for row in named(client, "Kiosk")] == [None] * 12
    assert client.get("/v1/suggestions").json()["rows"] == []


def test_a_list_shows_the_first_rows_of_many(place: Town) -> None:
    """A sweep may be of any size: a list shows 20 of its rows, the suggestion itself more."""
    client, _ = swept(place, rows=30)
    found = one_open(client)
    assert (found["row_count"], len(found["rows"])) == (30, 20)
    assert len(client.get(f"/v1/suggestions/{found['id']}").json()["rows"]) == 30


def test_suggestions_come_in_pages(place: Town) -> None:
    """A cursor leads on, and is good for that very list only."""
    client, _ = tipped(place)
    page = client.get("/v1/suggestions?limit=1").json()
    assert page["next_cursor"] is None
    assert client.get("/v1/suggestions?cursor=x").status_code == 400
    assert client.get("/v1/suggestions?state=lost").status_code == 422


def test_who_may_decide(place: Town) -> None:
    """Deciding is writing: a token that may only read, or sync, is refused."""
    client, _ = tipped(place)
    path = f"/v1/suggestions/{one_open(client)['id']}"
    reader = place.api.signed_in("ada", "read", "sync")
    assert reader.get(path).status_code == 200
    assert reader.post(f"{path}/accept").status_code == 403
    assert reader.post(f"{path}/refuse").status_code == 403
    assert one_open(client)["state"] == "open"
