"""A browser, as far as our pages see one: it keeps cookies, and says where its forms come from."""

import asyncio
import html
import re
from dataclasses import dataclass
from functools import cache

import httpx2
from starlette.testclient import TestClient

from penstock.db import users
from penstock.domain.secret import Secret
from penstock.identity.passwords import Passwords
from tests.api.serving import NOWHERE, Api
from tests.identity.house import FASTEST

ORIGIN = "https://penstock.test"
OURS = {"Origin": ORIGIN, "Sec-Fetch-Site": "same-origin"}
GOOD = "correct horse battery"


@dataclass
class Browser:
    """One browser; `client` follows no redirect."""

    client: TestClient

    def get(self, path: str) -> httpx2.Response:
        return self.client.get(path)

    def post(
        self, path: str, fields: dict[str, str], headers: dict[str, str] | None = None
    ) -> httpx2.Response:
        """Send a form, from a page of ours where `headers` say nothing else."""
        return self.client.post(path, data=fields, headers=OURS if headers is None else headers)

    def fields(self, path: str) -> dict[str, str]:
        """Return the hidden fields of a page."""
        return hidden(self.get(path).text)

    def sign_in(
        self, username: str = "ada", password: str = GOOD, to: str = "/security"
    ) -> httpx2.Response:
        """Fill in the sign-in page; return what it answers."""
        fields = self.fields(f"/sign-in?next={to}")
        return self.post("/sign-in", fields | {"username": username, "password": password})

    def cookie(self, name: str = "__Host-penstock") -> str | None:
        """Return a cookie that the browser has."""
        return self.client.cookies.get(name)


def hidden(page: str) -> dict[str, str]:
    """Return the hidden fields of a page."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page)
    return {name: html.unescape(value) for name, value in found}


def open_browser(api: Api) -> Browser:
    """Return a fresh browser, over TLS."""
    client = TestClient(api.app, base_url=ORIGIN, follow_redirects=False)
    client.portal = api.client.portal
    return Browser(client)


def somebody(api: Api, username: str = "ada") -> int:
    """Add a person whose password is GOOD; return their row's number. It is hashed fast."""
    user_id = api.person(username)
    api.write(users.set_password, user_id, _fast_hash(api.identity.ground.pepper))
    return user_id


def signed_in(api: Api, username: str = "ada", methods: str = "pwd") -> Browser:
    """Return a browser in which somebody signed in a moment ago."""
    user_id = somebody(api, username)
    begin, user = api.identity.browsing.begin, api.read(users.get, user_id)
    cookie = api.play(lambda: begin(user, NOWHERE, methods=methods))
    browser = open_browser(api)
    browser.client.cookies.set("__Host-penstock", cookie.reveal(), domain="penstock.test")
    return browser


@cache
def _fast_hash(pepper: bytes) -> str:
    passwords = Passwords(pepper, cost=FASTEST)
    hashed = asyncio.run(passwords.hash(Secret(GOOD)))
    passwords.close()
    return hashed
