"""Our own server on a port of this machine, and a person who visits it as a browser would."""

import asyncio
import contextlib
import html
import re
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx2
import sqlalchemy as sa
import uvicorn

from penstock.api.app import create_app
from penstock.db.users import users
from penstock.domain.secret import Secret
from penstock.settings import Settings
from penstock.wiring import open_penstock
from tests.api.serving import KEY

NAME = "ada"
PASSWORD = "correct horse battery"
MOST_STEPS = 12


@dataclass
class Ours:
    """A running server. `address` is its issuer."""

    address: str

    def register(self, **body: object) -> dict[str, Any]:
        """Register a program, as its admin."""
        form = {"grant_type": "password", "username": NAME, "password": PASSWORD}
        token = httpx2.post(f"{self.address}/token", data=form).json()["access_token"]
        answer = httpx2.post(
            f"{self.address}/v1/clients", json=body, headers={"Authorization": f"Bearer {token}"}
        )
        assert answer.status_code == 201, answer.text
        made: dict[str, Any] = answer.json()
        return made


@contextlib.contextmanager
def serving(url: str, home: Path) -> Iterator[Ours]:
    """Serve the database at `url`, with Ada in it, who is an admin."""
    chosen = Settings.model_validate({"home": home, "database_url": url, "key": KEY})

    async def add() -> None:
        async with open_penstock(chosen) as penstock:
            number = await penstock.identity.add_user(NAME, Secret(PASSWORD))
            promotion = sa.update(users).where(users.c.id == number).values(role="admin")
            await penstock.database.write(lambda one: one.execute(promotion))

    asyncio.run(add())
    app = create_app(lambda: open_penstock(chosen))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, proxy_headers=False))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            yield Ours(f"http://127.0.0.1:{listening.getsockname()[1]}")
        finally:
            server.should_exit = True
            thread.join(30)


@dataclass
class Visitor:
    """A person at a browser: keeps cookies, fills in the sign-in form, and allows what is asked.

    Browsers count http://127.0.0.1 as safe, so a `Secure` cookie is kept there.
    """

    ours: str
    pages: list[str] = field(default_factory=list)
    _cookies: dict[str, str] = field(default_factory=dict)

    def open(self, url: str) -> str:
        """Go to an address and through what comes; return where we send the person at last."""
        answer = self._ask("GET", url)
        for _ in range(MOST_STEPS):
            if "location" in answer.headers:
                assert answer.status_code == 303
                url = urljoin(url, answer.headers["location"])
                if not url.startswith(self.ours):
                    return url
                answer = self._ask("GET", url)
                continue
            assert answer.status_code == 200, answer.text
            form = self._filled(answer.text)
            url = urljoin(url, _action(answer.text))
            answer = self._ask("POST", url, form)
        raise AssertionError(f"it goes round and round: {self.pages}")

    def type_code(self, url: str, code: str, decision: str) -> str:
        """Type a device's code on our page, and decide; return the page that says who asks."""
        page = self._ask("GET", url)
        while "location" in page.headers or 'name="password"' in page.text:
            if "location" in page.headers:
                url = urljoin(url, page.headers["location"])
                page = self._ask("GET", url)
            else:
                url = urljoin(url, _action(page.text))
                page = self._ask("POST", url, self._filled(page.text))
        asking = self._ask("POST", url, _hidden(page.text) | {"code": code})
        assert asking.status_code == 200, asking.text
        self.pages.append("device")
        done = self._ask("POST", url, _hidden(asking.text) | {"decision": decision})
        assert done.status_code == 200, done.text
        return asking.text

    def _filled(self, page: str) -> dict[str, str]:
        form = _hidden(page)
        if 'name="password"' in page:
            self.pages.append("sign-in")
            return form | {"username": NAME, "password": PASSWORD}
        assert 'value="allow"' in page, page
        self.pages.append("consent")
        return form | {"decision": "allow"}

    def _ask(self, method: str, url: str, form: dict[str, str] | None = None) -> httpx2.Response:
        headers = {"Cookie": "; ".join(f"{name}={one}" for name, one in self._cookies.items())}
        if form is not None:
            headers |= {"Origin": self.ours, "Sec-Fetch-Site": "same-origin"}
        answer = httpx2.request(method, url, data=form, headers=headers, follow_redirects=False)
        for line in answer.headers.get_list("set-cookie"):
            self._cookies |= {name: one.value for name, one in SimpleCookie(line).items()}
        return answer


def _hidden(page: str) -> dict[str, str]:
    """Return the hidden fields of a page's form."""
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', page)
    return {name: html.unescape(value) for name, value in found}


def _action(page: str) -> str:
    """Return where a page's form goes: to the very address of the page where it does not say."""
    found = re.search(r'<form [^>]*action="([^"]*)"', page)
    return html.unescape(found[1]) if found else ""
