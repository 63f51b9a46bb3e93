"""X3: which deeds are in the audit log, with whom and from where, and who may read it."""

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from penstock.db.audit import AuditRow, audit, page
from penstock.db.users import users
from penstock.domain.secret import Secret
from tests.api.serving import Api

PASSWORD = "canary horse battery staple"
NEW = "canary lever gate autumn"


@pytest.fixture
def ada(api: Api) -> TestClient:
    """Add Ada, who signed in with her password, over HTTP."""
    api.people["ada"] = api.play(lambda: api.identity.add_user("ada", Secret(PASSWORD)))
    return api.bearing(_tokens(api)["access_token"])


def _tokens(api: Api, **form: str) -> dict[str, str]:
    asked = {"grant_type": "password", "username": "ada", "password": PASSWORD} | form
    answer = api.client.post("/token", data=asked)
    found: dict[str, str] = answer.json()
    return found


def _log(api: Api) -> list[AuditRow]:
    return api.read(page, owner_id=None)


def _kinds(api: Api) -> list[str]:
    return [row.kind for row in reversed(_log(api))]


def test_signing_in_and_out_is_recorded(api: Api, ada: TestClient) -> None:
    """X3: who signs in, is refused, changes the password or ends a session leaves a record."""
    assert "error" in _tokens(api, password="canary-wrong")
    assert "error" in _tokens(api, username="canary-nobody")
    other = _tokens(api)
    listed = ada.get("/v1/sessions").json()["rows"]
    (theirs,) = [one["id"] for one in listed if not one["current"]]
    assert ada.delete(f"/v1/sessions/{theirs}").status_code == 204
    assert ada.delete(f"/v1/sessions/{theirs}").status_code == 204  # over already: no deed
    assert "error" in _tokens(api, grant_type="refresh_token", **_refresh(other))
    changed = ada.post("/v1/me/password", json={"old": PASSWORD, "new": NEW})
    assert changed.status_code == 204
    assert ada.post("/v1/sign-out", headers={"X-Request-ID": "the-last-one"}).status_code == 204
    assert _kinds(api) == [
        "person_added",
        "signed_in",
        "sign_in_refused",
        "sign_in_refused",
        "signed_in",
        "session_ended",
        "password_changed",
        "signed_out",
    ]
    last = _log(api)[0]
    assert (last.via, last.actor_id, last.user_id) == ("api", api.people["ada"], api.people["ada"])
    assert (last.address, last.request_id) == ("unknown", "the-last-one")
    assert last.session_id is not None
    said = api.read(
        lambda one: [str(value) for row in one.execute(audit.select()) for value in row]
    )
    assert [text for text in said if "canary" in text] == []


def _refresh(tokens: dict[str, str]) -> dict[str, str]:
    return {"refresh_token": tokens["refresh_token"]}


def test_a_refresh_token_that_comes_twice_is_recorded(api: Api, ada: TestClient) -> None:
    """X3, R2: reuse ends the session, and the record of it is in the same transaction."""
    first = _tokens(api)
    second = _tokens(api, grant_type="refresh_token", **_refresh(first))
    _tokens(api, grant_type="refresh_token", **_refresh(second))
    assert "error" in _tokens(api, grant_type="refresh_token", **_refresh(first))
    assert ada.get("/v1/me").status_code == 200
    newest = _log(api)[0]
    assert (newest.kind, newest.user_id) == ("refresh_reused", api.people["ada"])
    assert newest.subject.startswith("ses_")


def test_exports_keys_and_people_are_recorded(api: Api, ada: TestClient) -> None:
    """X3: taking data out, a new signing key and a person who is let in no more leave records."""
    assert ada.get("/v1/export", params={"kind": "accounts"}).status_code == 200
    api.play(api.identity.keyring.rotate)
    api.disable("ada")
    exported, rotated, disabled = _log(api)[2::-1]
    assert (exported.kind, exported.facts) == ("exported", '{"kind":"accounts"}')
    assert (rotated.kind, rotated.user_id) == ("signing_key_rotated", None)
    assert (disabled.kind, disabled.facts) == ("person_disabled", '{"sessions_ended":"1"}')


def test_an_admin_sees_all_and_a_member_their_own(api: Api) -> None:
    """X1, X3: a member sees what they did or what concerns them; an admin sees everything."""
    api.person("ada")
    api.write(_make_admin, "ada")
    ada, ben = api.signed_in("ada"), api.signed_in("ben")
    assert {row["user_id"] for row in _rows(ada)} == {_me(ada), _me(ben)}
    assert {row["user_id"] for row in _rows(ben)} == {_me(ben)}
    assert [row["kind"] for row in _rows(ben, kind="exported")] == []
    assert len(_rows(ben, kind="signed_in", since="2026-11-21")) == 1
    assert _rows(ben, since="2026-11-22") == []
    assert ben.get("/v1/audit", params={"kind": "nonsense"}).status_code == 422


def test_records_come_in_pages(api: Api) -> None:
    """The newest first; a cursor goes on, and a record that came meanwhile moves nothing."""
    ada = api.signed_in("ada")
    for _ in range(4):
        ada.get("/v1/export")
    page = ada.get("/v1/audit", params={"limit": 2}).json()
    numbers = [row["number"] for row in page["rows"]]
    while page["next_cursor"]:
        ada.get("/v1/export")
        page = ada.get("/v1/audit", params={"limit": 2, "cursor": page["next_cursor"]}).json()
        numbers += [row["number"] for row in page["rows"]]
    assert numbers == [5, 4, 3, 2, 1]


def _rows(client: TestClient, **parameters: str) -> list[dict[str, str]]:
    answer = client.get("/v1/audit", params=parameters)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, str]] = answer.json()["rows"]
    return found


def _me(client: TestClient) -> str:
    return str(client.get("/v1/me").json()["id"])


def _make_admin(connection: sa.Connection, username: str) -> None:
    connection.execute(users.update().where(users.c.username == username).values(role="admin"))
