"""Prices of one's own over the API: set, imported, forgotten, and what they do to the worth."""

from datetime import timedelta

import pytest
from starlette.testclient import TestClient

from penstock.domain.ids import public_id
from tests.api.serving import Api
from tests.api.test_networth import ask
from tests.db.portfolio import fill, security
from tests.domain.portfolio import MISSING, TOTAL

CSV = {"Content-Type": "text/csv"}


def priced(api: Api) -> tuple[TestClient, str]:
    """Return Ada with the portfolio, and the id of the security that has no price."""
    made = fill(api.penstock.database, api.person("ada"), api.clock())
    return api.signed_in("ada"), public_id("sec", made[f"security of {MISSING}"])


def send(client: TestClient, text: str, **asked: str) -> tuple[int, str]:
    """Import a file; return the status and what was said."""
    answer = client.post("/v1/own-prices/import", content=text, headers=CSV, params=asked)
    return answer.status_code, answer.text


def test_an_own_price_completes_the_total(api: Api) -> None:
    """What nobody quotes counts from then on: 77 at 10.00 euros more, and nothing is missing."""
    client, number = priced(api)
    assert ask(client)["total"] == TOTAL
    body = {"security": number, "price": "10.00", "currency": "EUR"}
    answer = client.post("/v1/own-prices", json=body)
    assert answer.status_code == 201, answer.text
    assert answer.json() == {
        "security_id": number,
        "day": "2026-11-21",
        "price": "10.00",
        "currency": "EUR",
        "basis": "per_share",
    }
    found = ask(client)
    assert (found["total"], found["missing"]) == ("44203.74", [])
    assert [one["source"] for one in found["parts"] if one["name"] == MISSING] == ["own_price"]
    assert client.get("/v1/own-prices").json()["rows"] == [answer.json()]
    asked = {"security": MISSING, "day": "2026-11-21"}
    assert client.delete("/v1/own-prices", params=asked).status_code == 204
    assert ask(client)["total"] == TOTAL
    assert client.delete("/v1/own-prices", params=asked).status_code == 404


def test_a_price_without_a_rate_gives_way_everywhere(api: Api) -> None:
    """What nobody can convert leaves the institution's word, in the list as in the total."""
    made = fill(api.penstock.database, api.person("ada"), api.clock())
    client = api.signed_in("ada")
    number = public_id("sec", made["security of WEIR"])
    body = {"security": number, "price": "50.00", "currency": "KPW"}
    assert client.post("/v1/own-prices", json=body).status_code == 201
    found = ask(client, currency="EUR")
    assert found["total"] == TOTAL
    counted = {one["id"]: one["amount"] for one in found["parts"] if one["id"].startswith("hol")}
    rows = client.get("/v1/holdings", params={"currency": "EUR"}).json()["rows"]
    listed = {row["id"]: row["worth"]["amount"] for row in rows if row["worth"]["amount"]}
    assert listed == counted


def test_unknown_money_is_refused_unless_it_has_a_rate(api: Api) -> None:
    """A slip of the pen is told, with what to write; somebody's own unit is taken with its rate."""
    client, number = priced(api)
    body = {"security": number, "price": "10.00", "currency": "XYZ"}
    refused = client.post("/v1/own-prices", json=body)
    assert refused.status_code == 422
    assert "XYZ is no currency that is known here" in refused.json()["detail"]
    assert "penstock rates set XYZ RATE" in refused.json()["detail"]
    api.admin().post("/v1/rates", json={"currency": "XYZ", "rate": "2"})
    assert client.post("/v1/own-prices", json=body).status_code == 201
    assert ask(client)["missing"] == []


@pytest.mark.parametrize(
    ("written", "read"), [("eur", "EUR"), ("GBp", "GBX"), ("gbx", "GBX"), ("btc", "BTC")]
)
def test_money_is_read_however_it_is_written(sqlite_api: Api, written: str, read: str) -> None:
    """In small letters too; but pence are never taken for pounds."""
    client, number = priced(sqlite_api)
    body = {"security": number, "price": "10.00", "currency": written}
    assert client.post("/v1/own-prices", json=body).json()["currency"] == read


def test_a_price_set_late_changes_the_days_that_are_over(api: Api) -> None:
    """From its day on, and not before; the stored days are worked out again."""
    client, number = priced(api)
    series = {"from": "2026-11-18", "currency": "EUR"}
    before = ask(client, **series)["series"]
    body = {"security": number, "price": "1.00", "currency": "EUR", "day": "2026-11-21"}
    client.post("/v1/own-prices", json=body)
    after = ask(client, **series)["series"]
    assert before[:-1] == after[:-1]
    assert after[-1]["missing"] == []
    assert before[-1]["missing"] != []


