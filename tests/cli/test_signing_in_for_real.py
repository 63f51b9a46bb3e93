"""`penstock login` and our own server: the two agree on every step."""

import asyncio
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.request import urlopen

import httpx2
import pytest

from penstock.cli.access import Access
from penstock.cli.client import Client
from penstock.cli.in_process import BASE_URL, AppTransport
from penstock.cli.session import Session, Sessions
from penstock.cli.signing_in import by_browser, by_device
from penstock.db import users
from penstock.identity.browsing import BrowserPerson
from tests.api.serving import NOWHERE, Api, serving
from tests.databases import Database
from tests.security.browsing import hidden


@pytest.fixture
def api(sqlite_database: Database, tmp_path: Path) -> Iterator[Api]:
    """Serve where Ada is somebody."""
    with serving(sqlite_database.url, tmp_path / "server", dpop_nonces=True) as running:
        running.person("ada")
        yield running


def client_of(api: Api, home: Path) -> Client:
    """Return the command line's client of the running app, at the same time of day."""
    http = httpx2.AsyncClient(base_url=BASE_URL, transport=AppTransport(api.app))
    return Client(http, Access(BASE_URL, Sessions(home), http=http, clock=api.clock))


async def browsed(api: Api, url: str) -> None:
    """Do what Ada does in her browser, in which she is signed in: agree, and be sent back."""
    ada = api.read(users.get, api.people["ada"])
    cookie = await api.identity.browsing.begin(ada, NOWHERE, methods="pwd")
    headers = {"Cookie": f"__Host-penstock={cookie.reveal()}"}
    ours = {**headers, "Origin": BASE_URL, "Sec-Fetch-Site": "same-origin"}
    async with httpx2.AsyncClient(transport=AppTransport(api.app)) as browser:
        page = await browser.get(url, headers=headers)
        form = hidden(page.text) | {"decision": "allow"}
        answer = await browser.post(f"{BASE_URL}/authorize", data=form, headers=ours)
    assert answer.status_code == 303, answer.text
    back = answer.headers["location"]
    threading.Thread(target=lambda: urlopen(back).close()).start()  # noqa: S310 - our own listener


async def is_signed_in(client: Client, session: Session) -> bool:
    """Say whether the stored session opens what it should, refreshed as well."""
    assert session.bound
    assert (await client.get("/v1/me"))["username"] == "ada"
    await client.access.renewed(session.access)
    return bool((await client.get("/v1/me"))["username"] == "ada")


def test_through_the_browser(api: Api, tmp_path: Path) -> None:
    """Code with PKCE on loopback, bound to the key, nonces and all; then refreshed."""
    tasks: list[asyncio.Task[None]] = []

    async def story() -> None:
        client = client_of(api, tmp_path)
        session = await by_browser(
            client.access, lambda url: tasks.append(asyncio.create_task(browsed(api, url)))
        )
        assert session.username == "ada"
        assert await is_signed_in(client, session)

    api.play(story)


def test_by_a_code(api: Api, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """C5: the code that is shown is the code that is typed."""

    async def decided(seconds: float) -> None:
        api.clock.advance(seconds=seconds)
        found = re.search(r"[B-Z]{4}-[B-Z]{4}", capsys.readouterr().err)
        if found is not None:
            ada = BrowserPerson(api.people["ada"], 1, "ada", api.clock(), "pwd", "")
            decide = api.identity.devices.decide
            await decide(found[0], ada, address="192.0.2.1", allowed=True)

    async def story() -> None:
        client = client_of(api, tmp_path)
        session = await by_device(client.access, decided, lambda: 0.0)
        assert session.username == "ada"
        assert await is_signed_in(client, session)

    api.play(story)
