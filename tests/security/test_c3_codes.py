"""C3: a code is good for a minute, once, and for whom and what it was given; a replay costs all."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import sqlalchemy as sa
from httpx2 import Response

from penstock.db.codes import authorization_codes
from tests.api.serving import Api
from tests.security.programs import browser, let_in, register, trade

AT_ONCE = 12


def is_refused(answer: Response) -> bool:
    """Say whether there were no tokens, for the reason that RFC 6749 §5.2 gives."""
    return answer.status_code == 400 and answer.json()["error"] == "invalid_grant"


def test_only_its_hash_is_kept(server: Api) -> None:
    """K4: whoever reads the database has no code; a code is 256 random bits."""
    program, person = register(server), browser(server)
    code = let_in(person, program)
    assert len(code.removeprefix("psac_")) >= 43

    def everything(connection: sa.Connection) -> str:
        return str(connection.execute(authorization_codes.select()).all())

    assert code not in server.read(everything)
    assert program.verifier not in server.read(everything)


def test_a_minute_and_no_longer(server: Api) -> None:
    """C3: a code of 59 seconds is taken, one of 60 is not."""
    program, person = register(server), browser(server)
    for seconds, refused in ((59, False), (60, True)):
        code = let_in(person, program)
        server.clock.advance(seconds=seconds)
        assert is_refused(trade(server, program, code)) is refused


def test_a_replay_takes_back_what_it_gave(server: Api) -> None:
    """C3: shown again, by anybody and whenever, a code ends its session with all its tokens."""
    program, person = register(server), browser(server)
    other = register(server, name="Other")
    for replay in (program.exchange, other.exchange):
        code = let_in(person, program)
        tokens = trade(server, program, code).json()
        server.clock.advance(minutes=5)
        client = server.bearing(tokens["access_token"])
        assert client.get("/v1/me").status_code == 200
        assert is_refused(server.client.post("/token", data=replay(code)))
        assert client.get("/v1/me").status_code == 401
        form = {
            "grant_type": "refresh_token",
            "refresh_token": tokens["refresh_token"],
            "client_id": program.client_id,
        }
        assert is_refused(server.client.post("/token", data=form))


def test_a_replay_costs_nobody_else(server: Api) -> None:
    """C3: other sessions of the same person and program stay."""
    program, person = register(server), browser(server)
    first, second = let_in(person, program), let_in(person, program)
    kept = server.bearing(trade(server, program, first).json()["access_token"])
    trade(server, program, second)
    trade(server, program, second)
    assert kept.get("/v1/me").status_code == 200


@pytest.mark.parametrize(
    "wrong",
    [
        {"redirect_uri": "https://budget.example/other"},
        {"redirect_uri": "https://budget.example/callback/"},
        {"code_verifier": "x" * 43},
        {"client_id": "penstock"},
    ],
    ids=str,
)
def test_shown_with_anything_else_it_is_used_up(server: Api, wrong: dict[str, str]) -> None:
    """C3: one wrong try, and the code is good for nothing: nobody guesses at it."""
    program, person = register(server), browser(server)
    code = let_in(person, program)
    assert is_refused(trade(server, program, code, **wrong))
    assert is_refused(trade(server, program, code))


def test_a_code_is_its_programs_alone(server: Api) -> None:
    """C3: another program, with its own good secret, gets nothing for it (client confusion)."""
    one = register(server, confidential=True)
    other = register(server, name="Other", confidential=True)
    code = let_in(browser(server), one)
    thief = replace(other, verifier=one.verifier, redirect_uri=one.redirect_uri)
    assert is_refused(trade(server, thief, code))


def test_a_program_with_a_secret_has_to_show_it(server: Api) -> None:
    """RFC 6749 §4.1.3: without its secret, or with a wrong one, the program is not the one."""
    program = register(server, confidential=True)
    code = let_in(browser(server), program)
    for secret in (None, "pscs_wrong", "", program.client_id):
        answer = trade(server, program, code, client_secret=secret)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert trade(server, program, code).status_code == 200
    public = register(server)
    answer = trade(server, public, let_in(browser(server), public), client_secret="made up")
    assert answer.json()["error"] == "invalid_client"


def test_a_disabled_persons_code_is_over(server: Api) -> None:
    """R6: who was disabled in the minute between gets no session."""
    program = register(server)
    code = let_in(browser(server), program)
    server.disable("ada")
    assert is_refused(trade(server, program, code))


def test_a_code_opens_nothing_by_itself(sqlite_server: Api) -> None:
    """T2: a code is no access token and no refresh token."""
    program = register(sqlite_server)
    code = let_in(browser(sqlite_server), program)
    assert sqlite_server.bearing(code).get("/v1/me").status_code == 401
    form = {"grant_type": "refresh_token", "refresh_token": code, "client_id": program.client_id}
    assert is_refused(sqlite_server.client.post("/token", data=form))


def test_of_many_at_once_one_wins_at_most(server: Api) -> None:
    """C3: of parallel exchanges on several connections at most one gets tokens; they do not last.

    Whoever comes second shows that the code is in two hands: what the first one got ends too.
    """
    program = register(server)
    code = let_in(browser(server), program)
    start = threading.Barrier(AT_ONCE)

    def race(_: int) -> Response:
        start.wait()
        return trade(server, program, code)

    with ThreadPoolExecutor(AT_ONCE) as racers:
        answers = list(racers.map(race, range(AT_ONCE)))
    won = [one for one in answers if one.status_code == 200]
    assert len(won) <= 1
    assert all(is_refused(one) for one in answers if one not in won)
    server.clock.advance(seconds=5)
    for one in won:
        client = server.bearing(one.json()["access_token"])
        assert client.get("/v1/me").status_code == 401
