"""The page for the first person."""

import re

import pytest

from penstock.domain.secret import Secret
from tests.api.serving import Api

GOOD = "correct horse battery"


def link(api: Api) -> str:
    """Return the link's secret."""
    offered = api.play(api.identity.offer_setup)
    assert offered is not None
    return offered.token.reveal()


def form(token: str, **fields: str) -> dict[str, str]:
    """Return what the page sends."""
    return {"link": token, "username": "ada", "password": GOOD, "again": GOOD} | fields


def test_the_first_person(api: Api) -> None:
    """The link shows a form, the form makes the person, and the person signs in."""
    token = link(api)
    page = api.client.get("/setup", params={"link": token})
    assert page.status_code == 200
    fields = set(re.findall(r'name="(\w+)"', page.text)) - {"viewport"}
    assert fields == {"link", "username", "password", "again"}
    assert api.client.post("/setup", data=form(token)).status_code == 200
    signed = {"grant_type": "password", "username": "ada", "password": GOOD}
    assert api.client.post("/token", data=signed).status_code == 200
    assert api.client.get("/setup", params={"link": token}).status_code == 404
    assert api.client.post("/setup", data=form(token, username="eve")).status_code == 404


def test_the_page_runs_nothing(sqlite_api: Api) -> None:
    """W3: no script, no frame, nothing from elsewhere, and only its own style."""
    page = sqlite_api.client.get("/setup", params={"link": link(sqlite_api)})
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert "<script" not in page.text
    assert "http" not in page.text
    assert page.headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"again": "something else"}, "not the same"),
        ({"password": "short", "again": "short"}, "at least 8"),
        ({"username": "no name at all"}, "A user name is"),
        ({"username": ""}, "A user name is"),
        ({"password": "", "again": ""}, "at least 8"),
    ],
)
def test_a_slip_is_told_and_may_be_mended(
    sqlite_api: Api, fields: dict[str, str], said: str
) -> None:
    """What is wrong stands on the page, which keeps what was typed, but for the password."""
    token = link(sqlite_api)
    page = sqlite_api.client.post("/setup", data=form(token, **fields))
    assert page.status_code == 422
    assert said in page.text
    assert token in page.text
    assert GOOD not in page.text
    assert sqlite_api.client.post("/setup", data=form(token)).status_code == 200


def test_what_is_typed_is_shown_as_text(sqlite_api: Api) -> None:
    """W3: markup in a name or a link stays text."""
    token = link(sqlite_api)
    evil = '"><script>alert(1)</script>'
    page = sqlite_api.client.post("/setup", data=form(token, username=evil))
    assert page.status_code == 422
    assert "<script" not in page.text
    assert "&lt;script&gt;" in page.text


@pytest.mark.parametrize("token", ["", "x", "\u00e9", "a" * 200])
def test_a_made_up_link_opens_nothing(sqlite_api: Api, token: str) -> None:
    """Without the link there is no form and no first person, though there is nobody yet."""
    assert sqlite_api.client.get("/setup", params={"link": token}).status_code == 404
    assert sqlite_api.client.post("/setup", data=form(token)).status_code == 404


def test_no_link_once_somebody_is_here(sqlite_api: Api) -> None:
    """A link that was printed before somebody was added on the command line is over."""
    token = link(sqlite_api)
    sqlite_api.play(lambda: sqlite_api.identity.add_user("bob", Secret(GOOD)))
    assert sqlite_api.client.get("/setup", params={"link": token}).status_code == 404
    assert sqlite_api.client.post("/setup", data=form(token)).status_code == 404
