"""A small OAuth client of the tests' own: it consents, exchanges, refreshes and reads over HTTP."""

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import aiohttp

from penstock.sandbox.server import Bank, Options, running

TODAY = date(2026, 11, 20)
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
REDIRECT = "http://127.0.0.1:8765/callback"
VERIFIER = "a-verifier-of-at-least-forty-three-characters-0123456789"
CHALLENGE = urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
Json = dict[str, Any]


@dataclass
class Watch:
    """A clock that moves when it is told to."""

    now: datetime = NOON

    def __call__(self) -> datetime:
        return self.now

    def advance(self, **time: float) -> None:
        self.now += timedelta(**time)


@dataclass
class Answer:
    """What came back: `json` is None where it is no JSON."""

    status: int
    headers: dict[str, str]
    body: bytes
    json: Any = None


@dataclass
class Visitor:
    """One client and, once it has consented, its tokens."""

    bank: Bank
    http: aiohttp.ClientSession
    tokens: Json = field(default_factory=dict)

    async def ask(self, **changes: str | None) -> Answer:
        """Open the authorization URL; a change of None leaves that parameter out."""
        url = f"{self.bank.url}/oauth/authorize"
        return await self.send("GET", url, params=request_for(**changes))

    async def decide(self, **changes: str | None) -> Answer:
        """Do what the page does when a button is pressed: Allow, unless something else is said."""
        form = request_for(**{"decision": "allow", **changes})
        return await self.send("POST", f"{self.bank.url}/oauth/authorize", data=form)

    async def code(self, **changes: str | None) -> str:
        """Consent, and return the code."""
        return callback_of(await self.decide(**changes))["code"]

    async def exchange(self, code: str, **changes: str) -> Answer:
        """Exchange a code for tokens."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT,
            "client_id": "penstock",
            "code_verifier": VERIFIER,
        }
        return await self.token({**form, **changes})

    async def refresh(self, token: str, **changes: str) -> Answer:
        """Ask for new tokens."""
        form = {"grant_type": "refresh_token", "refresh_token": token, "client_id": "penstock"}
        return await self.token({**form, **changes})

    async def token(self, form: dict[str, str]) -> Answer:
        """Post to the token endpoint."""
        return await self.send("POST", f"{self.bank.url}/oauth/token", data=form)

    async def link(self, **changes: str | None) -> None:
        """Consent and keep the tokens."""
        answer = await self.exchange(await self.code(**changes))
        assert answer.status == 200, answer
        self.tokens = answer.json

    async def get(self, path: str, access: str | None = None, **query: str) -> Answer:
        """Read something with the access token."""
        headers = {"Authorization": f"Bearer {access or self.tokens['access_token']}"}
        return await self.send("GET", f"{self.bank.url}{path}", params=query, headers=headers)

    async def post(self, path: str, **form: str) -> Answer:
        """Post a form."""
        return await self.send("POST", f"{self.bank.url}{path}", data=form)

    async def control(self, path: str, content: Json | None = None, **query: str) -> Answer:
        """Use the control endpoint."""
        url = f"{self.bank.url}/control/{path}"
        return await self.send("POST", url, json=content or {}, params=query)

    async def page(self, cursor: str | None = None, **query: str) -> Answer:
        """Read one page of transactions."""
        return await self.get("/v1/transactions", **query, **({"cursor": cursor} if cursor else {}))

    async def send(self, method: str, url: str, **options: Any) -> Answer:
        asking = self.http.request(method, url, allow_redirects=False, **options)
        async with asking as answer:
            body = await answer.read()
            json = await answer.json() if "json" in answer.content_type else None
            return Answer(answer.status, dict(answer.headers), body, json)


def request_for(**changes: str | None) -> dict[str, str]:
    """Return the parameters of a sound authorization request, with some of them changed."""
    asked = {
        "response_type": "code",
        "client_id": "penstock",
        "redirect_uri": REDIRECT,
        "scope": "accounts balances transactions",
        "state": "some-state",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
        **changes,
    }
    return {name: text for name, text in asked.items() if text is not None}


def callback_of(answer: Answer) -> dict[str, str]:
    """Return the parameters with which the person is sent back."""
    assert answer.status == 303, answer
    return dict(parse_qsl(urlsplit(answer.headers["Location"]).query))


@asynccontextmanager
async def visiting(**options: Any) -> AsyncIterator[Visitor]:
    """Run a bank whose day is known, and visit it."""
    whole = Options(**{"today": TODAY, **options})
    async with running(whole) as bank, aiohttp.ClientSession() as http:
        yield Visitor(bank, http)
