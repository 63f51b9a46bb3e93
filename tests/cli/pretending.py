"""Servers that only pretend, and a client of theirs: for tests of tokens and refusals."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qs

import httpx2

from penstock.cli.access import Access
from penstock.cli.client import Client
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
