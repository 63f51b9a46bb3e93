"""R7: a program ends and inspects its own tokens; of others' it learns nothing, not even that."""

import base64
from collections.abc import Mapping

import pytest
from httpx2 import Response

from penstock.identity.identity import Identity
from penstock.identity.tokens import TokenBad
from tests.api.serving import Api
from tests.security.programs import ISSUER, Program, browser, let_in, register, trade

Tokens = Mapping[str, str]


def tokens_of(api: Api, program: Program, username: str = "ada") -> Tokens:
    """Let a program in, and return its tokens."""
    answer = trade(api, program, let_in(browser(api, username), program))
    assert answer.status_code == 200, answer.text
    tokens: Tokens = answer.json()
    return tokens


def post(api: Api, path: str, program: Program, token: str, **other: str) -> Response:
    """Ask as this program about a token."""
    form = {"client_id": program.client_id, "token": token} | other
    if program.secret:
        form["client_secret"] = program.secret
    return api.client.post(path, data=form)


def refreshed(api: Api, program: Program, token: str) -> Response:
    """Use a refresh token."""
    form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": program.client_id}
    if program.secret:
        form["client_secret"] = program.secret
    return api.client.post("/token", data=form)


@pytest.mark.parametrize("confidential", [False, True])
@pytest.mark.parametrize("which", ["access_token", "refresh_token"])
@pytest.mark.parametrize("hint", [{}, {"token_type_hint": "nonsense"}])
def test_a_revoked_token_ends_its_session(
    server: Api, confidential: bool, which: str, hint: dict[str, str]
) -> None:
    """RFC 7009 §2.1: whichever of the two is revoked, both are over; a wrong hint is none."""
    program = register(server, confidential=confidential)
    tokens = tokens_of(server, program)
    client = server.bearing(tokens["access_token"])
    assert client.get("/v1/me").status_code == 200
    answer = post(server, "/revoke", program, tokens[which], **hint)
    assert (answer.status_code, answer.content) == (200, b"")
    assert client.get("/v1/me").status_code == 401
    assert refreshed(server, program, tokens["refresh_token"]).status_code == 400


def test_it_is_seen_everywhere_within_five_seconds(server: Api) -> None:
    """T3: another process, which saw the session live just before, refuses it five seconds on."""
    program = register(server)
    tokens = tokens_of(server, program)
    other = Identity(
        server.penstock.database,
        server.penstock.cipher,
        server.clock,
        pepper=bytes(range(32)),
        issuer=ISSUER,
    )
    seen = server.play(lambda: other.authenticate(tokens["access_token"]))
    assert seen.client_id == program.client_id
    post(server, "/revoke", program, tokens["refresh_token"])
    server.clock.advance(seconds=5)
    with pytest.raises(TokenBad):
        server.play(lambda: other.authenticate(tokens["access_token"]))
    other.close()


def test_an_unknown_token_is_no_error(sqlite_server: Api) -> None:
    """RFC 7009 §2.2: there is nothing to do, and nothing to learn."""
    program = register(sqlite_server)
    for token in ("x", "pstr_" + "a" * 43, "a.b.c", "\u00e9", "x" * 9000):
        answer = post(sqlite_server, "/revoke", program, token)
        assert (answer.status_code, answer.content) == (200, b"")
        told = post(sqlite_server, "/introspect", program, token)
        assert (told.status_code, told.json()) == (200, {"active": False})


@pytest.mark.parametrize("confidential", [False, True])
def test_a_foreign_token_is_like_none(server: Api, confidential: bool) -> None:
    """R7: another program's token is neither ended nor told apart from one that is made up."""
    program = register(server)
    stranger = register(server, name="Stranger", confidential=confidential)
    for tokens in (tokens_of(server, program), _own_tokens(server)):
        for token in (tokens["access_token"], tokens["refresh_token"]):
            made_up = post(server, "/introspect", stranger, "pstr_" + "a" * 43)
            told = post(server, "/introspect", stranger, token)
            assert (told.status_code, told.content) == (made_up.status_code, made_up.content)
            assert post(server, "/revoke", stranger, token).status_code == 200
        assert server.bearing(tokens["access_token"]).get("/v1/me").status_code == 200


