"""A sync taken back over the API, against a whole bank (sync.md 31)."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from penstock.db.aliases import aliases
from penstock.db.cursors import cursors
from penstock.db.transactions import transactions
from penstock.sandbox.scenario import Scenario
from penstock.sandbox.world import World
from tests.api.banking import Town, town
from tests.databases import Database

STAMPS = {"change_number", "updated_at"}


@pytest.fixture
def place(database: Database, tmp_path: Path) -> Iterator[Town]:
    """Open a bank and an API."""
    with town(database.url, tmp_path) as place:
        yield place


def world(place: Town) -> World:
    """Return what the bank knows of the person."""
    return place.bank.desk("ada", Scenario.CALM).world


def move(place: Town) -> None:
    """Let the bank do one of each: book, settle with other words, take back, amend."""
    there = world(place)
    posted = [row for row in there.live() if row.status == "posted"]
    pending = next(row for row in there.live() if row.status == "pending")
    there.advance(1)
    there.post("checking", Decimal("-23.90"), "Greengrocer Lindholm 512")
    there.settle(pending.external_id)
    there.remove(posted[-1].external_id)
    there.amend(posted[0].external_id, description="Said in other words")


def stored(place: Town) -> list[list[dict[str, Any]]]:
    """Return all that an undo puts back: rows without their stamps, ids of before, cursors."""
    t, a, c = transactions, aliases.c, cursors.c
    tables = (
        sa.select(*(one for one in t.c if one.name not in STAMPS)).order_by(t.c.id),
        sa.select(a.account_id, a.external_id, a.transaction_id).order_by(
            a.account_id, a.external_id
        ),
        sa.select(c.connection_id, c.stream, c.cursor).order_by(c.stream),
    )

    def read(connection: sa.Connection) -> list[list[dict[str, Any]]]:
        return [[dict(row._mapping) for row in connection.execute(query)] for query in tables]

    return place.api.read(read)


def undo(client: TestClient, sync_id: str, **body: bool) -> dict[str, Any]:
    """Undo a sync, or say what that would do; return the answer."""
    answer = client.post(f"/v1/syncs/{sync_id}/undo", json=body)
    assert answer.status_code == 200, answer.text
    done: dict[str, Any] = answer.json()
    return done


def test_what_was_is_again(place: Town) -> None:
    """sync.md 31: rows, ids and cursors are exactly as they were; the next sync brings it once."""
    client = place.api.signed_in("ada")
    made = place.link(client)
    place.sync(client, made["id"])
    before = stored(place)
    move(place)
    latest = place.sync(client, made["id"])
    after = stored(place)
    assert after != before
    counts = latest["counts"]
    assert (counts["inserted"], counts["paired"], counts["removed"]) == (1, 1, 1)

    would = undo(client, latest["id"])
    assert (would["dry_run"], would["restored"], would["deleted"]) == (True, 3, 1)
    assert stored(place) == after
    did = undo(client, latest["id"], dry_run=False)
    assert did == would | {"dry_run": False}
    assert did["kept"] == []
    assert stored(place) == before

    again = place.sync(client, made["id"])["counts"]
    assert {name: again[name] for name in ("inserted", "changed", "removed", "paired")} == {
        name: counts[name] for name in ("inserted", "changed", "removed", "paired")
    }
    facts = [row["external_id"] for row in stored(place)[0]]
    assert facts == [row["external_id"] for row in after[0]]
    assert {row["tie_outs"][0]["status"] for row in client.get("/v1/accounts").json()["rows"]} == {
        "ok"
    }


def test_what_a_person_touched_stays_and_is_listed(place: Town) -> None:
    """sync.md 31: a row that was edited since is left as it is, note and all, and named."""
    client = place.api.signed_in("ada")
    made = place.link(client)
    place.sync(client, made["id"])
    move(place)
    latest = place.sync(client, made["id"])
    rows = client.get("/v1/transactions").json()["rows"]
    fresh = next(row for row in rows if row["description"].startswith("Greengrocer"))
    worded = next(row for row in rows if row["description"] == "Said in other words")
    for row in (fresh, worded):
        client.patch(f"/v1/transactions/{row['id']}", json={"note": "mine"})
    done = undo(client, latest["id"], dry_run=False)
    assert done["kept"] == sorted([fresh["id"], worded["id"]])
    assert (done["restored"], done["deleted"]) == (2, 0)
    for row in (fresh, worded):
        now = client.get(f"/v1/transactions/{row['id']}").json()
        assert (now["note"], now["description"]) == ("mine", row["description"])
    place.sync(client, made["id"])
    truth = {row.description for row in world(place).live()}
    listed = client.get("/v1/transactions?limit=500").json()["rows"]
    assert {row["description"] for row in listed} == truth
    assert len(listed) == len(list(world(place).live()))


def test_the_connection_rests_until_it_is_asked_for(place: Town) -> None:
    """sync.md 31: an undone sync pauses its connection, which says so and what to do."""
    client = place.api.signed_in("ada")
    made = place.link(client)
    latest = place.sync(client, made["id"])
    assert latest["undone_at"] is None
    undo(client, latest["id"], dry_run=False)
    shown = client.get(f"/v1/connections/{made['id']}").json()
    assert shown["paused"] == {"at": "2026-11-21T09:30:00Z", "reason": "undone"}
    assert f"penstock sync {made['id']}" in shown["remedy"]["text"]
    assert client.get(f"/v1/syncs/{latest['id']}").json()["undone_at"] == "2026-11-21T09:30:00Z"
    assert client.get("/v1/transactions").json()["rows"] == []
    place.api.clock.advance(days=3)
    assert place.api.play(place.api.penstock.runner.tick) == 0
    client = place.api.signed_in("ada")
    assert place.sync(client, made["id"])["counts"]["inserted"] == 15
    shown = client.get(f"/v1/connections/{made['id']}").json()
    assert (shown["paused"], shown["remedy"]) == (None, None)


def standing(client: TestClient, made: dict[str, Any]) -> dict[str, Any]:
    """Return how the connection and its first account are shown."""
    shown = client.get(f"/v1/connections/{made['id']}").json()
    account = client.get("/v1/accounts").json()["rows"][0]
    alone = client.get(f"/v1/accounts/{account['id']}").json()
    assert alone["balances"] == account["balances"]
    listed = client.get("/v1/balances", params={"account": account["id"]}).json()["rows"]
    return {
        "success": shown["freshness"]["last_success_at"],
        "outcome": shown["last_outcome"],
        "sync": shown["last_sync_id"],
        "next": shown["next_sync_at"],
        "state": account["freshness"]["state"],
        "balances": [one["amount"] for one in listed],
        "of the account": [one["amount"] for one in account["balances"]],
    }


def test_it_is_as_old_as_it_was(place: Town) -> None:
    """sync.md 31: never falsely green: balances, last success, run and outcome go back as well."""
    client = place.api.signed_in("ada")
    made = place.link(client)
    first = place.sync(client, made["id"])
    before = standing(client, made)
    place.api.clock.advance(minutes=2)
    move(place)
    second = place.sync(client, made["id"])
    assert standing(client, made)["balances"] != before["balances"]
    undo(client, second["id"], dry_run=False)
    assert standing(client, made) == before | {"next": None}
    assert (before["sync"], before["outcome"]) == (first["id"], "done")

    place.api.clock.advance(minutes=2)
    again = place.sync(client, made["id"])
    after = standing(client, made)
    assert (after["sync"], after["success"]) == (again["id"], again["finished_at"])
    undo(client, again["id"], dry_run=False)
    assert standing(client, made) == before | {"next": None}


def test_where_all_was_undone_it_was_never_read(place: Town) -> None:
    """sync.md 31: a first sync taken back leaves no balance, no last run and no last success."""
    client = place.api.signed_in("ada")
    made = place.link(client)
    undo(client, place.sync(client, made["id"])["id"], dry_run=False)
    assert standing(client, made) == {
        "success": None,
        "outcome": None,
        "sync": None,
        "next": None,
        "state": "never",
        "balances": [],
        "of the account": [],
    }


def test_what_went_on_from_it_makes_nothing_fresh(place: Town) -> None:
    """sync.md 31: a quiet sync after the undone one took its rows for known: it counts no more."""
    client = place.api.signed_in("ada")
    made = place.link(client)
    first = place.sync(client, made["id"])
    place.api.clock.advance(minutes=2)
    move(place)
    second = place.sync(client, made["id"])
    place.api.clock.advance(minutes=2)
    quiet = place.sync(client, made["id"])
    assert quiet["counts"]["inserted"] == 0
    place.api.clock.advance(minutes=2)
    undo(client, second["id"], dry_run=False)
    shown = standing(client, made)
    assert (shown["success"], shown["state"]) == (first["finished_at"], "fresh")
    assert (shown["sync"], shown["outcome"], shown["next"]) == (quiet["id"], "done", None)


def test_readers_of_the_change_feed_learn_of_it(place: Town) -> None:
    """sync.md 19, 31: what went leaves a stub, what was restored comes anew."""
    client = place.api.signed_in("ada")
    made = place.link(client)
    place.sync(client, made["id"])
    move(place)
    latest = place.sync(client, made["id"])
    cursor = client.get("/v1/changes?limit=500").json()["next_cursor"]
    undo(client, latest["id"], dry_run=False)
    changes = client.get("/v1/changes", params={"cursor": cursor, "limit": 500}).json()["rows"]
    kinds = [row["kind"] for row in changes]
    assert (kinds.count("erasure"), kinds.count("transaction")) == (1, 3)


def test_only_the_latest_can_be_undone(place: Town) -> None:
    """sync.md 31: neither an older one, nor one that changed nothing, nor the same one twice."""
    client = place.api.signed_in("ada")
    made = place.link(client)
    first = place.sync(client, made["id"])
    move(place)
    second = place.sync(client, made["id"])
    idle = place.sync(client, made["id"])
    for sync in (first, idle):
        answer = client.post(f"/v1/syncs/{sync['id']}/undo", json={"dry_run": False})
        assert answer.status_code == 409
        assert "--from-start" in answer.json()["remedy"]["text"]
    undo(client, second["id"], dry_run=False)
    twice = client.post(f"/v1/syncs/{second['id']}/undo", json={"dry_run": False})
    assert (twice.status_code, "already" in twice.json()["detail"]) == (409, True)


def test_who_may_undo(place: Town) -> None:
    """Undoing is writing: a token that may only read, or sync, is refused."""
    client = place.api.signed_in("ada")
    latest = place.sync(client, place.link(client)["id"])
    reader = place.api.signed_in("ada", "read", "sync")
    assert reader.post(f"/v1/syncs/{latest['id']}/undo", json={}).status_code == 403
    assert place.api.signed_in("eve").post(f"/v1/syncs/{latest['id']}/undo").status_code == 404
