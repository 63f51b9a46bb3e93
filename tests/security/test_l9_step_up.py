"""L9: what matters needs that one proved a moment ago who one is."""

import pyotp
import pytest

from tests.api.serving import Api
from tests.security.browsing import GOOD, signed_in, somebody
from tests.security.marking import marked

MATTERS = {
    ("DELETE", "/v1/connections/{connection_id}"),
    ("DELETE", "/v1/invitations/{invitation_id}"),
    ("DELETE", "/v1/me/factors/{factor_id}"),
    ("GET", "/v1/export"),
    ("PATCH", "/v1/people/{person_id}"),
    ("POST", "/v1/invitations"),
    ("POST", "/v1/me/factors/totp"),
    ("POST", "/v1/me/factors/{factor_id}/confirm"),
    ("POST", "/v1/me/password"),
    ("POST", "/v1/me/recovery-codes"),
}
"""What nobody may forget to mark: password, factors, disconnect, export, roles, invitations."""


def test_what_matters_is_marked(sqlite_api: Api) -> None:
    """L9: password, factors, keys, disconnect, export, roles and invitations ask for a proof."""
    assert marked(sqlite_api, "fresh") >= MATTERS


def test_an_old_session_is_refused(sqlite_api: Api) -> None:
    """L9: a second past five minutes each such route answers 401, as RFC 9470 §3 has it."""
    client = sqlite_api.admin()
    sqlite_api.clock.advance(minutes=5, seconds=1)
    asked = sorted(marked(sqlite_api, "fresh"))
    for method, path in asked:
        answer = client.request(method, path.replace("{", "").replace("}", ""))
        assert answer.status_code == 401, (method, path)
        told = answer.headers["www-authenticate"]
        assert 'error="insufficient_user_authentication"' in told
        assert 'max_age="300"' in told


def test_a_session_within_five_minutes_is_let_in(sqlite_api: Api) -> None:
    """L9: at five minutes sharp it still counts."""
    client = sqlite_api.admin()
    sqlite_api.clock.advance(minutes=5)
    for method, path in sorted(marked(sqlite_api, "fresh")):
        answer = client.request(method, path.replace("{", "").replace("}", ""))
        assert answer.status_code not in {401, 403}, (method, path)


def test_clocks_of_two_machines_may_differ(sqlite_api: Api) -> None:
    """L9: a proof that another machine took seconds ahead of this one counts; a later one not."""
    client = sqlite_api.signed_in()
    sqlite_api.clock.advance(seconds=-10)
    assert client.get("/v1/export").status_code == 200
    sqlite_api.clock.advance(seconds=-1)
    assert client.get("/v1/export").status_code == 401


def test_a_renewed_token_is_no_new_proof(api: Api) -> None:
    """L9: refreshing gives a new access token, and the proof is as old as before."""
    somebody(api)
    issued = api.begin("ada")
    api.clock.advance(minutes=6)
    renewed = api.play(lambda: api.identity.refresh(issued.refresh))
    assert api.bearing(renewed.access.reveal()).post("/v1/me/recovery-codes").status_code == 401


def test_the_password_proves_it(api: Api) -> None:
    """L9: the wrong password changes nothing, the right one opens for five minutes."""
    somebody(api)
    client = api.signed_in("ada")
    api.clock.advance(minutes=6)
    assert client.post("/v1/me/prove", json={"password": "wrong"}).status_code == 401
    assert client.get("/v1/export").status_code == 401
    assert client.post("/v1/me/prove", json={"password": GOOD}).status_code == 204
    assert client.get("/v1/export").status_code == 200
    api.clock.advance(minutes=3)
    assert client.get("/v1/export").status_code == 200


def test_with_a_factor_the_password_alone_proves_nothing(sqlite_api: Api) -> None:
    """L9, L6: a code is asked for as well, and it counts once here too."""
    somebody(sqlite_api)
    client = sqlite_api.signed_in("ada")
    begun = client.post("/v1/me/factors/totp", json={"name": "phone"}).json()
    totp = pyotp.TOTP(begun["secret"])

    def code() -> str:
        return totp.at(int(sqlite_api.clock().timestamp()))

    client.post(f"/v1/me/factors/{begun['id']}/confirm", json={"code": code()})
    sqlite_api.clock.advance(minutes=6)
    missing = client.post("/v1/me/prove", json={"password": GOOD})
    assert missing.json()["type"] == "urn:penstock:problem:factor-needed"
    assert client.get("/v1/export").status_code == 401
    body = {"password": GOOD, "code": code()}
    assert client.post("/v1/me/prove", json=body).status_code == 204
    assert client.post("/v1/me/prove", json=body).status_code == 401


def test_guessing_through_a_stolen_token_waits(sqlite_api: Api) -> None:
    """L9, L4: five wrong passwords, and even the right one has to wait."""
    somebody(sqlite_api)
    client = sqlite_api.signed_in("ada")
    said = [client.post("/v1/me/prove", json={"password": "x"}).status_code for _ in range(6)]
    assert said == [401] * 5 + [429]
    assert client.post("/v1/me/prove", json={"password": GOOD}).status_code == 429


@pytest.mark.parametrize("does", ["remove", "codes", "passkey"])
def test_an_old_browser_session_signs_in_anew(sqlite_api: Api, does: str) -> None:
    """L9: the buttons of the account page that change a factor ask for it too."""
    browser = signed_in(sqlite_api)
    sqlite_api.clock.advance(minutes=6)
    fields = browser.fields("/security") | {"do": does}
    answer = browser.post("/security", fields)
    assert answer.headers["location"].startswith("/sign-in?next=")
