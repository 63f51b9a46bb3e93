"""Linking over the API: begun by a program or here, ended by whoever comes back from the bank."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.api.banking import OURS, Town, town
from tests.databases import Database
from tests.security.browsing import signed_in

PUBLIC = "http://127.0.0.1:8321/hub/"


@pytest.fixture
def place(database: Database, tmp_path: Path) -> Iterator[Town]:
    """Open a bank and an API that the world knows by a name."""
    with town(database.url, tmp_path, public_url=PUBLIC) as place:
        yield place


def path_of(uri: str) -> str:
    """Return the path and query of our own callback, as the app is asked for it."""
    parts = urlsplit(uri)
    return f"{parts.path.removeprefix('/hub')}?{parts.query}"


def test_a_program_links_a_bank(place: Town) -> None:
    """The bank sends the person to the program, which hands us the answer: it is linked."""
    client = place.api.signed_in("ada")
    link = place.begin(client, parameters={"scenario": "calm"})
    url = urlsplit(link["authorization_url"])
    assert parse_qs(url.query)["redirect_uri"] == [OURS]
    assert parse_qs(url.query)["scenario"] == ["calm"]
    waiting = client.get(f"/v1/links/{link['id']}").json()
    assert (waiting["state"], waiting["connection_id"]) == ("waiting", None)
    back = place.consent(link["authorization_url"])
    answer = client.post(f"/v1/links/{link['id']}/finish", json={"callback": urlsplit(back).query})
    assert answer.status_code == 200
    connection = answer.json()
    assert (connection["connector"], connection["consent"]["state"]) == ("sandbox", "active")
    done = client.get(f"/v1/links/{link['id']}").json()
    assert (done["state"], done["connection_id"]) == ("done", connection["id"])
    assert client.get(f"/v1/connections/{connection['id']}").json() == connection


def test_a_whole_address_will_do(place: Town) -> None:
    """A program may hand us the address that was called, as it stood in the browser."""
    client = place.api.signed_in("ada")
    link = place.begin(client)
    back = place.consent(link["authorization_url"])
    answer = client.post(f"/v1/links/{link['id']}/finish", json={"callback": back})
    assert answer.status_code == 200


def test_the_bank_sends_the_browser_back_here(place: Town) -> None:
    """Without an address of its own, a link comes back to ours; the page asks for no token."""
    client = place.api.signed_in("ada")
    link = place.begin(client, redirect_uri=None)
    back = place.consent(link["authorization_url"])
    assert back.startswith(f"{PUBLIC}v1/callbacks/sandbox?")
    browser = signed_in(place.api, "ada")
    page = browser.get(path_of(back))
    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert "script" not in page.headers["content-security-policy"]
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert page.headers["cache-control"] == "no-store"
    assert client.get(f"/v1/links/{link['id']}").json()["state"] == "done"
    again = browser.get(path_of(back))
    assert again.status_code == 422, "O1: a state is good once"


def test_a_person_who_says_no_is_told_so(place: Town) -> None:
    """O4: a refusal ends the link, with its reason, and nothing is linked."""
    client = place.api.signed_in("ada")
    link = place.begin(client, redirect_uri=None)
    back = place.consent(link["authorization_url"], decision="deny")
    stranger = place.api.client.get(path_of(back))
    assert (stranger.status_code, "no consent" in stranger.text) == (200, True)
    page = signed_in(place.api, "ada").get(path_of(back))
    assert page.status_code == 502
    assert "Not linked" in page.text
    state = client.get(f"/v1/links/{link['id']}").json()
    assert state["state"] == "failed"
    assert state["failure"]
    assert client.get("/v1/connections").json()["rows"] == []


def test_the_page_repeats_nothing_that_it_was_sent(place: Town) -> None:
    """Whatever stands in the query, however many parameters, none of it reaches the page."""
    evil = "<script>alert(1)</script>"
    for query in ({"code": evil, "state": evil}, {"error": evil, "state": "x"}, {evil: evil}, {}):
        page = place.api.client.get("/v1/callbacks/sandbox", params=query)
        assert page.status_code == 422
        assert "alert" not in page.text
    many = place.api.client.get("/v1/callbacks/sandbox", params={f"p{n}": "" for n in range(99)})
    assert many.status_code == 422
    assert place.api.client.get(f"/v1/callbacks/{evil}").status_code in {404, 422}


def test_only_the_one_who_began_may_finish(place: Town) -> None:
    """O1: an answer brought by another person links nothing, and uses nothing of theirs up."""
    ada, eve = place.api.signed_in("ada"), place.api.signed_in("eve")
    link = place.begin(ada)
    hers = place.begin(eve)
    callback = {"callback": urlsplit(place.consent(link["authorization_url"])).query}
    assert eve.post(f"/v1/links/{link['id']}/finish", json=callback).status_code == 404
    assert eve.post(f"/v1/links/{hers['id']}/finish", json=callback).status_code == 422
    assert eve.get("/v1/connections").json()["rows"] == []
    assert ada.post(f"/v1/links/{link['id']}/finish", json=callback).status_code == 200


def test_an_answer_ends_its_own_link_only(place: Town) -> None:
    """The answer to one link is refused for another, though both are the same person's."""
    client = place.api.signed_in("ada")
    one, other = place.begin(client), place.begin(client)
    callback = {"callback": urlsplit(place.consent(one["authorization_url"])).query}
    assert client.post(f"/v1/links/{other['id']}/finish", json=callback).status_code == 422
    assert client.post(f"/v1/links/{one['id']}/finish", json=callback).status_code == 200


