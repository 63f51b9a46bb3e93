"""R6: what ends everything also ends what is just beginning, and what others still know."""

import bcrypt
import pytest

from penstock.db import sessions, users
from penstock.domain.ids import public_id
from penstock.identity.sessions import SignInRefused
from tests.api.serving import Api
from tests.databases import Database
from tests.identity.house import GOOD, HOME, House, play
from tests.security.programs import browser, let_in, register, trade


def test_a_sign_in_under_way_is_too_late(database: Database) -> None:
    """R6: the password is changed while the old one is being looked at: nothing begins by it."""
    inside: list[House] = []

    def compare(digest: bytes, stored: bytes) -> bool:
        same = bcrypt.checkpw(digest, stored)
        for house in inside:
            house.database.write_now(users.set_password, 1, "another")
        return same

    async def story(house: House) -> None:
        await house.identity.add_user("ada", GOOD)
        inside.append(house)
        with pytest.raises(SignInRefused):
            await house.identity.sign_in("ada", GOOD, HOME)
        assert await house.identity.sessions(1) == []

    play(database.url, story, compare)


def test_a_browser_under_way_is_too_late(database: Database) -> None:
    """R6: nor does a browser's session begin of somebody who was disabled a moment ago."""

    async def story(house: House) -> None:
        await house.identity.add_user("ada", GOOD)
        user = await house.identity.check_password("ada", GOOD, HOME)
        await house.disable("ada")
        with pytest.raises(SignInRefused):
            await house.identity.browsing.begin(user, HOME, methods="pwd")

    play(database.url, story)


def test_what_lasts_is_asked_of_the_database(api: Api) -> None:
    """T3, R6: for five seconds a session may be read with; nothing that outlasts it is made."""
    admin = api.admin()
    session = admin.get("/v1/me").json()["session_id"]
    (row,) = api.play(lambda: api.identity.sessions(api.people["root"]))
    assert public_id("ses", row.id) == session
    api.write(sessions.end, row.id, why="elsewhere", now=api.clock())
    assert admin.get("/v1/me").status_code == 200
    assert admin.post("/v1/invitations", json={"role": "admin"}).status_code == 401
    wish = {"name": "n", "scopes": ["read"]}
    assert admin.post("/v1/tokens", json=wish).status_code == 401


def test_who_was_an_admin_invites_none(api: Api) -> None:
    """R6: nor does somebody make themselves an admin again by what a process still knows."""
    admin = api.admin()
    assert admin.get("/v1/people").status_code == 200
    number = api.people["root"]
    api.write(users.set_role, number, "member")
    person = f"/v1/people/{public_id('usr', number)}"
    assert admin.patch(person, json={"role": "admin"}).status_code == 403


def test_a_proof_elsewhere_counts_here(api: Api) -> None:
    """L9: what was proved to another process a moment ago is not asked for again."""
    ada = api.signed_in()
    api.clock.advance(minutes=6)
    assert ada.get("/v1/export").status_code == 401
    (row,) = api.play(lambda: api.identity.sessions(api.people["ada"]))
    api.write(sessions.prove, row.id, methods="pwd", now=api.clock())
    assert ada.get("/v1/export").status_code == 200


def test_a_code_ends_with_its_consent(server: Api) -> None:
    """R6, C3: a code that waits when the person takes their yes back gives nothing any more."""
    program, person = register(server), browser(server)
    code = let_in(person, program)
    ada = server.signed_in()
    (consent,) = ada.get("/v1/consents").json()["rows"]
    assert ada.delete(f"/v1/consents/{consent['id']}").status_code == 204
    assert trade(server, program, code).status_code == 400


def test_a_withdrawn_invitation_is_written_down(api: Api) -> None:
    """X3: who made an invitation worth nothing is in the audit log."""
    admin = api.admin()
    made = admin.post("/v1/invitations", json={}).json()
    assert admin.delete(f"/v1/invitations/{made['id']}").status_code == 204
    rows = admin.get("/v1/audit").json()["rows"]
    assert rows[0]["kind"] == "invitation_withdrawn"
    assert rows[0]["subject"] == made["id"]
