"""Programs that want to be let in, and the browsers of people who let them.

`Program` says what a well-behaved one sends; each test sends something else in its place.
"""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

import sqlalchemy as sa
from httpx2 import Response
from starlette.testclient import TestClient

from penstock.api.browser import COOKIE
from penstock.db.users import get, users
from tests.api.serving import NOWHERE, Api
from tests.security.browsing import hidden

ISSUER = "https://penstock.example"
BACK = "https://budget.example/callback"


@dataclass
class Program:
    """A program, and the secrets that it made up for one request."""

    client_id: str
    secret: str | None = None
    redirect_uri: str = BACK
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    state: str = field(default_factory=lambda: secrets.token_urlsafe(16))

    def request(self, **other: str | None) -> dict[str, str]:
        """Return the parameters of its request; None leaves one out."""
        asked: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "state": self.state,
            "scope": "read",
            "code_challenge": challenge(self.verifier),
            "code_challenge_method": "S256",
        }
        return {name: one for name, one in (asked | other).items() if one is not None}

    def exchange(self, code: str, **other: str | None) -> dict[str, str]:
        """Return the form that trades a code for tokens; None leaves a field out."""
        form: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "client_id": self.client_id,
            "client_secret": self.secret,
            "redirect_uri": self.redirect_uri,
            "code_verifier": self.verifier,
        }
        return {name: one for name, one in (form | other).items() if one is not None}


def challenge(verifier: str) -> str:
    """Return the S256 challenge of a verifier (RFC 7636 §4.2)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")


def make_admin(api: Api, username: str) -> None:
    """Give a person the role that may register programs."""
    number = api.person(username)
    api.write(lambda one: one.execute(_promotion(number)))


def _promotion(number: int) -> sa.Update:
    return sa.update(users).where(users.c.id == number).values(role="admin")


def register(api: Api, **other: Any) -> Program:
    """Have an admin register a program, and return it."""
    make_admin(api, "root")
    body = {"name": "Budget", "redirect_uris": [BACK]} | other
    answer = api.signed_in("root").post("/v1/clients", json=body)
    assert answer.status_code == 201, answer.text
    made = answer.json()
    redirect_uri = str(body["redirect_uris"][0])
    return Program(made["client_id"], made["client_secret"], redirect_uri)


def browser(api: Api, username: str = "ada") -> TestClient:
    """Return a browser in which a person is signed in; it follows no redirect."""
    user_id = api.person(username)
    begin, user = api.identity.browsing.begin, api.read(get, user_id)
    cookie = api.play(lambda: begin(user, NOWHERE, methods="pwd"))
    return looking(api, cookie.reveal())


def looking(api: Api, cookie: str | None = None) -> TestClient:
    """Return a browser; nobody is signed in where it has no cookie."""
    client = TestClient(api.app, base_url=ISSUER, follow_redirects=False)
    if cookie is not None:
        client.cookies.set(COOKIE, cookie, domain="penstock.example")
    client.portal = api.client.portal
    return client


def say(person: TestClient, page: Response, decision: str = "allow", **other: str) -> Response:
    """Press a button of the consent page."""
    form = hidden(page.text) | {"decision": decision} | other
    headers = {"Origin": ISSUER, "Sec-Fetch-Site": "same-origin"}
    return person.post("/authorize", data=form, headers=headers)


def told(answer: Response) -> dict[str, str]:
    """Return what a program is told by the address that a person is sent back to."""
    assert answer.status_code == 303, answer.text
    query = parse_qs(urlsplit(answer.headers["location"]).query, strict_parsing=True)
    assert all(len(values) == 1 for values in query.values()), query
    return {name: values[0] for name, values in query.items()}


def let_in(person: TestClient, program: Program, **other: str | None) -> str:
    """Let a program in, asked or not, and return its code."""
    answer = person.get("/authorize", params=program.request(**other))
    if answer.status_code == 200:
        answer = say(person, answer)
    return told(answer)["code"]


def trade(api: Api, program: Program, code: str, **other: str | None) -> Response:
    """Trade a code for tokens."""
    return api.client.post("/token", data=program.exchange(code, **other))
