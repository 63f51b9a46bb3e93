"""Tokens: where they are kept, to whom they go, and how they are renewed."""

import asyncio
import json
import os
import stat
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import httpx2
import pytest

from penstock.cli.access import Access
from penstock.cli.client import Client
from penstock.cli.failure import Failed
from penstock.cli.session import Session, Sessions

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
HERE = "https://penstock.example"
Answer = Callable[[httpx2.Request], httpx2.Response]


class Server:
    """A server that knows one access token, and trades one refresh token for the next pair."""

    def __init__(self) -> None:
        self.good = "access-1"
        self.refresh = "refresh-1"
        self.refreshes = 0
        self.paths: list[str] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.paths.append(request.url.path)
        if request.url.path == "/token":
            return self._trade(parse_qs(request.content.decode()))
        if request.headers["authorization"] != f"Bearer {self.good}":
            return refusal(401, "not-signed-in", "The access token is too old.")
        return httpx2.Response(200, json={"username": "ada"})

    def _trade(self, form: dict[str, list[str]]) -> httpx2.Response:
        if form["grant_type"] == ["password"]:
            if form["password"] != ["right"]:
                return httpx2.Response(400, json={"error": "invalid_grant"})
        elif form["refresh_token"] != [self.refresh]:
            return httpx2.Response(400, json={"error": "invalid_grant"})
        self.refreshes += 1
        self.good, self.refresh = f"access-{self.refreshes + 1}", f"refresh-{self.refreshes + 1}"
        return httpx2.Response(
            200,
            json={
                "access_token": self.good,
                "refresh_token": self.refresh,
                "expires_in": 600,
                "token_type": "bearer",
            },
        )


class Fixed:
    """A server that always says the same."""

    def __init__(self, answer: httpx2.Response) -> None:
        self.answer = answer

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.answer.request = request
        return self.answer


def refusal(status: int, name: str, detail: str) -> httpx2.Response:
    """Return a problem as the API writes it."""
    body = {"type": f"urn:penstock:problem:{name}", "status": status, "detail": detail}
    content_type = {"content-type": "application/problem+json"}
    return httpx2.Response(status, content=json.dumps(body), headers=content_type)


def client(home: Path, server: Answer, *, address: str = HERE, given: str | None = None) -> Client:
    """Return a client of `server`."""
    http = httpx2.AsyncClient(transport=httpx2.MockTransport(server), base_url=address)
    access = Access(address, Sessions(home), http=http, clock=lambda: NOW, given=given)
    return Client(http, access)


def stored(home: Path, *, minutes: float = 5, address: str = HERE) -> None:
    """Store a session whose access token is good for some minutes more."""
    session = Session("ada", "access-1", "refresh-1", NOW + timedelta(minutes=minutes))
    Sessions(home).save(address, session)


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


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX's")
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


def test_refusals_are_put_into_words(tmp_path: Path) -> None:
    """A problem's detail and remedy reach the person; its status decides the exit code."""
    expected = {404: 1, 403: 1, 409: 1, 422: 2, 429: 1, 502: 1}
    stored(tmp_path)
    for status, code in expected.items():
        server = Fixed(refusal(status, "x", "What happened."))
        with pytest.raises(Failed, match="What happened") as failed:
            asyncio.run(client(tmp_path, server).get("/v1/me"))
        assert failed.value.exit_code == code


def test_another_kind_of_server_is_noticed(tmp_path: Path) -> None:
    """An HTML page says that PENSTOCK_URL may be wrong, and is not shown."""
    stored(tmp_path)
    page = httpx2.Response(502, text="<h1>Bad gateway</h1>")
    with pytest.raises(Failed) as failed:
        asyncio.run(client(tmp_path, Fixed(page)).get("/v1/me"))
    assert "PENSTOCK_URL" in failed.value.remedy
    assert "<h1>" not in failed.value.message


def test_a_server_that_is_not_there_is_said(tmp_path: Path) -> None:
    """No answer at all names the address, and what to look at."""

    def refused(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("Connection refused", request=request)

    stored(tmp_path)
    with pytest.raises(Failed) as failed:
        asyncio.run(client(tmp_path, refused).get("/v1/me"))
    assert HERE in failed.value.message
    assert "penstock serve" in failed.value.remedy


def test_pages_are_followed_to_the_end(tmp_path: Path) -> None:
    """A list is read page by page, all of it or as many rows as were asked for."""
    asked = []

    def pages(request: httpx2.Request) -> httpx2.Response:
        asked.append(dict(request.url.params))
        first = int(request.url.params.get("cursor", "0"))
        last = min(first + int(request.url.params["limit"]), 1200)
        rows = [{"n": n} for n in range(first, last)]
        cursor = str(last) if last < 1200 else None
        return httpx2.Response(200, json={"rows": rows, "next_cursor": cursor})

    async def count(limit: int | None) -> int:
        rows = client(tmp_path, pages).pages("/v1/x", {"text": "a", "no": None}, limit=limit)
        return len([row async for row in rows])

    stored(tmp_path)
    assert asyncio.run(count(None)) == 1200
    assert asyncio.run(count(501)) == 501
    assert asyncio.run(count(0)) == 0
    assert asked[0] == {"text": "a", "limit": "500"}
    assert [one["limit"] for one in asked] == ["500", "500", "500", "500", "1"]


def test_a_post_is_sent_with_a_key_of_its_own(tmp_path: Path) -> None:
    """Each POST has its Idempotency-Key, and a repeated one has the same."""
    keys = []

    def once(request: httpx2.Request) -> httpx2.Response:
        if request.url.path == "/token":
            return Server()(request)
        keys.append(request.headers["idempotency-key"])
        return refusal(401, "x", "no") if len(keys) == 1 else httpx2.Response(202, json={})

    stored(tmp_path)

    async def run() -> None:
        asking = client(tmp_path, once)
        await asking.post("/v1/syncs")
        await asking.post("/v1/syncs")

    asyncio.run(run())
    assert keys[0] == keys[1]
    assert keys[2] != keys[0]
