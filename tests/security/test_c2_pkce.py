"""C2: no code without PKCE by S256, and no tokens without the verifier."""

import pytest

from tests.api.serving import Api
from tests.security.programs import Program, browser, challenge, let_in, register, told, trade

GOOD = "a" * 43


@pytest.mark.parametrize(
    "other",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge": None},
        {"code_challenge": ""},
        {"code_challenge_method": None},
        {"code_challenge_method": ""},
        {"code_challenge_method": "plain"},
        {"code_challenge_method": "s256"},
        {"code_challenge_method": "S512"},
        {"code_challenge_method": "none"},
        {"code_challenge": GOOD, "code_challenge_method": "plain"},
        {"code_challenge": "a" * 42},
        {"code_challenge": "a" * 44},
        {"code_challenge": "a" * 42 + "="},
        {"code_challenge": "a" * 42 + "+"},
        {"code_challenge": "a" * 42 + "\n"},
        {"code_challenge": "a" * 42 + "\u0661"},
    ],
    ids=str,
)
@pytest.mark.parametrize("confidential", [False, True])
def test_no_request_without_a_challenge(
    sqlite_server: Api, other: dict[str, str | None], confidential: bool
) -> None:
    """C2: missing, plain, too short or no base64url: the program is told, and there is no code."""
    program = register(sqlite_server, confidential=confidential)
    answer = told(browser(sqlite_server).get("/authorize", params=program.request(**other)))
    assert answer["error"] == "invalid_request"
    assert "code" not in answer


@pytest.mark.parametrize(
    "verifier",
    [None, "", "x" * 43, "short", "CHALLENGE", "VERIFIER=", " VERIFIER", "VERIFIER\n", "a" * 5000],
)
def test_no_tokens_without_the_verifier(sqlite_server: Api, verifier: str | None) -> None:
    """C2: whoever caught the code, and the challenge with it, gets nothing for them."""
    program, person = register(sqlite_server), browser(sqlite_server)
    code = let_in(person, program)
    if verifier is not None:
        verifier = verifier.replace("VERIFIER", program.verifier)
        verifier = verifier.replace("CHALLENGE", challenge(program.verifier))
    answer = trade(sqlite_server, program, code, code_verifier=verifier)
    assert answer.status_code == 400
    assert answer.json()["error"] == ("invalid_grant" if verifier else "invalid_request")


def test_a_verifier_is_as_long_as_it_must_be(sqlite_server: Api) -> None:
    """RFC 7636 §4.1: 43 to 128 characters, however right the hash is."""
    person = browser(sqlite_server)
    for length, status in ((42, 400), (43, 200), (128, 200), (129, 400)):
        program = Program("penstock", redirect_uri="http://127.0.0.1:1/callback")
        program.verifier = "v" * length
        code = let_in(person, program)
        assert trade(sqlite_server, program, code).status_code == status, length


def test_a_challenge_is_of_its_own_request(sqlite_server: Api) -> None:
    """RFC 9700 §4.5: a code of one request does not go with the verifier of another."""
    first, person = register(sqlite_server), browser(sqlite_server)
    second = Program(first.client_id)
    codes = let_in(person, first), let_in(person, second)
    for program, code in zip((second, first), codes, strict=True):
        assert trade(sqlite_server, program, code).json()["error"] == "invalid_grant"
