"""Rows that could not be read: kept whole, shown, and tried again (sync.md 8)."""

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from penstock.connectors.sandbox import Sandbox
from penstock.db import leases, quarantine
from penstock.domain.ids import row_number
from penstock.domain.transaction import Removal, TransactionSeen
from penstock.domain.update import Stream
from penstock.sandbox.faults import Fault, FaultKind, Place
from penstock.sandbox.scenario import Scenario
from tests.api.banking import Town, town
from tests.databases import Database

AMOUNT = "-41.00"


@dataclass(frozen=True, slots=True)
class Mended(Sandbox):
    """The connector as a later version might be: it knows what a missing amount means."""

    def remap(self, stream: Stream, raw: bytes) -> TransactionSeen | Removal:
        """Map a row."""
        return Sandbox.remap(
            self, stream, json.dumps({"amount": AMOUNT} | json.loads(raw)).encode()
        )


@pytest.fixture
def place(database: Database, tmp_path: Path) -> Iterator[Town]:
    """Open a bank and an API."""
    with town(database.url, tmp_path) as place:
        yield place


def spoiled(place: Town, amount: str = AMOUNT) -> tuple[TestClient, dict[str, Any]]:
    """Sync until there is a row that lacks its amount; return the client and the connection."""
    client = place.api.signed_in("ada")
    made = place.link(client)
    place.sync(client, made["id"])
    place.bank.desk("ada", Scenario.CALM).world.post("checking", Decimal(amount), "Bookshop 7")
    place.bank.queue(Fault(FaultKind.MISSING), place=Place.TRANSACTIONS, times=2)
    sync = place.sync(client, made["id"])
    assert (sync["outcome"], sync["counts"]["quarantined"]) == ("done", 1)
    return client, made


def mend(place: Town) -> None:
    """Install the later version of the connector."""
    sandbox: Any = place.api.penstock.connectors["sandbox"]
    fields = {one.name: getattr(sandbox, one.name) for one in dataclasses.fields(sandbox)}
    connectors = {"sandbox": Mended(**fields)}
    place.api.app.state.installation = dataclasses.replace(
        place.api.penstock, connectors=connectors
    )


def listed(client: TestClient) -> list[str]:
    """Return the words on every transaction."""
    rows = client.get("/v1/transactions?limit=500").json()["rows"]
    return [row["description"] for row in rows]


def test_it_is_shown_whole(place: Town) -> None:
    """sync.md 8: a row that cannot be read is listed with its reason, and shown as it came."""
    client, made = spoiled(place)
    (row,) = client.get("/v1/quarantine").json()["rows"]
    assert row["connection_id"] == made["id"]
    assert "amount" in row["reason"]
    assert (row["resolved_at"], row["resolution"]) == (None, None)
    whole = client.get(f"/v1/quarantine/{row['id']}").json()
    raw = json.loads(whole.pop("raw"))
    assert whole == row
    assert (raw["description"], raw["id"]) == ("Bookshop 7", row["external_id"])
    assert "amount" not in raw
    stranger = place.api.signed_in("eve")
    assert stranger.get("/v1/quarantine?every=true").json()["rows"] == []


def test_a_connection_with_such_a_row_is_not_all_green(place: Town) -> None:
    """sync.md 8: it is counted at the connection, which says what to do."""
    client, made = spoiled(place)
    shown = client.get(f"/v1/connections/{made['id']}").json()
    assert shown["quarantined"] == 1
    assert "penstock quarantine" in shown["remedy"]["text"]
    (row,) = client.get("/v1/connections").json()["rows"]
    assert row == shown


def test_what_still_cannot_be_read_is_left(place: Town) -> None:
    """A retry with the same mapping changes nothing, and says how many rows are left."""
    client, made = spoiled(place)
    answer = client.post("/v1/quarantine/retry").json()
    assert answer == {
        "rows": [{"connection_id": made["id"], "mapped": 0, "left": 1, "message": None}],
        "mapped": 0,
        "left": 1,
    }
    assert len(client.get("/v1/quarantine").json()["rows"]) == 1
    assert "Bookshop 7" not in listed(client)


def test_a_mended_mapping_reads_it(place: Town) -> None:
    """sync.md 8: with a corrected mapping it is stored as a sync would have, and adds up."""
    client, made = spoiled(place)
    mend(place)
    answer = client.post("/v1/quarantine/retry", json={"connection": made["id"]}).json()
    assert (answer["mapped"], answer["left"]) == (1, 0)
    assert listed(client).count("Bookshop 7") == 1
    assert client.get("/v1/quarantine").json()["rows"] == []
    (row,) = client.get("/v1/quarantine?every=true").json()["rows"]
    assert row["resolution"] == "mapped"
    shown = client.get(f"/v1/connections/{made['id']}").json()
    assert (shown["quarantined"], shown["remedy"]) == (0, None)
    accounts = client.get("/v1/accounts").json()["rows"]
    assert {row["tie_outs"][0]["status"] for row in accounts} == {"ok"}
    (run, *_) = client.get("/v1/syncs").json()["rows"]
    assert (run["trigger"], run["counts"]["inserted"]) == ("quarantine", 1)
    assert place.sync(client, made["id"], from_start=True)["counts"]["inserted"] == 0
    assert client.post("/v1/quarantine/retry").json()["rows"] == []


