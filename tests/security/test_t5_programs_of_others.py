"""T5: a program of others, and a script, never decide who gets in, whatever their scopes."""

import pytest
from starlette.testclient import TestClient

from tests.api.serving import Api
from tests.security.browsing import GOOD, somebody
from tests.security.marking import marked
from tests.security.programs import browser, let_in, make_admin, register, trade

OURS_ONLY = {
    ("DELETE", "/v1/clients/{client_id}"),
    ("DELETE", "/v1/consents/{consent_id}"),
    ("DELETE", "/v1/invitations/{invitation_id}"),
    ("DELETE", "/v1/me/factors/{factor_id}"),
    ("DELETE", "/v1/sessions/{session_id}"),
    ("DELETE", "/v1/tokens/{token_id}"),
    ("PATCH", "/v1/people/{person_id}"),
    ("POST", "/v1/clients"),
    ("POST", "/v1/invitations"),
    ("POST", "/v1/me/factors/totp"),
    ("POST", "/v1/me/factors/{factor_id}/confirm"),
    ("POST", "/v1/me/password"),
    ("POST", "/v1/me/prove"),
    ("POST", "/v1/me/recovery-codes"),
    ("POST", "/v1/tokens"),
}
"""What nobody may forget to mark: all that changes how somebody gets in."""


def program_of_others(api: Api, username: str = "ada") -> TestClient:
    """Return a program with all that somebody can allow one, a moment after they proved it."""
    program = register(api)
    code = let_in(browser(api, username), program, scope=None)
    return api.bearing(trade(api, program, code).json()["access_token"])


def script(api: Api, username: str = "ada") -> TestClient:
    """Return a script with all that its person has."""
    made = api.signed_in(username).post(
        "/v1/tokens", json={"name": "n", "scopes": ["read", "write", "export"]}
    )
    return api.bearing(made.json()["token"])


def test_what_lets_people_in_is_marked(sqlite_api: Api) -> None:
    """T5, L9: passwords, factors, proofs, tokens, sessions, people: for our own programs."""
    assert marked(sqlite_api, "own") == OURS_ONLY


@pytest.mark.parametrize("who", [program_of_others, script])
def test_others_are_refused(sqlite_server: Api, who: type) -> None:
    """T5, C6: with every scope there is for them and a fresh proof, each such route answers 403."""
    make_admin(sqlite_server, "ada")
    client = who(sqlite_server)
    assert client.get("/v1/me").status_code == 200
    for method, path in sorted(marked(sqlite_server, "own")):
        answer = client.request(method, path.replace("{", "").replace("}", ""))
        assert answer.status_code == 403, (method, path, answer.text)


def test_a_program_makes_no_token_that_outlasts_it(sqlite_server: Api) -> None:
    """C6: a program that was let in makes itself no token that stays when it is put out."""
    client = program_of_others(sqlite_server)
    body = {"name": "mine", "scopes": ["read"], "days": 365}
    assert client.post("/v1/tokens", json=body).status_code == 403
    assert sqlite_server.signed_in().get("/v1/tokens").json()["rows"] == []


def test_a_script_with_the_password_is_a_script_still(sqlite_api: Api) -> None:
    """C6, L9: nobody sits at a script: the right password makes it no person who proved it."""
    somebody(sqlite_api)
    client = script(sqlite_api)
    assert client.post("/v1/me/prove", json={"password": GOOD}).status_code == 403
    body = {"old": GOOD, "new": "another horse battery"}
    assert client.post("/v1/me/password", json=body).status_code == 403


def test_no_program_of_others_looks_after_people(sqlite_server: Api) -> None:
    """T5: `admin` is for our own programs: none is registered with it, whoever lets it in."""
    make_admin(sqlite_server, "ada")
    body = {"name": "n", "redirect_uris": ["https://n.example/"], "scopes": ["read", "admin"]}
    ada = sqlite_server.signed_in()
    assert ada.post("/v1/clients", json=body).status_code == 422
    client = program_of_others(sqlite_server)
    assert "admin" not in client.get("/v1/me").json()["scopes"]
    assert client.get("/v1/people").status_code == 403


def test_reading_ones_own_is_not_reading_everybodys_deeds(sqlite_server: Api) -> None:
    """T5, X1: what an admin let read sees in the audit log what is the admin's, not all of it."""
    make_admin(sqlite_server, "ada")
    sqlite_server.signed_in("eve")
    ada = sqlite_server.signed_in()
    eve = ada.get("/v1/people").json()["rows"]
    theirs = {one["id"] for one in eve if one["username"] == "eve"}

    def seen(client: TestClient) -> set[str]:
        return {one["user_id"] for one in client.get("/v1/audit").json()["rows"]}

    assert theirs <= seen(ada)
    for client in (program_of_others(sqlite_server), sqlite_server.signed_in("ada", "read")):
        assert not theirs & seen(client)
