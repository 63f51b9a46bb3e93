"""C4: who answers, what we say we can, what a person sees, and where a browser may be sent."""

import re
from typing import Any

import pytest
from httpx2 import Response

from tests.api.serving import Api
from tests.security.browsing import hidden
from tests.security.programs import (
    BACK,
    ISSUER,
    Program,
    browser,
    let_in,
    looking,
    register,
    say,
    told,
    trade,
)


def test_a_program_is_let_in(server: Api) -> None:
    """C4: a yes gives a code with `state` and `iss`; the code gives tokens for what was allowed."""
    program, person = register(server), browser(server)
    page = person.get("/authorize", params=program.request())
    assert page.status_code == 200
    back = say(person, page)
    assert back.headers["location"].startswith(f"{BACK}?")
    answer = told(back)
    assert answer.keys() == {"code", "state", "iss"}
    assert (answer["state"], answer["iss"]) == (program.state, ISSUER)

    tokens = trade(server, program, answer["code"]).json()
    assert tokens["scope"] == "read"
    client = server.bearing(tokens["access_token"])
    assert client.get("/v1/me").json()["username"] == "ada"
    assert client.post("/v1/syncs", json={}).status_code == 403
    [session] = [one for one in client.get("/v1/sessions").json()["rows"] if one["current"]]
    assert session["scopes"] == ["read"]


def test_a_no_is_told_to_the_program(sqlite_server: Api) -> None:
    """RFC 6749 §4.1.2.1, RFC 9207 §2: an error answer has `state` and `iss` like any other."""
    program, person = register(sqlite_server), browser(sqlite_server)
    page = person.get("/authorize", params=program.request())
    for decision in ("deny", "", "maybe"):
        answer = told(say(person, page, decision))
        assert answer["error"] == "access_denied"
        assert (answer["state"], answer["iss"]) == (program.state, ISSUER)
        assert "code" not in answer


def test_the_page_names_who_and_what(sqlite_server: Api) -> None:
    """C4: the page says which program, for whom, where the answer goes, and each scope in words."""
    program = register(sqlite_server, name="Budget's best")
    page = browser(sqlite_server).get("/authorize", params=program.request(scope="read sync"))
    assert "Budget&#x27;s best" in page.text
    assert "<strong>ada</strong>" in page.text
    assert "<strong>budget.example</strong>" in page.text
    assert len(re.findall(r"<li>[^<]{10,}</li>", page.text)) == 2
    assert "Start a sync." in page.text


def test_the_page_can_be_framed_by_nobody(sqlite_server: Api) -> None:
    """W3: no frame, no script, no cache; the form leads here and to the program alone."""
    program = register(sqlite_server)
    page = browser(sqlite_server).get("/authorize", params=program.request())
    policy = page.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'none'" in policy
    assert "form-action 'self' https://budget.example" in policy
    assert page.headers["x-frame-options"] == "DENY"
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "same-origin"
    assert "<script" not in page.text


def test_a_browser_is_sent_on_by_303(sqlite_server: Api) -> None:
    """RFC 9700 §4.12: 303 makes a GET of whatever it was; 307 would send the form along."""
    program, person = register(sqlite_server), browser(sqlite_server)
    stranger = looking(sqlite_server).get("/authorize", params=program.request())
    page = person.get("/authorize", params=program.request())
    wrong = person.get("/authorize", params=program.request(scope="nonsense"))
    answers = [stranger, wrong, say(person, page), say(person, page, "deny")]
    assert {one.status_code for one in answers} == {303}
    assert not any(one.content for one in answers)


def test_whoever_is_not_signed_in_is_asked_to(sqlite_server: Api) -> None:
    """Nothing of a consent page is shown to a stranger, who comes back here after signing in."""
    program = register(sqlite_server)
    answer = looking(sqlite_server).get("/authorize", params=program.request())
    assert answer.status_code == 303
    assert answer.headers["location"].startswith("/sign-in?next=%2Fauthorize%3F")


@pytest.mark.parametrize("forged", [{"csrf": ""}, {"csrf": "x" * 32}])
def test_a_yes_must_come_from_the_page(sqlite_server: Api, forged: dict[str, str]) -> None:
    """W2: without the page's own token a form of somebody else's says nothing in our name."""
    program, person = register(sqlite_server), browser(sqlite_server)
    page = person.get("/authorize", params=program.request())
    answer = say(person, page, **forged)
    assert answer.status_code == 403
    assert "location" not in answer.headers


def test_one_persons_page_is_no_others(sqlite_server: Api) -> None:
    """W2: a page that Eve was shown says nothing in the name of Ada."""
    program = register(sqlite_server)
    page = browser(sqlite_server, "eve").get("/authorize", params=program.request())
    assert say(browser(sqlite_server), page).status_code == 403


