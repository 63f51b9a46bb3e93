"""C6: personal access tokens: known by their look, hashed, scoped, expiring, shown once."""

import re
import string
import zlib
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from penstock.db.audit import audit
from penstock.db.tables import metadata
from penstock.domain.errors import InvalidInput
from penstock.domain.secret import Secret
from penstock.identity.caller import Caller
from penstock.identity.personal import MOST_TOKENS, PATTERN, Wish, is_whole
from penstock.identity.scopes import ALL, Scope
from tests.api.serving import NOWHERE, Api

ME = "/v1/me"


def made(client: TestClient, **wish: Any) -> dict[str, Any]:
    """Make a token, and return what is answered."""
    body = {"name": "nightly", "scopes": ["read"], **wish}
    answer = client.post("/v1/tokens", json=body)
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


def dump(connection: sa.Connection) -> str:
    """Return all that the database holds."""
    return repr([connection.execute(table.select()).all() for table in metadata.sorted_tables])


def deeds(connection: sa.Connection) -> list[str]:
    """Return the kinds of what the audit log has."""
    return list(connection.execute(sa.select(audit.c.kind).order_by(audit.c.number)).scalars())


def test_a_token_opens_what_it_is_for(api: Api) -> None:
    """C6: a token for reading reads as its maker, and nothing more; it is listed without itself."""
    ada = api.signed_in()
    told = made(ada)
    script = api.bearing(told["token"])
    assert script.get(ME).json()["username"] == "ada"
    assert script.get(ME).json()["scopes"] == ["read"]
    assert script.post("/v1/me/password", json={}).status_code == 403
    assert script.get("/v1/quotes", params={"symbols": "EUR"}).status_code == 403
    [listed] = ada.get("/v1/tokens").json()["rows"]
    assert "token" not in listed
    assert listed["used_at"] is not None


def test_a_scanner_finds_it(api: Api) -> None:
    """C6: the published pattern finds a token in a heap of text, whole, and finds nothing else."""
    token = made(api.signed_in())["token"]
    heap = f'KEY="{token}"\nurl=https://x/?t={token}&pspat_short {"x" * 60} pstr_{"a" * 49}'
    assert re.findall(PATTERN, heap) == [token, token]
    assert len(token) == 55


@given(place=st.integers(6, 54), letter=st.sampled_from(string.ascii_letters + string.digits))
def test_a_slip_of_the_pen_is_seen(place: int, letter: str) -> None:
    """C6: no letter of a token can be another: the checksum tells, without the database."""
    content = "pspat_" + "0" * 43
    right = content + _check(content)
    assert is_whole(right)
    other = right[:place] + letter + right[place + 1 :]
    assert is_whole(other) == (other == right)
    assert not is_whole(right[:-1])


def _check(content: str) -> str:
    """Work the checksum out by hand: CRC-32 in base 62, six digits."""
    digits = string.digits + string.ascii_uppercase + string.ascii_lowercase
    number, text = zlib.crc32(content.encode()), ""
    for _ in range(6):
        number, rest = divmod(number, 62)
        text = digits[rest] + text
    return text


@pytest.mark.parametrize("token", ["pspat_", "pspat_x", "pspat_" + "0" * 49, "pspat_é", "pspat_\0"])
def test_what_is_no_token_opens_nothing(sqlite_api: Api, token: str) -> None:
    """C6, X4: a token that was never made is 401, whatever it looks like."""
    sent = [(b"Authorization", b"Bearer " + token.encode("latin-1"))]
    assert sqlite_api.client.get(ME, headers=sent).status_code == 401


def test_a_dump_holds_no_token(api: Api) -> None:
    """C6: all that is stored of a token is its hash: who has the dump has no token."""
    token = made(api.signed_in())["token"]
    held = api.read(dump)
    assert token not in held
    assert token.removeprefix("pspat_")[:43] not in held


def test_it_ends_by_itself(api: Api) -> None:
    """C6: a token is good for ninety days where nothing is said, for a year at the most."""
    ada = api.signed_in()
    told = made(ada)
    script = api.bearing(told["token"])
    api.clock.advance(days=89, hours=23)
    assert script.get(ME).status_code == 200
    api.clock.advance(hours=1)
    assert script.get(ME).status_code == 401
    again = api.signed_in()
    assert again.get("/v1/tokens").json()["rows"] == []
    for days in (0, -1, 366, 10**9):
        body = {"name": "n", "scopes": ["read"], "days": days}
        assert again.post("/v1/tokens", json=body).status_code == 422