def _own_tokens(api: Api) -> Tokens:
    issued = api.begin("ada")
    return {
        "access_token": issued.access.reveal(),
        "refresh_token": issued.refresh.reveal(),
    }


def test_what_a_good_token_says(server: Api) -> None:
    """RFC 7662 §2.2: whose, whose program's, what for, until when; as the token itself says."""
    program = register(server, confidential=True)
    tokens = tokens_of(server, program)
    access = post(server, "/introspect", program, tokens["access_token"]).json()
    assert access["active"] is True
    assert access["token_type"] == "Bearer"
    assert access["client_id"] == program.client_id
    assert access["username"] == "ada"
    assert access["scope"] == "read"
    assert access["exp"] - access["iat"] == 600
    assert access["iss"] == "https://penstock.example"
    assert access["sub"].startswith("usr_")
    refresh = post(server, "/introspect", program, tokens["refresh_token"]).json()
    assert (refresh["active"], refresh["scope"]) == (True, "read")
    assert refresh["client_id"] == program.client_id
    assert refresh["exp"] > access["exp"]


def test_what_is_over_is_not_active(server: Api) -> None:
    """RFC 7662 §2.2: expired, used up, or of a session that ended: `active` is false, no more."""
    program = register(server)
    tokens = tokens_of(server, program)
    successor = refreshed(server, program, tokens["refresh_token"]).json()
    used = post(server, "/introspect", program, tokens["refresh_token"])
    assert used.json() == {"active": False}
    server.clock.advance(minutes=10)
    expired = post(server, "/introspect", program, tokens["access_token"])
    assert expired.json() == {"active": False}
    post(server, "/revoke", program, successor["refresh_token"])
    for token in (successor["access_token"], successor["refresh_token"]):
        assert post(server, "/introspect", program, token).json() == {"active": False}


def test_a_program_has_to_prove_which_it_is(server: Api) -> None:
    """R7: no program, an unknown one, or one without its secret: 401, whatever the token."""
    program = register(server, confidential=True)
    token = tokens_of(server, program)["refresh_token"]
    for path in ("/revoke", "/introspect"):
        for form in (
            {},
            {"client_id": program.client_id},
            {"client_id": program.client_id, "client_secret": "wrong"},
            {"client_id": "app_AAAAAAAAAAAAAAAA"},
        ):
            answer = server.client.post(path, data={"token": token, **form})
            assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
            assert answer.headers["www-authenticate"].startswith("Basic")
        basic = base64.b64encode(f"{program.client_id}:{program.secret}".encode()).decode()
        answer = server.client.post(
            path, data={"token": token}, headers={"Authorization": f"Basic {basic}"}
        )
        assert answer.status_code == 200


def test_a_refresh_token_is_its_programs_alone(server: Api) -> None:
    """R1: another program, and our own, get nothing for it; and it is as good as before."""
    program = register(server)
    stranger = register(server, name="Stranger", confidential=True)
    tokens = tokens_of(server, program)
    for other in (stranger, Program("penstock")):
        answer = refreshed(server, other, tokens["refresh_token"])
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    nameless = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert server.client.post("/token", data=nameless).json()["error"] == "invalid_grant"
    assert refreshed(server, program, tokens["refresh_token"]).status_code == 200


def test_a_removed_program_is_over(server: Api) -> None:
    """R6: with a program go its sessions, their tokens, and what people allowed it."""
    program = register(server)
    tokens = tokens_of(server, program)
    admin = server.signed_in("root")
    assert admin.delete(f"/v1/clients/{program.client_id}").status_code == 204
    assert server.bearing(tokens["access_token"]).get("/v1/me").status_code == 401
    assert refreshed(server, program, tokens["refresh_token"]).status_code == 401
    assert server.signed_in("ada").get("/v1/consents").json()["rows"] == []
    assert admin.delete(f"/v1/clients/{program.client_id}").status_code == 404
