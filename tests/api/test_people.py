"""The person who is asking, and their sessions."""

from penstock.domain.secret import Secret
from tests.api.serving import Api

GOOD = "correct horse battery"


def test_who_am_i(api: Api) -> None:
    """The token's person, session and scopes."""
    answer = api.signed_in("ada", "read", "sync").get("/v1/me")
    assert answer.json() == {
        "id": "usr_0000000000001",
        "username": "ada",
        "created_at": "2026-11-21T09:30:00Z",
        "session_id": "ses_0000000000001",
        "scopes": ["read", "sync"],
    }


def test_sessions_come_in_pages(api: Api) -> None:
    """R6: one's own sessions, all of them once, in the order they began; nobody else's."""
    for _ in range(5):
        api.begin("ada")
    api.begin("eve")
    client = api.signed_in("ada")
    rows, address = [], "/v1/sessions?limit=2"
    for _ in range(4):
        page = client.get(address).json()
        rows += page["rows"]
        if page["next_cursor"] is None:
            break
        address = f"/v1/sessions?limit=2&cursor={page['next_cursor']}"
    assert len(rows) == 6
    assert [row["id"] for row in rows] == sorted({row["id"] for row in rows})
    assert [row["current"] for row in rows] == [False] * 5 + [True]
    assert rows[0]["address"] == "203.0.113.9"


def test_ending_another_session(api: Api) -> None:
    """R6: a session that was ended elsewhere answers no more; ending it twice is no error."""
    lost, here = api.signed_in("ada"), api.signed_in("ada")
    gone = lost.get("/v1/me").json()["session_id"]
    for _ in range(2):
        assert here.delete(f"/v1/sessions/{gone}").status_code == 204
    assert lost.get("/v1/me").status_code == 401
    assert here.get("/v1/me").status_code == 200


def test_signing_out(api: Api) -> None:
    """After signing out neither the access token nor the refresh token is good."""
    issued = api.begin("ada", frozenset())
    client = api.bearing(issued.access.reveal())
    assert client.post("/v1/sign-out").status_code == 204
    assert client.post("/v1/sign-out").status_code == 401
    form = {"grant_type": "refresh_token", "refresh_token": issued.refresh.reveal()}
    assert api.client.post("/token", data=form).json()["error"] == "invalid_grant"


def test_changing_the_password(sqlite_api: Api) -> None:
    """R6: the old one must be right, the new one good; then only the new one signs in."""
    api = sqlite_api
    api.play(lambda: api.identity.add_user("ada", Secret(GOOD)))
    form = {"grant_type": "password", "username": "ada", "password": GOOD}
    client = api.bearing(api.client.post("/token", data=form).json()["access_token"])
    new = "another good one"
    wrong = client.post("/v1/me/password", json={"old": new, "new": new})
    assert wrong.status_code == 401
    weak = client.post("/v1/me/password", json={"old": GOOD, "new": "password"})
    assert weak.status_code == 422
    assert client.post("/v1/me/password", json={"old": GOOD, "new": new}).status_code == 204
    assert api.client.post("/token", data=form).status_code == 400
    assert api.client.post("/token", data=form | {"password": new}).status_code == 200
    assert client.get("/v1/me").status_code == 200
