"""Whether an account adds up, asked over the API (sync.md 30)."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from penstock.sandbox.scenario import Scenario
from tests.api.banking import Town, town
from tests.databases import Database


@pytest.fixture
def place(database: Database, tmp_path: Path) -> Iterator[Town]:
    """Open a bank and an API."""
    with town(database.url, tmp_path) as place:
        yield place


def test_an_account_that_adds_up_says_so(place: Town) -> None:
    """sync.md 30: by currency, with nothing to look at; a stranger's look finds nothing."""
    client = place.api.signed_in("ada")
    made = place.link(client)
    place.sync(client, made["id"])
    for account in client.get("/v1/accounts").json()["rows"]:
        found = client.get(f"/v1/accounts/{account['id']}/tie-out").json()
        (euro,) = found["currencies"]
        assert (euro["currency"], euro["status"], euro["amount"]) == ("EUR", "ok", "0.00")
        assert (euro["first_on"], euro["candidates"]) == (None, [])
        assert {one["difference"] for one in euro["days"]} == {"0.00"}
        stranger = place.api.signed_in("eve").get(f"/v1/accounts/{account['id']}/tie-out")
        assert stranger.status_code == 404


def test_a_difference_is_named_with_the_rows_to_look_at(place: Town) -> None:
    """sync.md 30: the amount, the first day, and the rows that would explain it, in short."""
    client = place.api.signed_in("ada")
    made = place.link(client)
    place.sync(client, made["id"])
    world = place.bank.desk("ada", Scenario.CALM).world
    world.advance(1)
    lost = world.post("checking", Decimal("-12.34"), "Bookshop 8")
    place.sync(client, made["id"])
    (row,) = client.get("/v1/transactions?text=Bookshop").json()["rows"]
    world.remove(lost.external_id, silently=True)
    world.advance(4)
    place.api.clock.advance(days=5)
    client = place.api.signed_in("ada")
    place.sync(client, made["id"])
    found = client.get(f"/v1/accounts/{row['account_id']}/tie-out").json()
    (euro,) = found["currencies"]
    assert euro["amount"] == "12.34"
    assert euro["status"] in {"settling", "difference"}
    assert [one["id"] for one in euro["candidates"]] == [row["id"]]
    assert euro["candidates"][0]["description"] == "Bookshop 8"
    assert euro["first_on"] <= row["dated_on"]
    assert euro["days"][-1]["difference"] == "12.34"
    assert [one["day"] for one in euro["days"]] == sorted(one["day"] for one in euro["days"])
