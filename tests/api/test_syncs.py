"""Syncs over the API: started, watched and explained, against a whole bank."""

import dataclasses
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from penstock.db import leases, runs
from penstock.db.runs import Tally
from penstock.domain.ids import public_id, row_number
from penstock.engine.sync import Run, Syncer
from tests.api.banking import Town, town
from tests.api.serving import Api
from tests.api.test_accounts import all_rows
from tests.databases import Database
from tests.db.books import NOW, Books


class Watched:
    """A runner with syncs that are running."""

    def __init__(self, tallies: dict[int, Tally]) -> None:
        self.live = tallies.get


@pytest.fixture
def place(database: Database, tmp_path: Path) -> Iterator[Town]:
    """Open a bank and an API."""
    with town(database.url, tmp_path) as place:
        yield place


def test_a_sync_is_started_and_explained(place: Town) -> None:
    """sync.md 31: who wanted it, by which request, how it ended, and every count."""
    client = place.api.signed_in("ada")
    made = place.link(client)
    path = f"/v1/connections/{made['id']}/syncs"
    answer = client.post(path, headers={"X-Request-ID": "a" * 32})
    assert answer.status_code == 202
    started = answer.json()
    assert answer.headers["location"] == f"/v1/syncs/{started['id']}"
    assert started["outcome"] in {"running", "done"}
    place.wait()
    sync = client.get(answer.headers["location"]).json()
    assert (sync["outcome"], sync["trigger"], sync["request_id"]) == ("done", "person", "a" * 32)
    assert (sync["connection_id"], sync["message"], sync["remedy"]) == (made["id"], None, None)
    rows = client.get("/v1/transactions?limit=500").json()["rows"]
    assert sync["counts"]["inserted"] == len(rows) > 0
    assert sync["counts"]["pages"] > 0
    assert sync["counts"]["received_bytes"] > 0
    assert sync["counts"]["unchanged"] == 0


def test_reading_all_again_doubles_nothing(place: Town) -> None:
    """sync.md 7: from no cursor, every row is read, and none is written."""
    client = place.api.signed_in("ada")
    made = place.link(client)
    first = place.sync(client, made["id"])["counts"]
    again = place.sync(client, made["id"], from_start=True)["counts"]
    assert (again["inserted"], again["unchanged"]) == (0, first["inserted"])


def test_all_connections_at_once(place: Town) -> None:
    """Each connection that is not disconnected is synced; nobody else's is."""
    client = place.api.signed_in("ada")
    one, other, ended = (place.link(client) for _ in range(3))
    place.link(place.api.signed_in("eve"))
    client.delete(f"/v1/connections/{ended['id']}")
    answer = client.post("/v1/syncs")
    assert answer.status_code == 202
    assert {row["connection_id"] for row in answer.json()["rows"]} == {one["id"], other["id"]}
    place.wait()
    assert [row["outcome"] for row in client.get("/v1/syncs").json()["rows"]] == ["done"] * 2
    assert place.api.signed_in("eve").get("/v1/syncs").json()["rows"] == []


def test_one_that_cannot_be_started_stops_no_other(place: Town) -> None:
    """sync.md 29: the others are begun and told; where none could be, the fault is."""
    client = place.api.signed_in("ada")
    one, other = (place.link(client) for _ in range(2))
    broken = {row_number("con", one["id"])}

    class Failing(Syncer):
        """Fails for some connections, as nobody foresaw."""

        async def start(self, connection_id: int, **more: Any) -> Run | None:
            if connection_id in broken:
                raise RuntimeError("nobody foresaw this")
            return await super().start(connection_id, **more)

    runner = place.api.penstock.runner
    runner.syncer = Failing(
        **{one.name: getattr(runner.syncer, one.name) for one in dataclasses.fields(Syncer)}
    )
    answer = client.post("/v1/syncs")
    assert answer.status_code == 202
    assert [row["connection_id"] for row in answer.json()["rows"]] == [other["id"]]
    place.wait()
    broken.add(row_number("con", other["id"]))
    assert client.post("/v1/syncs").status_code == 500


def test_a_key_starts_one_sync(place: Town) -> None:
    """The same POST twice with one Idempotency-Key is one sync."""
    client = place.api.signed_in("ada")
    made = place.link(client)
    path, key = f"/v1/connections/{made['id']}/syncs", {"Idempotency-Key": "once"}
    first = client.post(path, headers=key)
    place.wait()
    second = client.post(path, headers=key)
    assert first.json()["id"] == second.json()["id"]
    assert len(client.get("/v1/syncs").json()["rows"]) == 1


