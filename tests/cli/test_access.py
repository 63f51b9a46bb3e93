"""Tokens: where they are kept, to whom they go, and how they are renewed."""

import asyncio
import stat
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from penstock.cli.failure import Failed
from penstock.cli.session import Session, Sessions
from tests.cli.modes import posix
from tests.cli.pretending import HERE, NOW, Server, client, refusal, stored


def test_without_a_session_nothing_is_asked(tmp_path: Path) -> None:
    """Where nobody signed in, it ends with 4 before anything is sent."""
    server = Server()
    with pytest.raises(Failed) as failed:
        asyncio.run(client(tmp_path, server).get("/v1/me"))
    assert failed.value.exit_code == 4
    assert "penstock login" in failed.value.remedy
    assert server.paths == []


def test_a_good_session_is_used(tmp_path: Path) -> None:
    """The stored token goes along, and nothing is refreshed before its time."""
    stored(tmp_path)
    server = Server()
    assert asyncio.run(client(tmp_path, server).get("/v1/me")) == {"username": "ada"}
    assert server.refreshes == 0


def test_a_session_that_ends_soon_is_renewed_first(tmp_path: Path) -> None:
    """A token that could expire on the way is traded before it is sent, and the new one kept."""
    stored(tmp_path, minutes=0.1)
    server = Server()
    asyncio.run(client(tmp_path, server).get("/v1/me"))
    assert server.paths == ["/token", "/v1/me"]
    assert Sessions(tmp_path).find(HERE) == Session(
        "ada", "access-2", "refresh-2", NOW + timedelta(minutes=10)
    )


def test_a_refused_token_is_renewed_once(tmp_path: Path) -> None:
    """A 401 is answered by one refresh and one more try."""
    stored(tmp_path)
    server = Server()
    server.good = "another"
    asyncio.run(client(tmp_path, server).get("/v1/me"))
    assert server.paths == ["/v1/me", "/token", "/v1/me"]


def test_a_session_that_cannot_be_renewed_is_over(tmp_path: Path) -> None:
    """Where the refresh token is dead too, the session is forgotten, and it ends with 4."""
    stored(tmp_path, minutes=-1)
    server = Server()
    server.refresh = "another"
    with pytest.raises(Failed) as failed:
        asyncio.run(client(tmp_path, server).get("/v1/me"))
    assert failed.value.exit_code == 4
    assert Sessions(tmp_path).find(HERE) is None


def test_a_server_in_trouble_ends_no_session(tmp_path: Path) -> None:
    """A 500 or a broken line at the refresh keeps the session for later."""

    def broken(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/token":
            return refusal(503, "vault-closed", "Not now.")
        raise httpx2.ConnectError("refused")

    stored(tmp_path, minutes=-1)
    with pytest.raises(Failed) as failed:
        asyncio.run(client(tmp_path, broken).get("/v1/me"))
    assert failed.value.exit_code == 1
    assert Sessions(tmp_path).find(HERE) is not None


def test_several_at_once_refresh_once(tmp_path: Path) -> None:
    """Of many who find the token too old, one refreshes; the others take what it stored."""
    stored(tmp_path, minutes=-1)
    server = Server()

    async def run() -> None:
        await asyncio.gather(*(client(tmp_path, server).get("/v1/me") for _ in range(8)))

    asyncio.run(run())
    assert server.refreshes == 1


def test_a_token_goes_to_its_own_address_alone(tmp_path: Path) -> None:
    """A session at one address is no session at another."""
    stored(tmp_path)
    server = Server()
    with pytest.raises(Failed) as failed:
        asyncio.run(client(tmp_path, server, address="https://other.example").get("/v1/me"))
    assert failed.value.exit_code == 4
    assert server.paths == []


def test_no_redirect_is_followed(tmp_path: Path) -> None:
    """An answer that points elsewhere is a failure: the token does not go there."""
    asked = []

    def elsewhere(request: httpx2.Request) -> httpx2.Response:
        asked.append(request.url.host)
        return httpx2.Response(307, headers={"location": "https://evil.example/"})

    stored(tmp_path)
    with pytest.raises(Failed):
        asyncio.run(client(tmp_path, elsewhere).get("/v1/me"))
    assert asked == ["penstock.example"]


def test_a_given_token_wins(tmp_path: Path) -> None:
    """PENSTOCK_TOKEN goes along instead of the session, and is never refreshed or stored."""
    stored(tmp_path)
    server = Server()
    server.good = "given"
    asyncio.run(client(tmp_path, server, given="given").get("/v1/me"))
    server.good = "another"
    with pytest.raises(Failed) as failed:
        asyncio.run(client(tmp_path, server, given="given").get("/v1/me"))
    assert failed.value.exit_code == 4
    assert "PENSTOCK_TOKEN" in failed.value.remedy
    assert server.refreshes == 0
    assert "given" not in Sessions(tmp_path).path.read_text()


def test_signing_in_stores_a_session(tmp_path: Path) -> None:
    """A right password is traded for a session; a wrong one ends with 4 and stores nothing."""
    server = Server()
    with pytest.raises(Failed) as failed:
        asyncio.run(client(tmp_path, server).access.sign_in("ada", "wrong"))
    assert failed.value.exit_code == 4
    assert not Sessions(tmp_path).path.exists()
    asyncio.run(client(tmp_path, server).access.sign_in("ada", "right"))
    assert asyncio.run(client(tmp_path, server).get("/v1/me")) == {"username": "ada"}


def test_the_last_session_takes_the_file_along(tmp_path: Path) -> None:
    """Signing out at one address keeps the session at another; with the last, the file goes."""
    stored(tmp_path)
    stored(tmp_path, address="https://other.example")
    sessions = Sessions(tmp_path)
    sessions.delete(HERE)
    assert sessions.find(HERE) is None
    assert sessions.find("https://other.example") is not None
    sessions.delete("https://other.example")
    assert not sessions.path.exists()


@posix
def test_the_session_is_the_owners(tmp_path: Path) -> None:
    """The file with the tokens, and a home made for it, are closed to everybody else."""
    home = tmp_path / "home"
    stored(home)
    assert stat.S_IMODE(home.stat().st_mode) == 0o700
    assert stat.S_IMODE(Sessions(home).path.stat().st_mode) == 0o600


@pytest.mark.parametrize("content", ["", "[]", "{", '{"https://penstock.example": {"access": 1}}'])
def test_a_broken_session_file_is_a_clear_error(tmp_path: Path, content: str) -> None:
    """A file that cannot be read says which one it is, and how to go on."""
    Sessions(tmp_path).path.write_text(content)
    with pytest.raises(Failed) as failed:
        asyncio.run(client(tmp_path, Server()).get("/v1/me"))
    assert str(Sessions(tmp_path).path) in failed.value.message
    assert "penstock login" in failed.value.remedy


def test_a_session_does_not_show_its_tokens() -> None:
    """Printing a session shows whose it is, and no token."""
    shown = repr(Session("ada", "access-1", "refresh-1", NOW))
    assert "ada" in shown
    assert "access-1" not in shown
    assert "refresh-1" not in shown
