"""L8: a password at /token is for this server's own programs, and can be switched off."""

import base64
from pathlib import Path

import pytest
from httpx2 import Response

from penstock.domain.secret import Secret
from tests.api.serving import Api, serving
from tests.databases import Database

GOOD = "correct horse battery"


def somebody(api: Api) -> None:
    """Add Ada, with a password."""
    api.play(lambda: api.identity.add_user("ada", Secret(GOOD)))


def ask(api: Api, **more: str) -> Response:
    """Ask for tokens by a right password."""
    form = {"grant_type": "password", "username": "ada", "password": GOOD, **more}
    return api.client.post("/token", data=form)


@pytest.mark.parametrize("client_id", ["budget-app", "Penstock", "penstock ", "penstock\0", "*"])
def test_other_programs_are_refused(sqlite_api: Api, client_id: str) -> None:
    """L8: whatever another program calls itself, a right password gives it nothing."""
    somebody(sqlite_api)
    answer = ask(sqlite_api, client_id=client_id)
    assert answer.status_code in (400, 401)
    assert answer.json()["error"] in ("unauthorized_client", "invalid_client")
    assert "access_token" not in answer.json()


def test_a_header_is_no_way_around(sqlite_api: Api) -> None:
    """L8: a client named by HTTP Basic is the same client."""
    somebody(sqlite_api)
    header = "Basic " + base64.b64encode(b"budget-app:s3cret").decode()
    form = {"grant_type": "password", "username": "ada", "password": GOOD}
    answer = sqlite_api.client.post("/token", data=form, headers={"Authorization": header})
    assert answer.json()["error"] in ("unauthorized_client", "invalid_client")


def test_our_own_may(api: Api) -> None:
    """L8: the command line signs in by it where a person asks for that."""
    somebody(api)
    assert ask(api).status_code == 200
    assert ask(api, client_id="penstock").status_code == 200


def test_it_can_be_switched_off(sqlite_database: Database, tmp_path: Path) -> None:
    """L8: with PENSTOCK_PASSWORD_GRANT=false no password is looked at, right or wrong."""
    with serving(sqlite_database.url, tmp_path, password_grant=False) as api:
        somebody(api)
        answers = [ask(api), ask(api, password="wrong"), ask(api, username="nobody")]
        assert {answer.json()["error"] for answer in answers} == {"unsupported_grant_type"}
        assert len({answer.content for answer in answers}) == 1


def test_nobody_else_s_scopes(sqlite_api: Api) -> None:
    """L8, C6: signing in never gives `export`, which a person makes a token for by hand."""
    somebody(sqlite_api)
    assert ask(sqlite_api, scope="read export").json()["error"] == "invalid_scope"