def test_the_counts_of_a_running_sync_are_those_of_this_moment(sqlite_api: Api) -> None:
    """While a sync runs in this process, whoever watches it sees its counts grow."""
    client, books = sqlite_api.signed_in("ada"), Books(sqlite_api.penstock.database)
    owner = sqlite_api.person("ada")
    connection = books.connection(owner)
    run = books.run(owner, connection, outcome="running", finished_at=None)
    path = f"/v1/syncs/{public_id('run', run)}"
    assert client.get(path).json()["counts"]["pages"] == 0
    watched: Any = {"runner": Watched({run: Tally(pages=2, inserted=100)})}
    sqlite_api.app.state.installation = dataclasses.replace(sqlite_api.penstock, **watched)
    counts = client.get(path).json()["counts"]
    assert (counts["pages"], counts["inserted"]) == (2, 100)


def test_who_watches_a_sync_elsewhere_asks_for_no_second_one(api: Api) -> None:
    """sync.md 20, 29: while its worker is alive it is the answer; where that died, it begins anew.

    Also for who reads from the start: that is known to the worker alone.
    """
    client, books = api.signed_in("ada"), Books(api.penstock.database)
    owner = api.person("ada")
    connection = books.connection(owner)
    run = books.run(owner, connection, outcome="running", finished_at=None)
    path = f"/v1/connections/{public_id('con', connection)}/syncs"
    order = {"from_start": True, "unless_running": public_id("run", run)}
    now, later = api.clock(), api.clock() + timedelta(seconds=12)
    lease = api.write(leases.take, connection, holder="elsewhere", now=now, until=later)
    assert lease is not None
    assert client.post(path, json=order).json()["id"] == order["unless_running"]
    assert api.read(leases.is_dirty, connection) is False
    assert client.post(path, json=order | {"unless_running": "x"}).status_code == 404
    api.write(leases.release, lease)
    assert client.post(path, json=order).json()["id"] != order["unless_running"]


def test_a_failure_says_what_to_do(sqlite_api: Api) -> None:
    """sync.md 21: an outcome that is not done has a message, a remedy, an instant to wait for."""
    client, books = sqlite_api.signed_in("ada"), Books(sqlite_api.penstock.database)
    owner = sqlite_api.person("ada")
    books.run(
        owner,
        books.connection(owner),
        outcome="throttled",
        message="429 Too Many Requests",
        remedy_kind="wait",
        remedy_text="It is asked again by itself.",
        retry_at=NOW,
    )
    (sync,) = client.get("/v1/syncs").json()["rows"]
    assert (sync["outcome"], sync["message"]) == ("throttled", "429 Too Many Requests")
    assert sync["remedy"] == {
        "kind": "wait",
        "text": "It is asked again by itself.",
        "until": "2026-11-20T12:00:00Z",
    }


def test_syncs_come_newest_first_in_pages(api: Api) -> None:
    """All of a person's syncs, or a connection's, newest first; a stranger sees none."""
    client, books = api.signed_in("ada"), Books(api.penstock.database)
    owner = api.person("ada")
    one, other = books.connection(owner), books.connection(owner)
    made = [(books.run(owner, connection), connection) for connection in (one, other) * 3]
    rows = all_rows(client, "/v1/syncs")
    assert [row_number("run", row["id"]) for row in rows] == [run for run, _ in reversed(made)]
    chosen = all_rows(client, "/v1/syncs", connection=public_id("con", one))
    assert [row_number("run", row["id"]) for row in chosen] == [
        run for run, connection in reversed(made) if connection == one
    ]
    stranger = api.signed_in("eve")
    assert stranger.get("/v1/syncs").json()["rows"] == []
    foreign = stranger.get("/v1/syncs", params={"connection": public_id("con", one)})
    assert foreign.status_code == 404


def test_only_a_known_order_is_taken(sqlite_api: Api) -> None:
    """A sync takes no orders but its own."""
    client, books = sqlite_api.signed_in("ada"), Books(sqlite_api.penstock.database)
    connection = public_id("con", books.connection(sqlite_api.person("ada")))
    orders: tuple[object, ...] = ({"from_start": "yes"}, {"cursor": "x"}, [])
    for body in orders:
        answer = client.post(f"/v1/connections/{connection}/syncs", json=body)
        assert answer.status_code == 422
    assert sqlite_api.read(runs.page, owner_id=sqlite_api.person("ada"), limit=9) == []
