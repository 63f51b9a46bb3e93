"""What the bank once said, mapped again over the API (sync.md 18)."""

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from penstock.connectors.sandbox import Sandbox
from penstock.domain.errors import ContractBroken
from penstock.domain.protocol import Pull
from penstock.domain.update import Page, Stream
from tests.api.banking import Town, town
from tests.api.test_undo import move, stored, undo
from tests.databases import Database

MAPPED = {"description", "category", "last_run_id"}


@dataclass(frozen=True, slots=True)
class Shouting(Sandbox):
    """The connector as a later version might be: it writes descriptions in another way."""

    def pull(self, stream: Stream, cursor: str | None) -> Pull:
        """Read page after page."""
        pull = Sandbox.pull(self, stream, cursor)
        answer = None
        while True:
            try:
                step = pull.send(answer)
            except StopIteration:
                return
            if isinstance(step, Page):
                rows = [one._replace(description=one.description.upper()) for one in step.upserts]
                step = dataclasses.replace(step, upserts=rows)
            answer = yield step


@dataclass(frozen=True, slots=True)
class Broken(Sandbox):
    """A connector that cannot read what the bank once said."""

    def pull(self, stream: Stream, cursor: str | None) -> Pull:
        """Refuse the first answer."""
        yield next(Sandbox.pull(self, stream, cursor))
        raise ContractBroken("The bank's transactions: not as they were")


@pytest.fixture
def place(database: Database, tmp_path: Path) -> Iterator[Town]:
    """Open a bank and an API."""
    with town(database.url, tmp_path) as place:
        yield place


def install(place: Town, version: type[Sandbox]) -> None:
    """Let replays use another version of the connector."""
    sandbox: Any = place.api.penstock.connectors["sandbox"]
    fields = {one.name: getattr(sandbox, one.name) for one in dataclasses.fields(sandbox)}
    replayer = dataclasses.replace(
        place.api.penstock.replayer, connectors={"sandbox": version(**fields)}
    )
    place.api.app.state.installation = dataclasses.replace(place.api.penstock, replayer=replayer)


def lived(place: Town) -> tuple[Any, dict[str, Any]]:
    """Return a client and a connection with two updates: pairing, removal and all."""
    client = place.api.signed_in("ada")
    made = place.link(client)
    place.sync(client, made["id"])
    move(place)
    place.sync(client, made["id"])
    return client, made


def test_the_same_mapping_changes_nothing(place: Town) -> None:
    """sync.md 18: replayed by the connector that read it, every row is what it is."""
    client, made = lived(place)
    before = stored(place)
    answer = client.post(f"/v1/connections/{made['id']}/replay", json={"dry_run": False}).json()
    assert (answer["updates"], answer["changed"], answer["unmapped"]) == (2, 0, 0)
    assert answer["examples"] == []
    assert stored(place) == before


def test_a_changed_mapping_changes_fields_alone(place: Town) -> None:
    """sync.md 18: nothing is inserted, revived or removed, no cursor moves, notes stay."""
    client, made = lived(place)
    asked = place.bank.counters.total()
    row = client.get("/v1/transactions").json()["rows"][0]
    client.patch(f"/v1/transactions/{row['id']}", json={"note": "mine"})
    before = stored(place)
    install(place, Shouting)
    path = f"/v1/connections/{made['id']}/replay"
    would = client.post(path).json()
    assert would["dry_run"] is True
    assert would["sync_id"] is None
    assert stored(place) == before
    standing = [one for one in before[0] if one["removed_at"] is None]
    assert would["changed"] == len(standing)
    for example in would["examples"]:
        assert [one["field"] for one in example["fields"]] == ["description"]
        (words,) = example["fields"]
        assert words["after"] == words["before"].upper() != words["before"]

    did = client.post(path, json={"dry_run": False}).json()
    assert did == would | {"dry_run": False, "sync_id": did["sync_id"]}
    rows, ids, cursors = stored(place)
    assert (ids, cursors) == (before[1], before[2])
    for was, now in zip(before[0], rows, strict=True):
        assert {name for name in was if was[name] != now[name]} <= MAPPED
        gone = was["removed_at"] is not None
        assert now["description"] == (was["description"] if gone else was["description"].upper())
    assert client.get(f"/v1/transactions/{row['id']}").json()["note"] == "mine"
    assert place.bank.counters.total() == asked
    assert client.post(path).json()["changed"] == 0


def test_a_replay_is_a_sync_that_can_be_undone(place: Town) -> None:
    """sync.md 18, 31: it is recorded, and taken back; nothing pauses, for no cursor moved."""
    client, made = lived(place)
    before = stored(place)
    install(place, Shouting)
    path = f"/v1/connections/{made['id']}/replay"
    did = client.post(path, json={"dry_run": False}).json()
    shown = client.get(f"/v1/syncs/{did['sync_id']}").json()
    assert (shown["trigger"], shown["outcome"]) == ("replay", "done")
    assert shown["counts"]["changed"] == did["changed"]
    undone = undo(client, did["sync_id"], dry_run=False)
    assert (undone["restored"], undone["deleted"]) == (did["changed"], 0)
    assert stored(place) == before
    assert client.get(f"/v1/connections/{made['id']}").json()["paused"] is None


def test_what_was_undone_is_replayed_no_more(place: Town) -> None:
    """sync.md 18, 31: the answers of an undone sync go with it."""
    client, made = lived(place)
    latest = client.get("/v1/syncs").json()["rows"][0]
    undo(client, latest["id"], dry_run=False)
    answer = client.post(f"/v1/connections/{made['id']}/replay").json()
    assert (answer["updates"], answer["changed"]) == (1, 0)


def test_an_archive_that_cannot_be_read_changes_nothing(place: Town) -> None:
    """sync.md 18: the replay is refused, and says which sync's answers it was."""
    client, made = lived(place)
    before = stored(place)
    install(place, Broken)
    answer = client.post(f"/v1/connections/{made['id']}/replay", json={"dry_run": False})
    assert answer.status_code == 422
    assert "run_0000000000001" in answer.json()["detail"]
    assert stored(place) == before
    assert len(client.get("/v1/syncs").json()["rows"]) == 2


def test_who_may_replay(place: Town) -> None:
    """A replay writes: a token that may only read, or sync, is refused; a stranger sees nothing."""
    client, made = lived(place)
    path = f"/v1/connections/{made['id']}/replay"
    assert place.api.signed_in("ada", "read", "sync").post(path).status_code == 403
    assert place.api.signed_in("eve").post(path).status_code == 404
    assert client.post(path, json={"dry_run": "no"}).status_code == 422
