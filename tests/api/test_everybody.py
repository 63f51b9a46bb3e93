"""People, roles and invitations."""

import pytest

from penstock.domain.errors import Conflict
from penstock.domain.ids import public_id
from penstock.domain.secret import Secret
from penstock.identity.people import Role
from tests.api.serving import Api

GOOD = "correct horse battery"


def test_the_first_person_is_the_admin(sqlite_api: Api) -> None:
    """Whoever is there first looks after the others."""
    identity = sqlite_api.identity
    sqlite_api.play(lambda: identity.add_user("ada", Secret(GOOD)))
    sqlite_api.play(lambda: identity.add_user("bob", Secret(GOOD)))
    rows = sqlite_api.play(identity.people.page)
    assert [(row.username, row.role) for row in rows] == [("ada", "admin"), ("bob", "member")]


def test_a_member_looks_after_nobody(sqlite_api: Api) -> None:
    """T5: a member has no scope `admin`, whatever is asked for."""
    client = sqlite_api.signed_in("ada")
    assert "admin" not in client.get("/v1/me").json()["scopes"]
    assert client.get("/v1/people").status_code == 403
    assert client.get("/v1/invitations").status_code == 403
    assert client.post("/v1/invitations", json={}).status_code == 403


def test_who_was_an_admin_is_none_at_once(api: Api) -> None:
    """T5, R6: with the role the scope goes, and the sessions that had it."""
    admin, other = api.admin(), api.admin("bob")
    bob = public_id("usr", api.people["bob"])
    assert admin.patch(f"/v1/people/{bob}", json={"role": "member"}).json()["role"] == "member"
    assert other.get("/v1/people").status_code == 401
    assert api.signed_in("bob").get("/v1/people").status_code == 403


def test_the_last_admin_stays(api: Api) -> None:
    """Nobody can lock everybody out: the last admin is neither demoted nor disabled."""
    admin = api.admin()
    me = public_id("usr", api.people["root"])
    for body in ({"role": "member"}, {"disabled": True}):
        assert admin.patch(f"/v1/people/{me}", json=body).status_code == 409
    two = api.admin("bob")
    bob = api.people["bob"]
    assert admin.patch(f"/v1/people/{me}", json={"role": "member"}).status_code == 200
    assert two.get("/v1/people").status_code == 200
    with pytest.raises(Conflict):
        api.play(lambda: api.identity.people.set_role(bob, Role.MEMBER))


def test_disabled_and_enabled(api: Api) -> None:
    """An admin lets somebody in no more, and in again."""
    admin, ada = api.admin(), api.signed_in("ada")
    path = f"/v1/people/{public_id('usr', api.people['ada'])}"
    assert admin.patch(path, json={"disabled": True}).json()["disabled_at"]
    assert ada.get("/v1/me").status_code == 401
    assert admin.patch(path, json={"disabled": False}).json()["disabled_at"] is None
    assert api.signed_in("ada").get("/v1/me").status_code == 200


def invited(api: Api, **body: str) -> tuple[str, str]:
    """Return an invitation's id and link."""
    made = api.admin().post("/v1/invitations", json=body).json()
    return made["id"], made["url"].partition("link=")[2]


def form(token: str, **fields: str) -> dict[str, str]:
    """Return what the page sends."""
    return {"link": token, "username": "bob", "password": GOOD, "again": GOOD} | fields


def test_an_invitation_makes_one_person(api: Api) -> None:
    """The link shows a form, makes a person of that role, and is over then."""
    _, token = invited(api, role="member", note="for Bob")
    assert api.client.get("/invitation", params={"link": token}).status_code == 200
    slip = api.client.post("/invitation", data=form(token, again="x"))
    assert slip.status_code == 422
    assert api.client.post("/invitation", data=form(token)).status_code == 200
    bob = api.play(lambda: api.identity.people.named("bob"))
    assert bob.role == "member"
    assert api.client.get("/invitation", params={"link": token}).status_code == 404
    assert api.client.post("/invitation", data=form(token, username="eve")).status_code == 404


def test_a_name_that_is_taken_costs_no_invitation(sqlite_api: Api) -> None:
    """Who chooses a name that is taken chooses another one."""
    _, token = invited(sqlite_api)
    taken = sqlite_api.client.post("/invitation", data=form(token, username="root"))
    assert taken.status_code == 422
    assert sqlite_api.client.post("/invitation", data=form(token)).status_code == 200


def test_an_invitation_ends(sqlite_api: Api) -> None:
    """After a week, and when it is withdrawn; its token is in no list."""
    number, token = invited(sqlite_api, note="for Bob")
    listed = sqlite_api.admin().get("/v1/invitations")
    assert [row["note"] for row in listed.json()["rows"]] == ["for Bob"]
    assert token not in listed.text
    assert sqlite_api.admin().delete(f"/v1/invitations/{number}").status_code == 204
    assert sqlite_api.client.get("/invitation", params={"link": token}).status_code == 404
    _, token = invited(sqlite_api)
    sqlite_api.clock.advance(days=7)
    assert sqlite_api.client.get("/invitation", params={"link": token}).status_code == 404