def test_a_bond_is_priced_in_per_cent_unless_said(api: Api) -> None:
    """98 is 98 % of the par, and in pence it is hundredths; said otherwise, it is that."""
    client, _ = priced(api)
    body = {"security": "DE0001102580", "price": "98", "currency": "EUR"}
    assert client.post("/v1/own-prices", json=body).json()["basis"] == "percent_of_par"
    parts = {one["name"]: one for one in ask(client)["parts"]}
    assert (parts["BUND"]["value"], parts["BUND"]["source"]) == ("9800.00", "own_price")
    each = client.post("/v1/own-prices", json=body | {"basis": "per_share"})
    assert (each.status_code, each.json()["basis"]) == (201, "per_share")
    refused = client.post("/v1/own-prices", json=body | {"basis": "rate"})
    assert refused.status_code == 422
    body = {"security": "WEIR", "price": "500", "currency": "GBX"}
    client.post("/v1/own-prices", json=body)
    parts = {one["name"]: one for one in ask(client)["parts"]}
    assert (parts["WEIR"]["value"], parts["WEIR"]["currency"]) == ("50.00", "GBP")


def test_a_file_of_prices_is_taken_whole(api: Api) -> None:
    """Tried first, then taken; the same file once more changes nothing."""
    client, number = priced(api)
    text = (
        f"security,day,price,currency\n{number},2026-11-20,9.50,EUR\n{MISSING},2026-11-21,10,EUR\n"
    )
    assert '"changed":2' in send(client, text, dry_run="true")[1]
    assert client.get("/v1/own-prices").json()["rows"] == []
    assert '"changed":2' in send(client, text)[1]
    assert '"changed":0' in send(client, text)[1]
    rows = client.get("/v1/own-prices", params={"security": MISSING, "limit": "1"}).json()
    assert [row["day"] for row in rows["rows"]] == ["2026-11-20"]
    more = client.get(
        "/v1/own-prices",
        params={"security": MISSING, "limit": "1", "cursor": rows["next_cursor"]},
    ).json()
    assert [row["price"] for row in more["rows"]] == ["10.00"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("security;day;price;currency\n", "line 1: the columns"),
        ("security,day,price,currency\n", "no prices"),
        ("security,day,price,currency\nSAP,2026-11-20,1.5\n", "line 2: it has 3 cells"),
        ("security,day,price,currency\nSAP,2026-11-20,-1.5,EUR\n", "line 2: '-1.5' is no price"),
        ('security,day,price,currency\nSAP,2026-11-20,"1,5",EUR\n', "line 2: '1,5' is no price"),
        ("security,day,price,currency\nSAP,2026-02-30,1.5,EUR\n", "line 2: '2026-02-30' is no"),
        ("security,day,price,currency\nSAP,2026-11-20,1.5,euro\n", "line 2: 'euro' is no"),
        ("security,day,price,currency\nSAP,2026-11-20,1.5,XYZ\n", "line 2: XYZ is no currency"),
        ("security,day,price,currency\nNONE,2026-11-20,1.5,EUR\n", "line 2: You hold no"),
        ("security,day,price,currency\nSAP,2027-11-20,1.5,EUR\n", "line 2: 2027-11-20 is still"),
        ("security,day,price,currency\nSAP,1869-11-20,1.5,EUR\n", "line 2: 1869-11-20 is before"),
        (
            "security,day,price,currency\nSAP,2026-11-20,1,EUR\nSAP,2026-11-20,2,EUR\n",
            "line 3: there is another",
        ),
        ("security,day,price,currency,basis\nSAP,2026-11-20,1,EUR,par\n", "line 2: 'par' is no"),
        ('security,day,price,currency\n"SAP,2026-11-20,1,EUR\n', "line 2"),
    ],
)
def test_a_file_with_a_fault_is_refused_with_its_line(
    sqlite_api: Api, text: str, said: str
) -> None:
    """Nothing of it is stored, not even the good lines before it."""
    client, _ = priced(sqlite_api)
    status, answer = send(client, text)
    assert (status, said in answer) == (422, True), answer
    assert client.get("/v1/own-prices").json()["rows"] == []


def test_an_unreadable_file_is_refused(sqlite_api: Api) -> None:
    """Bytes that are no text, or none at all."""
    client, _ = priced(sqlite_api)
    for content in (b"\xff\xfe\x00", b""):
        answer = client.post("/v1/own-prices/import", content=content, headers=CSV)
        assert answer.status_code in {400, 422}


def test_a_name_that_may_be_two_is_refused(sqlite_api: Api) -> None:
    """Two securities with one name: the answer names their ids."""
    api = sqlite_api
    owner, now = api.person("ada"), api.clock()
    made = [security(api.penstock.database, owner, "Twin", now) for _ in range(2)]
    body = {"security": "Twin", "price": "1", "currency": "EUR"}
    answer = api.signed_in("ada").post("/v1/own-prices", json=body)
    assert answer.status_code == 404
    assert all(public_id("sec", number) in answer.text for number in made)


def test_nobody_prices_or_sees_what_another_holds(api: Api) -> None:
    """Neither by id nor by name; and a token that may only read sets nothing."""
    client, number = priced(api)
    body = {"security": number, "price": "1", "currency": "EUR"}
    assert client.post("/v1/own-prices", json=body).status_code == 201
    other = api.signed_in("bob")
    assert other.post("/v1/own-prices", json=body).status_code == 404
    assert other.get("/v1/own-prices").json()["rows"] == []
    assert other.get("/v1/own-prices", params={"security": number}).status_code == 404
    asked = {"security": number, "day": (api.clock() - timedelta(0)).date().isoformat()}
    assert other.delete("/v1/own-prices", params=asked).status_code == 404
    assert api.signed_in("ada", "read").post("/v1/own-prices", json=body).status_code == 403