def test_a_retry_can_be_undone_and_done_again(place: Town) -> None:
    """sync.md 8, 31: what came of it goes, and the row is in quarantine again: nothing is lost."""
    client, made = spoiled(place)
    mend(place)
    client.post("/v1/quarantine/retry")
    (run, *_) = client.get("/v1/syncs").json()["rows"]
    done = client.post(f"/v1/syncs/{run['id']}/undo", json={"dry_run": False}).json()
    assert (done["deleted"], done["restored"]) == (1, 0)
    assert "Bookshop 7" not in listed(client)
    shown = client.get(f"/v1/connections/{made['id']}").json()
    assert (shown["quarantined"], shown["paused"]) == (1, None)
    assert client.post("/v1/quarantine/retry").json()["mapped"] == 1
    assert listed(client).count("Bookshop 7") == 1


def test_what_the_bank_tells_again_well_needs_no_retry(place: Town) -> None:
    """sync.md 8: a later word of the bank on the same row takes it out of quarantine."""
    client, made = spoiled(place)
    counts = place.sync(client, made["id"], from_start=True)["counts"]
    assert counts["inserted"] == 1
    (row,) = client.get("/v1/quarantine?every=true").json()["rows"]
    assert row["resolution"] == "superseded"


def test_what_took_a_row_out_of_quarantine_can_be_undone(place: Town) -> None:
    """sync.md 8, 31: the cursor goes back to after the bad row, so that it must be open again."""
    client, made = spoiled(place)
    place.api.clock.advance(minutes=1)
    again = place.sync(client, made["id"], from_start=True)
    assert client.get("/v1/quarantine").json()["rows"] == []
    client.post(f"/v1/syncs/{again['id']}/undo", json={"dry_run": False})
    assert len(client.get("/v1/quarantine").json()["rows"]) == 1
    place.sync(client, made["id"])
    mend(place)
    assert client.post("/v1/quarantine/retry").json()["mapped"] == 1
    assert listed(client).count("Bookshop 7") == 1


def test_the_newest_word_on_a_row_decides(place: Town) -> None:
    """sync.md 8: an older version of a row is not stored while a newer one cannot be read."""
    client, made = spoiled(place)
    (row,) = client.get("/v1/quarantine").json()["rows"]
    raw = client.get(f"/v1/quarantine/{row['id']}").json()["raw"]
    newer = {
        "owner_id": place.api.person("ada"),
        "connection_id": row_number("con", made["id"]),
        "run_id": 2,
        "stream": "transactions",
        "account": row["account_external_id"],
        "external_id": row["external_id"],
        "reason": "it is beyond us",
        "raw": raw.replace("posted", "perhaps").encode(),
        "created_at": place.api.clock(),
    }
    place.api.write(quarantine.keep, [newer])
    mend(place)
    answer = client.post("/v1/quarantine/retry").json()
    assert (answer["mapped"], answer["left"]) == (0, 2)
    assert "Bookshop 7" not in listed(client)


def test_a_busy_connection_is_named_and_holds_back_no_other(place: Town) -> None:
    """While a sync runs, its connection is refused; asked for all, it is passed over and named."""
    client, made = spoiled(place)
    number, now = row_number("con", made["id"]), place.api.clock()
    place.api.write(
        leases.take,
        number,
        holder="another",
        now=now,
        until=now + timedelta(seconds=9),
        wanted=True,
    )
    named = client.post("/v1/quarantine/retry", json={"connection": made["id"]})
    assert named.status_code == 409
    (row,) = client.post("/v1/quarantine/retry").json()["rows"]
    assert (row["mapped"], row["left"]) == (0, 1)
    assert "running" in row["message"]


def test_anothers_connection_is_not_there(place: Town) -> None:
    """X1: nobody retries what is another's."""
    _, made = spoiled(place)
    stranger = place.api.signed_in("eve")
    answer = stranger.post("/v1/quarantine/retry", json={"connection": made["id"]})
    assert answer.status_code == 404
    assert stranger.post("/v1/quarantine/retry").json()["rows"] == []
    reader = place.api.signed_in("ada", "read", "write")
    assert reader.post("/v1/quarantine/retry").status_code == 403


def test_a_replay_counts_what_is_open(place: Town) -> None:
    """sync.md 8, 18: what the list has is still unreadable; told again well, it is in neither."""
    client, made = spoiled(place)
    path = f"/v1/connections/{made['id']}/replay"
    assert len(client.get("/v1/quarantine").json()["rows"]) == 1
    assert client.post(path).json()["unmapped"] == 1
    place.sync(client, made["id"], from_start=True)
    assert client.get("/v1/quarantine").json()["rows"] == []
    assert client.post(path).json()["unmapped"] == 0
