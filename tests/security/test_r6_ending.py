"""R6: what ends everything of a person."""

from collections.abc import Callable

import pyotp
import pytest
import sqlalchemy as sa

from penstock.db.ending import how_it_ends
from penstock.db.tables import metadata
from penstock.identity.identity import Issued
from penstock.identity.people import Role
from tests.api.serving import Api
from tests.security.browsing import GOOD, Browser, open_browser, signed_in, somebody

Deed = Callable[[Api, int], None]


def lives(api: Api, issued: Issued) -> bool:
    """Say whether a session's access token still opens something."""
    return api.bearing(issued.access.reveal()).get("/v1/sessions").is_success


def in_at(browser: Browser) -> bool:
    """Say whether a browser is signed in."""
    return browser.get("/security").status_code == 200


def _password(api: Api, _user_id: int) -> None:
    body = {"old": GOOD, "new": "another horse battery"}
    assert api.signed_in("ada").post("/v1/me/password", json=body).status_code == 204


def _factor(api: Api, _user_id: int) -> None:
    client = api.signed_in("ada")
    begun = client.post("/v1/me/factors/totp", json={"name": "phone"}).json()
    code = pyotp.TOTP(begun["secret"]).at(int(api.clock().timestamp()))
    path = f"/v1/me/factors/{begun['id']}/confirm"
    assert client.post(path, json={"code": code}).status_code == 200
    assert client.get("/v1/me").status_code == 200


def _disable(api: Api, user_id: int) -> None:
    api.person("root")
    api.play(lambda: api.identity.people.disable(user_id))


def _demote(api: Api, user_id: int) -> None:
    api.admin()
    api.play(lambda: api.identity.people.set_role(user_id, Role.ADMIN))
    api.play(lambda: api.identity.people.set_role(user_id, Role.MEMBER))


def _reset(api: Api, _user_id: int) -> None:
    api.play(lambda: api.identity.factors.reset("ada"))


DEEDS: list[Deed] = [_password, _factor, _disable, _demote, _reset]


@pytest.mark.parametrize("deed", DEEDS, ids=lambda one: one.__name__)
def test_everything_else_ends_at_once(api: Api, deed: Deed) -> None:
    """R6: sessions, refresh tokens, browsers and half sign-ins: over with the deed itself."""
    user_id = somebody(api)
    issued, browser, half = (
        api.begin("ada"),
        signed_in(api),
        api.play(lambda: api.identity.browsing.half(user_id)),
    )
    others = api.begin("eve")
    assert lives(api, issued)
    assert in_at(browser)
    deed(api, user_id)
    assert not lives(api, issued)
    form = {"grant_type": "refresh_token", "refresh_token": issued.refresh.reveal()}
    assert api.client.post("/token", data=form).json()["error"] == "invalid_grant"
    assert not in_at(browser)
    assert api.play(lambda: api.identity.browsing.half_of(half)) is None
    assert lives(api, others)


def test_every_table_of_a_person_says_how_it_ends() -> None:
    """R6: whatever hangs on a person or a session is declared, so that a new table is covered."""
    silent = [
        table.name
        for table in metadata.sorted_tables
        if {"user_id", "session_id"} & set(table.c.keys())
        and any(key.column.table.name in {"users", "sessions"} for key in table.foreign_keys)
        and table.name != "sessions"
        and how_it_ends(table) is None
    ]
    assert not silent, f"say in their `info` how they end (db/ending.py): {silent}"
    for table in metadata.sorted_tables:
        if how_it_ends(table) == "end":
            assert isinstance(table.c.ended_at, sa.Column)


def test_people_see_and_end_their_sessions(api: Api) -> None:
    """R6: each session is listed with where it began; ending one signs it out, browsers too."""
    somebody(api)
    browser, client = signed_in(api), api.signed_in("ada")
    rows = client.get("/v1/sessions").json()["rows"]
    assert len(rows) == 2
    (other,) = [row["id"] for row in rows if not row["current"]]
    assert client.delete(f"/v1/sessions/{other}").status_code == 204
    assert not in_at(browser)
    fresh = open_browser(api)
    fresh.sign_in()
    fields = fresh.fields("/security") | {"do": "end", "id": rows[1]["id"]}
    assert fresh.post("/security", fields).status_code in {303, 422}


def test_nobody_ends_the_session_of_another(sqlite_api: Api) -> None:
    """X1: the account page ends one's own sessions only."""
    browser, client = signed_in(sqlite_api, "eve"), sqlite_api.signed_in("ada")
    (row,) = client.get("/v1/sessions").json()["rows"]
    fields = browser.fields("/security") | {"do": "end", "id": row["id"]}
    assert browser.post("/security", fields).status_code == 422
    assert client.get("/v1/me").status_code == 200
