"""Securities over the API: what is held by all its names, and what a person says of it."""

from typing import Any

import pytest

from penstock.db import feeds
from penstock.db.holdings import holdings
from penstock.domain.ids import public_id
from penstock.engine import securities as linking
from tests.api.serving import Api
from tests.api.test_accounts import all_rows
from tests.api.things import MAKERS
from tests.db.books import Books
from tests.domain.tellings import APPLE, APPLE_CUSIP, SAP


def holding(api: Api, who: str = "ada", **names: Any) -> str:
    """Let a person hold something, and return the id of the security that it is of."""
    owner, books = api.person(who), Books(api.penstock.database)
    account = books.account(owner, books.connection(owner))
    made = books.holding(owner, account, **{"symbol": None, **names})

    def link(connection: Any) -> int:
        number = feeds.next_change(connection, owner)
        linking.link(connection, linking.Book(owner, api.clock()), change_number=number)
        row = connection.execute(holdings.select().where(holdings.c.id == made)).one()
        return int(row.security_id)

    return public_id("sec", api.write(link))


def test_a_security_as_it_is_shown(api: Api) -> None:
    """Its names of today, every identifier that was told and by whom; a holding names it."""
    client = api.signed_in("ada")
    number = holding(api, isin=SAP, symbol="sap", mic="XETR", name="SAP SE", figi="nonsense")
    shown = client.get(f"/v1/securities/{number}").json()
    wanted: dict[str, Any] = {
        "id": number,
        "name": "SAP SE",
        "ticker": "SAP",
        "mic": "XETR",
        "isin": SAP,
    }
    wanted |= {"figi": None, "instrument": "SAP:XETR", "merged_into": None, "by_person": None}
    assert {name: shown[name] for name in wanted} == wanted
    assert [(one["kind"], one["value"]) for one in shown["identifiers"]] == [
        ("isin", SAP),
        ("listing", "SAP:XETR"),
    ]
    assert (shown["events"], shown["suggestions"], shown["conflicts"]) == ([], [], [])
    (held,) = client.get("/v1/holdings").json()["rows"]
    assert held["security_id"] == number


def test_securities_are_listed_by_what_they_are_called(api: Api) -> None:
    """By ticker, by an ISIN of any time, by whether they are held; in pages."""
    client = api.signed_in("ada")
    sap = holding(api, isin=SAP, symbol="SAP", mic="XETR")
    apple = holding(api, cusip=APPLE_CUSIP, symbol="AAPL", mic="XNAS")
    assert [one["id"] for one in all_rows(client, "/v1/securities?limit=1")] == [sap, apple]
    for query, found in (
        ("symbol=sap", [sap]),
        (f"isin={SAP.lower()}", [sap]),
        (f"isin={APPLE}", []),
        ("held=true", [sap, apple]),
        ("held=false", []),
    ):
        rows = client.get(f"/v1/securities?{query}").json()["rows"]
        assert [one["id"] for one in rows] == found, query


def test_a_persons_word_stands_above_the_rest(api: Api) -> None:
    """What is set stays until it is taken back; what cannot be is refused, and says why."""
    client = api.signed_in("ada")
    number = holding(api, symbol="VOD", name="Vodafone")
    path = f"/v1/securities/{number}"
    assert client.get(path).json()["instrument"] is None
    shown = client.patch(path, json={"instrument": "vod:xlon", "name": "Phones"}).json()
    assert (shown["instrument"], shown["name"]) == ("VOD:XLON", "Phones")
    assert shown["by_person"] == "instrument name"
    shown = client.patch(path, json={"instrument": None, "mic": "XLON", "ticker": "VOD"}).json()
    assert (shown["instrument"], shown["by_person"]) == ("VOD:XLON", "name")
    for body in ({"isin": "DE0007164601"}, {"instrument": "VOD"}, {"type": "house"}, {"mic": "L"}):
        assert client.patch(path, json=body).status_code == 422, body