def test_a_yes_is_remembered_for_its_scopes(server: Api) -> None:
    """C4: who allowed it once is not asked again, but for new scopes, and until it is withdrawn."""
    program, person = register(server), browser(server)
    let_in(person, program, scope="read sync")
    known = person.get("/authorize", params=program.request(scope="sync"))
    assert "code" in told(known)
    assert person.get("/authorize", params=program.request(scope="read write")).status_code == 200
    asked = person.get("/authorize", params=program.request(scope="sync", prompt="consent"))
    assert asked.status_code == 200

    owner = server.signed_in("ada")
    [row] = owner.get("/v1/consents").json()["rows"]
    assert (row["name"], row["scopes"]) == ("Budget", ["read", "sync"])
    assert server.signed_in("eve").get("/v1/consents").json()["rows"] == []
    assert owner.delete(f"/v1/consents/{row['id']}").status_code == 204
    assert person.get("/authorize", params=program.request(scope="sync")).status_code == 200


def test_a_withdrawn_consent_ends_what_it_gave(server: Api) -> None:
    """C4: taking a consent back ends the program's sessions of that person, and no others."""
    program, person = register(server), browser(server)
    tokens = [
        trade(server, program, let_in(one, program)).json()
        for one in (person, browser(server, "eve"))
    ]
    owner = server.signed_in("ada")
    [row] = owner.get("/v1/consents").json()["rows"]
    owner.delete(f"/v1/consents/{row['id']}")
    ours, hers = (server.bearing(one["access_token"]) for one in tokens)
    assert ours.get("/v1/me").status_code == 401
    assert hers.get("/v1/me").status_code == 200
    assert owner.get("/v1/me").status_code == 200


def test_a_program_that_is_not_held_to_its_address_is_always_asked_about(
    sqlite_server: Api,
) -> None:
    """RFC 8252 §8.6: another program can listen on loopback, so a yes is never remembered there."""
    native = register(sqlite_server, redirect_uris=["http://127.0.0.1/callback"])
    ours = Program("penstock", redirect_uri="http://127.0.0.1:4242/callback")
    person = browser(sqlite_server)
    for program in (native, ours):
        assert let_in(person, program)
        page = person.get("/authorize", params=program.request())
        assert page.status_code == 200
        assert "started it yourself" in page.text
        answer = told(person.get("/authorize", params=program.request(prompt="none")))
        assert answer["error"] == "consent_required"


def test_a_program_may_want_a_new_proof(server: Api) -> None:
    """`prompt=login` and `max_age` send the person to sign in, however lately they did before."""
    program, person = register(server), browser(server)
    server.clock.advance(seconds=100)
    for asked in ({"prompt": "login"}, {"max_age": "0"}, {"max_age": "99"}):
        answer = _arrive(person, program, asked)
        assert answer.headers["location"].startswith("/sign-in?next="), asked
    assert _arrive(person, program, {"max_age": "101"}).status_code == 200
    silent = _arrive(person, program, {"max_age": "99", "prompt": "none"})
    assert told(silent)["error"] == "login_required"

    put_off = person.get("/authorize", params=program.request(prompt="login"))
    here = f"/{put_off.headers['location']}"
    server.clock.advance(seconds=5)
    page = browser(server).get(here)
    assert page.status_code == 200
    assert "prompt" not in hidden(page.text)


def _arrive(person: Any, program: Program, asked: dict[str, str]) -> Response:
    """Ask, and go on as far as our own pages lead."""
    answer: Response = person.get("/authorize", params=program.request(**asked))
    if answer.headers.get("location", "").startswith("authorize?"):
        answer = person.get("/" + answer.headers["location"])
    return answer


def test_the_metadata_is_true(sqlite_server: Api) -> None:
    """RFC 8414: what is said there is so; nothing asymmetric is signed, so no keys are named."""
    told_ = sqlite_server.client.get("/.well-known/oauth-authorization-server").json()
    assert told_["issuer"] == ISSUER
    assert told_["code_challenge_methods_supported"] == ["S256"]
    assert told_["response_types_supported"] == ["code"]
    assert told_["authorization_response_iss_parameter_supported"] is True
    assert "jwks_uri" not in told_
    for name, address in told_.items():
        if name.endswith("_endpoint"):
            assert address.startswith(f"{ISSUER}/")
            answer = sqlite_server.client.post(address.removeprefix(ISSUER), data={"a": "b"})
            assert answer.status_code in {200, 400, 401}, name
    for grant in told_["grant_types_supported"]:
        form = {"grant_type": grant, "client_id": "penstock"}
        assert sqlite_server.client.post("/token", data=form).json()["error"] == "invalid_request"


def test_without_an_address_of_our_own_nobody_is_let_in(sqlite_api: Api) -> None:
    """Whoever asks writes the Host header: it names our issuer on this very machine only."""
    query = {"client_id": "penstock", "redirect_uri": "http://127.0.0.1:1/callback"}
    for host, status in (("evil.example", 400), ("127.0.0.1:8321", 303)):
        answer = sqlite_api.client.get(
            "/authorize", params=query, headers={"Host": host}, follow_redirects=False
        )
        assert answer.status_code == status, host
    well_known = "/.well-known/oauth-authorization-server"
    assert sqlite_api.client.get(well_known, headers={"Host": "evil.example"}).status_code == 422
    local = sqlite_api.client.get(well_known, headers={"Host": "127.0.0.1:8321"}).json()
    assert local["issuer"] == "http://127.0.0.1:8321"
