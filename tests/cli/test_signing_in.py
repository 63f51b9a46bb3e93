"""`penstock login` through a browser, here and elsewhere; and the key of a session."""

import asyncio
import base64
import json
import stat
import threading
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit
from urllib.request import urlopen

import httpx2
import pytest

from penstock.cli.access import Access
from penstock.cli.failure import Failed
from penstock.cli.session import Session, Sessions
from penstock.cli.session_keys import SessionKey
from penstock.cli.signing_in import by_browser, by_device, has_browser
from tests.cli.modes import posix
from tests.cli.pretending import HERE, NOW, Answer, client


def claims(proof: str) -> dict[str, object]:
    """Return what a proof says."""
    body = proof.split(".")[1]
    told: dict[str, object] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return told


def problem(code: str) -> httpx2.Response:
    """Return a refusal of the token endpoint."""
    return httpx2.Response(400, json={"error": code, "error_description": code})


class Hub:
    """A server that signs a program in, once somebody agreed, and demands proofs."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.forms: list[dict[str, list[str]]] = []
        self.proofs: list[dict[str, object]] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        path = request.url.path
        if path.startswith("/.well-known/"):
            endpoint = f"{HERE}/authorize"
            return httpx2.Response(200, json={"issuer": HERE, "authorization_endpoint": endpoint})
        self.proofs.append(claims(request.headers["dpop"]))
        assert self.proofs[-1]["htu"] == HERE + path
        if path == "/v1/me":
            assert request.headers["authorization"] == "DPoP access-1"
            assert "ath" in self.proofs[-1]
            return httpx2.Response(200, json={"username": "ada"})
        self.forms.append(parse_qs(request.content.decode()))
        if path == "/device_authorization":
            told = {"device_code": "d", "user_code": "BCDF-GHJK", "verification_uri": "u"}
            return httpx2.Response(200, json={**told, "expires_in": 600, "interval": 5})
        if self.answers:
            return problem(self.answers.pop(0))
        tokens = {"access_token": "access-1", "refresh_token": "r", "token_type": "DPoP"}
        return httpx2.Response(200, json={**tokens, "expires_in": 600})


def access(home: Path, server: Answer) -> Access:
    """Return the way to the server."""
    return client(home, server).access


def test_a_code_signs_a_device_in(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """C5: the code is shown, the server asked in its pace, slower when told, and a session kept."""
    paused: list[float] = []

    async def sleep(seconds: float) -> None:
        paused.append(seconds)

    hub = Hub("authorization_pending", "slow_down", "authorization_pending")
    session = asyncio.run(by_device(access(tmp_path, hub), sleep, lambda: 0.0))
    assert paused == [5, 5, 10, 10]
    assert "BCDF-GHJK" in capsys.readouterr().err
    assert session == Session("ada", "access-1", "r", NOW + timedelta(minutes=10), bound=True)
    assert Sessions(tmp_path).find(HERE) == session


@pytest.mark.parametrize("code", ["access_denied", "expired_token", "invalid_grant"])
def test_a_refusal_ends_the_wait(tmp_path: Path, code: str) -> None:
    """C5: after a no, or too late, nothing is asked again and nothing is stored."""

    async def sleep(_seconds: float) -> None:
        pass

    with pytest.raises(Failed):
        asyncio.run(by_device(access(tmp_path, Hub(code)), sleep, lambda: 0.0))
    assert Sessions(tmp_path).find(HERE) is None


def visit(url: str, **altered: str | None) -> dict[str, str]:
    """Do what a browser does once the person agreed: follow the redirect back."""
    asked = dict(parse_qsl(urlsplit(url).query))
    told = {"code": "c", "state": asked["state"], "iss": HERE} | altered
    query = urlencode({name: value for name, value in told.items() if value is not None})
    threading.Thread(
        target=lambda: urlopen(f"{asked['redirect_uri']}?{query}").close()  # noqa: S310 - our own listener
    ).start()
    return asked


def test_a_browser_signs_in(tmp_path: Path) -> None:
    """RFC 8252: code and PKCE on loopback, bound to the key; the session is kept."""
    hub, seen = Hub(), dict[str, str]()
    session = asyncio.run(by_browser(access(tmp_path, hub), lambda url: seen.update(visit(url))))
    assert session.username == "ada"
    [form] = hub.forms
    assert form["grant_type"] == ["authorization_code"]
    assert form["redirect_uri"] == [seen["redirect_uri"]]
    assert len(form["code_verifier"][0]) >= 43
    assert seen["code_challenge_method"] == "S256"
    key = Sessions(tmp_path).keys.find(HERE)
    assert key is not None
    assert key.thumbprint() == seen["dpop_jkt"]


@pytest.mark.parametrize(
    "altered",
    [{"iss": "https://evil.example"}, {"iss": None}, {"code": None, "error": "access_denied"}],
    ids=str,
)
def test_what_is_no_answer_signs_nobody_in(tmp_path: Path, altered: dict[str, str | None]) -> None:
    """C4, RFC 9207: another server's answer, or a no, reaches no token endpoint."""
    hub = Hub()
    with pytest.raises(Failed):
        asyncio.run(by_browser(access(tmp_path, hub), lambda url: _visit(url, altered)))
    assert hub.forms == []