def test_ending_one_is_at_once(api: Api) -> None:
    """C6, T3: an ended token opens nothing from then on; in other processes within 5 s."""
    ada = api.signed_in()
    told = made(ada)
    script = api.bearing(told["token"])
    assert script.get(ME).status_code == 200
    assert ada.delete(f"/v1/tokens/{told['id']}").status_code == 204
    assert script.get(ME).status_code == 401
    assert ada.delete(f"/v1/tokens/{told['id']}").status_code == 404
    assert {"token_made", "token_ended"} <= set(api.read(deeds))


def test_other_processes_hear_within_five_seconds(api: Api) -> None:
    """C6, T3: a token that another process ended is refused five seconds later."""
    token = made(api.signed_in())["token"]
    script = api.bearing(token)
    assert script.get(ME).status_code == 200

    def end(connection: sa.Connection) -> None:
        connection.execute(sa.text("UPDATE sessions SET ended_at = created_at"))

    api.write(end)
    api.clock.advance(seconds=5)
    assert script.get(ME).status_code == 401


def test_it_makes_no_others(api: Api) -> None:
    """C6: whoever stole a token cannot make it last: it makes none, with every scope of its own."""
    scopes = sorted(one.value for one in ALL)
    script = api.bearing(made(api.admin(), scopes=scopes)["token"])
    body = {"name": "more", "scopes": ["read"]}
    assert script.post("/v1/tokens", json=body).status_code in (401, 403)


def test_nobody_gives_more_than_they_have(api: Api) -> None:
    """C6: a session that may only write and read gives no token that links banks."""
    some = api.signed_in("ada", "read", "write")
    for scopes in (["connect"], ["read", "sync"], [], ["admin"], ["read\nwrite"]):
        body = {"name": "n", "scopes": scopes}
        assert some.post("/v1/tokens", json=body).status_code == 422
    assert made(some, scopes=["read", "export"])["scopes"] == ["export", "read"]


def test_it_stands_for_no_proof(api: Api) -> None:
    """C6, L9: where a person must prove themselves a script is refused; `export` exports alone."""
    scopes = sorted(one.value for one in ALL)
    plain = api.bearing(made(api.admin(), scopes=scopes)["token"])
    exporter = api.bearing(made(api.admin(), scopes=[*scopes, "export"])["token"])
    for script in (plain, exporter):
        body = {"old": "x", "new": "correct horse battery"}
        wish = {"name": "n", "scopes": ["read"]}
        assert script.post("/v1/me/password", json=body).status_code == 403
        assert script.post("/v1/tokens", json=wish).status_code == 403
        answer = script.delete("/v1/connections/con_0000000000001")
        assert answer.status_code == 401
        assert "insufficient_user_authentication" in answer.headers["www-authenticate"]
    assert plain.get("/v1/export").status_code == 401
    assert exporter.get("/v1/export").status_code == 200


def test_it_ends_with_the_person(api: Api) -> None:
    """R6: who is disabled, or changes their password, has no tokens any more."""
    api.play(lambda: api.identity.add_user("bob", Secret("correct horse battery")))
    form = {"grant_type": "password", "username": "bob", "password": "correct horse battery"}
    bob = api.bearing(api.client.post("/token", data=form).json()["access_token"])
    script = api.bearing(made(bob)["token"])
    assert script.get(ME).status_code == 200
    api.disable("bob")
    assert script.get(ME).status_code == 401


def test_it_is_no_session_that_refreshes(sqlite_api: Api) -> None:
    """C6, T2: a personal token is no refresh token, and not listed among the sessions."""
    ada = sqlite_api.signed_in()
    token = made(ada)["token"]
    form = {"grant_type": "refresh_token", "refresh_token": token}
    answer = sqlite_api.client.post("/token", data=form)
    assert answer.json()["error"] == "invalid_grant"
    assert len(ada.get("/v1/sessions").json()["rows"]) == 1


def test_there_is_an_end_to_them(sqlite_api: Api) -> None:
    """C6: nobody has more than a hundred."""
    ada = sqlite_api.signed_in()
    for _ in range(MOST_TOKENS):
        made(ada)
    body = {"name": "n", "scopes": ["read"]}
    assert ada.post("/v1/tokens", json=body).status_code == 409


@pytest.mark.parametrize("name", ["", " ", "a\nb", "a\x1b[0m", "x" * 101])
def test_names_can_be_shown(sqlite_api: Api, name: str) -> None:
    """C6: what a token is called can be shown in any list, and steers no terminal."""
    caller = Caller(sqlite_api.person("ada"), 1, "ada", ALL)
    wish = Wish(name.strip(" "), frozenset({Scope.READ}))
    with pytest.raises(InvalidInput):
        sqlite_api.play(lambda: sqlite_api.identity.personal.make(caller, wish, NOWHERE))