@pytest.mark.parametrize(
    "callback", ["&".join(f"a{n}=1" for n in range(60)), "state", "state=a&state=b", "%ff=%ff"]
)
def test_nonsense_is_no_answer(place: Town, callback: str) -> None:
    """A query that no bank sends is refused, and the link waits on."""
    client = place.api.signed_in("ada")
    link = place.begin(client)
    answer = client.post(f"/v1/links/{link['id']}/finish", json={"callback": callback})
    assert answer.status_code in {400, 422}
    assert client.get(f"/v1/links/{link['id']}").json()["state"] == "waiting"


def test_a_link_runs_out(place: Town) -> None:
    """O1: after ten minutes a link says that it is over."""
    client = place.api.signed_in("ada")
    link = place.begin(client)
    place.api.clock.advance(minutes=10)
    client = place.api.signed_in("ada")
    assert client.get(f"/v1/links/{link['id']}").json()["state"] == "expired"


def test_a_consent_is_renewed_in_place(place: Town) -> None:
    """sync.md 26: renewing gives the same connection new credentials; no other one is made."""
    client = place.api.signed_in("ada")
    connection = place.link(client)
    answer = client.post(f"/v1/connections/{connection['id']}/renew", json={"redirect_uri": OURS})
    assert answer.status_code == 202
    link = answer.json()["link"]
    back = place.consent(link["authorization_url"])
    body = {"callback": urlsplit(back).query}
    renewed = client.post(f"/v1/links/{link['id']}/finish", json=body).json()
    assert renewed["id"] == connection["id"]
    assert len(client.get("/v1/connections").json()["rows"]) == 1


def test_a_token_is_pasted(place: Town) -> None:
    """A bank that hands out tokens is linked at once, and its token is renewed in place."""
    client = place.api.signed_in("ada")
    answer = client.post("/v1/connections", json={"connector": "starling", "token": "abc.def"})
    assert answer.status_code == 201
    made = answer.json()
    assert answer.headers["location"] == f"/v1/connections/{made['id']}"
    assert "abc.def" not in answer.text
    again = client.post(f"/v1/connections/{made['id']}/renew", json={"token": "ghi"})
    assert (again.status_code, again.json()["id"]) == (200, made["id"])


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"connector": "nowhere"}, 404),
        ({"connector": "sandbox", "plan": 7}, 422),
        ({"connector": "sandbox", "token": "not for telling"}, 422),
        ({"connector": "starling", "redirect_uri": OURS}, 422),
        ({"connector": "starling", "token": "a\nb"}, 422),
        ({"connector": "sandbox", "parameters": {"state": "mine"}}, 422),
        ({"connector": "sandbox", "parameters": {"redirect_uri": "x"}}, 422),
        ({"connector": "sandbox", "parameters": {"bad name": "x"}}, 422),
        ({"connector": "sandbox", "parameters": {"scenario": 1}}, 422),
        ({"connector": "sandbox", "redirect_uri": "https://evil.example/"}, 422),
        ({"connector": "sandbox", "surprise": 1}, 422),
    ],
)
def test_what_cannot_be_linked_is_refused(
    place: Town, body: dict[str, object], status: int
) -> None:
    """Each refusal is a problem of its own kind, before anybody is sent anywhere."""
    answer = place.api.signed_in("ada").post("/v1/connections", json=body)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert "not for telling" not in answer.text


def test_a_server_without_a_name_sends_nobody_back_to_itself(
    database: Database, tmp_path: Path
) -> None:
    """The Host header, which anybody writes, names no address that a bank sends people to."""
    with town(database.url, tmp_path) as place:
        client = place.api.signed_in("ada")
        answer = client.post("/v1/connections", json={"connector": "sandbox"})
        assert answer.status_code == 422
        assert "PENSTOCK_PUBLIC_URL" in answer.json()["remedy"]["text"]
        here = client.post(
            "/v1/connections",
            json={"connector": "sandbox"},
            headers={"Host": "127.0.0.1:8399"},
        )
        assert here.status_code == 202
        query = parse_qs(urlsplit(here.json()["link"]["authorization_url"]).query)
        assert query["redirect_uri"] == ["http://127.0.0.1:8399/v1/callbacks/sandbox"]
