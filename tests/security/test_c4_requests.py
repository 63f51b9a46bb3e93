"""C4: what may stand in a request, who may push one, and who may register who asks."""

import logging

import pytest

from penstock.identity.caller import FRESH_FOR
from tests.api.serving import Api, lines
from tests.security.programs import (
    BACK,
    ISSUER,
    Program,
    browser,
    let_in,
    make_admin,
    register,
    say,
    told,
    trade,
)


@pytest.mark.parametrize(
    ("other", "error"),
    [
        ({"response_type": None}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code token"}, "unsupported_response_type"),
        ({"response_mode": "fragment"}, "invalid_request"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
        ({"request_uri": "https://evil.example/request"}, "request_uri_not_supported"),
        ({"request_uri": "urn:ietf:params:oauth:other:x"}, "request_uri_not_supported"),
        ({"scope": "read\nwrite"}, "invalid_scope"),
        ({"scope": "read  write"}, "invalid_scope"),
        ({"scope": "read\twrite"}, "invalid_scope"),
        ({"scope": "read\u00a0write"}, "invalid_scope"),
        ({"scope": "read root"}, "invalid_scope"),
        ({"scope": "READ"}, "invalid_scope"),
        ({"state": "x" * 2001}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"prompt": "select_account"}, "invalid_request"),
        ({"max_age": "-1"}, "invalid_request"),
        ({"max_age": "9" * 400}, "invalid_request"),
        ({"dpop_jkt": "short"}, "invalid_request"),
    ],
    ids=str,
)
def test_whatever_else_is_asked_for_is_refused(
    sqlite_server: Api, other: dict[str, str | None], error: str
) -> None:
    """C4: injected scopes, other response modes, requests of strangers: told, and no code."""
    program, person = register(sqlite_server), browser(sqlite_server)
    answer = told(person.get("/authorize", params=program.request(**other)))
    assert (answer["error"], answer["iss"]) == (error, ISSUER)
    assert answer.get("state") == (None if "state" in other else program.state)


def test_nothing_stands_twice(sqlite_server: Api) -> None:
    """RFC 6749 §3.1: which of the two counts? None; and a doubled state is not sent back."""
    program, person = register(sqlite_server), browser(sqlite_server)
    query = "&".join(f"{name}={value}" for name, value in program.request().items())
    for name in ("scope", "state", "code_challenge", "response_type"):
        answer = told(person.get(f"/authorize?{query}&{name}=read"))
        assert answer["error"] == "invalid_request"
        assert ("state" in answer) is (name != "state")


def test_a_program_gets_no_more_than_it_was_registered_for(sqlite_server: Api) -> None:
    """C4: other scopes are refused; where none are named, it is asked for its own."""
    program, person = register(sqlite_server, scopes=["read", "sync"]), browser(sqlite_server)
    answer = told(person.get("/authorize", params=program.request(scope="read write")))
    assert answer["error"] == "invalid_scope"
    tokens = trade(sqlite_server, program, let_in(person, program, scope=None)).json()
    assert tokens["scope"] == "read sync"


def test_a_state_comes_back_as_it_was(sqlite_server: Api) -> None:
    """A state is the program's own: whatever it holds leads nowhere else and breaks no header."""
    program, person = register(sqlite_server), browser(sqlite_server)
    for state in ("a b&c=d#e", "\r\nSet-Cookie: x=1", "é\u2028", "https://evil.example/"):
        answer = person.get("/authorize", params=program.request(state=state, scope="x"))
        assert told(answer)["state"] == state
        assert answer.headers["location"].startswith(f"{BACK}?")
        assert "set-cookie" not in answer.headers


def test_a_pushed_request_is_good_once(server: Api) -> None:
    """RFC 9126 §4: the name opens the request once, within a minute, for its program alone."""
    program, person = register(server), browser(server)
    other = register(server, name="Other")
    pushed = server.client.post("/par", data=program.request())
    assert (pushed.status_code, pushed.json()["expires_in"]) == (201, 60)
    ours = {"client_id": program.client_id, "request_uri": pushed.json()["request_uri"]}
    stolen = person.get("/authorize", params=ours | {"client_id": other.client_id})
    assert (stolen.status_code, "location" in stolen.headers) == (400, False)
    on = person.get("/authorize", params=ours | {"scope": "write"})
    assert on.status_code == 303
    assert person.get("/authorize", params=ours).status_code == 400
    page = person.get("/" + on.headers["location"])
    assert page.text.count("<li>") == 1
    code = told(say(person, page))["code"]
    assert say(person, page).status_code == 400
    assert trade(server, program, code).json()["scope"] == "read"

    late = server.client.post("/par", data=program.request()).json()["request_uri"]
    server.clock.advance(seconds=60)
    query = {"client_id": program.client_id, "request_uri": late}
    assert person.get("/authorize", params=query).status_code == 400


@pytest.mark.parametrize(
    ("other", "error"),
    [
        ({"redirect_uri": "https://evil.example/"}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"scope": "read\nwrite"}, "invalid_scope"),
        ({"request_uri": "urn:ietf:params:oauth:request_uri:x"}, "request_uri_not_supported"),
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_id": None}, "invalid_client"),
    ],
    ids=str,
)
def test_a_push_is_checked_like_any_request(
    sqlite_server: Api, other: dict[str, str | None], error: str
) -> None:
    """RFC 9126 §2.1: what could not be granted is refused at once, and so is an unproved client."""
    program = register(sqlite_server, confidential=True)
    asked = program.request(client_secret=program.secret) | program.request(**other)
    form = asked | ({"client_secret": program.secret or ""} if "client_secret" not in other else {})
    form = {name: one for name, one in form.items() if other.get(name, "") is not None}
    answer = sqlite_server.client.post("/par", data=form)
    assert answer.status_code == (401 if error == "invalid_client" else 400)
    assert answer.json()["error"] == error