def _visit(url: str, altered: dict[str, str | None]) -> None:
    visit(url, **altered)


@pytest.mark.parametrize(
    ("environment", "platform", "there"),
    [
        ({"DISPLAY": ":0", "SSH_CONNECTION": "a b c d"}, "linux", False),
        ({"SSH_TTY": "/dev/pts/1"}, "darwin", False),
        ({}, "linux", False),
        ({}, "darwin", True),
        ({}, "win32", True),
    ],
)
def test_no_browser_is_opened_where_nobody_sees_it(
    environment: dict[str, str], platform: str, *, there: bool
) -> None:
    """Over SSH, or without a display, a code is typed elsewhere."""
    assert has_browser(environment, platform) is there


@posix
def test_the_key_is_its_owners_alone(tmp_path: Path) -> None:
    """C7, K3: its file has the mode 0600, nothing shows it, and it goes with the session."""
    key = SessionKey()
    sessions = Sessions(tmp_path)
    sessions.keys.save(HERE, key)
    sessions.save(HERE, Session("ada", "access-1", bound=True))
    assert stat.S_IMODE(sessions.keys.path.stat().st_mode) == 0o600
    assert key.stored()["d"] not in repr(key)
    again = sessions.keys.find(HERE)
    assert again is not None
    assert again.thumbprint() == key.thumbprint()
    sessions.delete(HERE)
    assert not sessions.keys.path.exists()


def test_a_nonce_is_used_when_asked_for(tmp_path: Path) -> None:
    """RFC 9449 §8: whose proof lacks a nonce sends it again with one, and refreshes nothing."""
    seen: list[dict[str, object]] = []

    def strict(request: httpx2.Request) -> httpx2.Response:
        seen.append(claims(request.headers["dpop"]))
        if seen[-1].get("nonce") != "n-1":
            told = {"www-authenticate": 'DPoP error="use_dpop_nonce"', "dpop-nonce": "n-1"}
            return httpx2.Response(401, headers=told)
        return httpx2.Response(200, json={"username": "ada"})

    sessions = Sessions(tmp_path)
    sessions.keys.save(HERE, SessionKey())
    sessions.save(HERE, Session("ada", "access-1", "r", NOW + timedelta(minutes=9), bound=True))
    assert asyncio.run(client(tmp_path, strict).get("/v1/me")) == {"username": "ada"}
    assert [one.get("nonce") for one in seen] == [None, "n-1"]
    assert seen[0]["jti"] != seen[1]["jti"]