def test_two_become_one_and_are_parted_again(api: Api) -> None:
    """The other stays as a record; parted by its holding it is one of its own for good."""
    client = api.signed_in("ada")
    one, other = holding(api, symbol="A"), holding(api, symbol="B")
    merged = client.post(f"/v1/securities/{one}/merge", json={"other": other}).json()
    assert merged["id"] == one
    assert [(event["kind"], event["other_id"]) for event in merged["events"]] == [("merge", other)]
    assert client.get(f"/v1/securities/{other}").json()["merged_into"] == one
    assert client.post(f"/v1/securities/{one}/merge", json={"other": other}).status_code == 409
    second = client.get("/v1/holdings").json()["rows"][1]
    assert second["security_id"] == one
    body = {"holdings": [second["id"]]}
    parted = client.post(f"/v1/securities/{one}/part", json=body).json()
    assert parted["ticker"] == "B"
    assert client.get("/v1/holdings").json()["rows"][1]["security_id"] == parted["id"] != one


def test_what_contradicts_is_not_merged(api: Api) -> None:
    """Two ISINs are two securities, until a change of the one into the other is told."""
    client = api.signed_in("ada")
    one, other = holding(api, isin=APPLE), holding(api, isin=SAP)
    assert client.post(f"/v1/securities/{one}/merge", json={"other": other}).status_code == 409
    assert client.patch(f"/v1/securities/{one}", json={"isin": SAP}).status_code == 409
    body = {"isin": SAP, "day": api.clock().date().isoformat()}
    told = client.post(f"/v1/securities/{one}/renames", json=body)
    assert (told.status_code, told.json()["old_isin"]) == (201, APPLE)
    shown = client.get(f"/v1/securities/{one}").json()
    assert (shown["isin"], [name["isin"] for name in shown["names"]]) == (SAP, [APPLE, SAP])
    assert client.get(f"/v1/securities/{other}").json()["merged_into"] == one


def test_a_split_is_noted_once_and_can_be_taken_back(api: Api) -> None:
    """Twice is a conflict, nonsense and the future are refused; taken back it may come again."""
    client = api.signed_in("ada")
    path = f"/v1/securities/{holding(api, isin=APPLE)}"
    today = api.clock().date().isoformat()
    made = client.post(f"{path}/splits", json={"ratio": "4:1", "day": today})
    assert (made.status_code, made.json()["ratio"], made.json()["source"]) == (201, "4:1", "person")
    again = client.post(f"{path}/splits", json={"ratio": "4:1", "day": today})
    assert again.status_code == 409
    for ratio, day in (("4", today), ("0:1", today), ("2:1", "9999-01-01")):
        refused = client.post(f"{path}/splits", json={"ratio": ratio, "day": day})
        assert refused.status_code == 422, ratio
    gone = client.delete(f"{path}/events/{made.json()['id']}")
    assert gone.status_code == 204
    assert client.get(path).json()["events"] == []


@pytest.mark.parametrize("way", ["accept", "refuse"])
def test_a_suggestion_is_decided_once(api: Api, way: str) -> None:
    """Accepted it counts, refused it is gone from the list; a second decision is a conflict."""
    client, owner = api.signed_in("ada"), api.person("ada")
    number, event = MAKERS["security_id"](api, owner), MAKERS["event_id"](api, owner)
    path = f"/v1/securities/{number}"
    assert [one["id"] for one in client.get(path).json()["suggestions"]] == [event]
    assert client.post(f"{path}/events/{event}/{way}").status_code == 200
    shown = client.get(path).json()
    assert shown["suggestions"] == []
    assert [one["ratio"] for one in shown["events"]] == (["4:1"] if way == "accept" else [])
    assert client.post(f"{path}/events/{event}/{way}").status_code == 409


def test_securities_are_exported(api: Api) -> None:
    """As a kind of their own, with the columns of the API."""
    client = api.signed_in("ada")
    number = holding(api, isin=SAP, symbol="SAP", mic="XETR", name="SAP SE")
    line = client.get("/v1/export?kind=securities").json()
    assert (line["kind"], line["id"], line["instrument"]) == ("security", number, "SAP:XETR")
    text = client.get("/v1/export?kind=securities&format=csv").text
    assert text.splitlines()[1].startswith(f"{number},SAP SE,stock,EUR,SAP,XETR,{SAP}")