def test_only_an_admin_registers(server: Api) -> None:
    """Members list, add and remove none; and neither does a program of others, an admin's even."""
    program = register(server)
    body = {"name": "Evil", "redirect_uris": [BACK]}
    make_admin(server, "ada")
    tokens = trade(server, program, let_in(browser(server), program, scope="read write")).json()
    eve, other = server.signed_in("eve"), server.bearing(tokens["access_token"])
    for client, unseen in ((eve, 404), (other, 403)):
        assert client.get("/v1/clients").status_code == 403
        assert client.post("/v1/clients", json=body).status_code == 403
        assert client.delete(f"/v1/clients/{program.client_id}").status_code == unseen
    [row] = server.signed_in("ada").get("/v1/clients").json()["rows"]
    assert row["client_id"] == program.client_id
    assert "client_secret" not in row


def test_registering_needs_a_fresh_proof(sqlite_server: Api) -> None:
    """L9: whoever finds an open session of an admin's does not let a program in with it."""
    make_admin(sqlite_server, "root")
    admin = sqlite_server.signed_in("root")
    sqlite_server.clock.advance(seconds=FRESH_FOR.total_seconds() + 1)
    answer = admin.post("/v1/clients", json={"name": "Evil", "redirect_uris": [BACK]})
    assert answer.status_code == 401
    assert "insufficient_user_authentication" in answer.headers["www-authenticate"]


def test_no_secret_of_all_this_is_logged(server: Api, caplog: pytest.LogCaptureFixture) -> None:
    """K3: no code, verifier, secret, token or state is in the log; what was done is."""
    caplog.set_level(logging.DEBUG)
    program, person = register(server, confidential=True), browser(server)
    code = let_in(person, program)
    tokens = trade(server, program, code).json()
    trade(server, program, code)
    said = str(lines(caplog))
    secrets = [code, program.verifier, program.state, program.secret]
    for secret in [*secrets, tokens["access_token"], tokens["refresh_token"]]:
        assert secret not in said
    for event in ("client_added", "consent_given", "code_replayed"):
        assert event in said


def test_our_own_program_needs_no_registering(server: Api) -> None:
    """The command line is built in: public, on loopback, for all scopes, confirmed each time."""
    ours = Program("penstock", redirect_uri="http://127.0.0.1:50001/callback")
    person = browser(server)
    codes = []
    for _ in range(2):
        page = person.get("/authorize", params=ours.request(scope=None))
        assert "Penstock on the command line" in page.text
        codes.append(told(say(person, page))["code"])
    tokens = trade(server, ours, codes[-1]).json()
    assert tokens["scope"].split() == sorted(tokens["scope"].split())
    assert {"read", "write", "connect"} <= set(tokens["scope"].split())
    assert server.signed_in("ada").get("/v1/consents").json()["rows"] == []
