"""Done-line 3: `/docs` in a real browser, whose Authorize button works."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import uvicorn

from penstock.api.app import create_app
from penstock.domain.secret import Secret
from penstock.settings import Settings
from penstock.wiring import open_penstock
from tests.api.serving import KEY
from tests.browser import open_page
from tests.databases import Database

GOOD = "correct horse battery"

pytestmark = pytest.mark.browser


@pytest.fixture
def address(sqlite_database: Database, tmp_path: Path) -> Iterator[str]:
    """Serve a database with Ada in it, on a free port; return where."""
    given = {"home": tmp_path, "database_url": sqlite_database.url, "key": KEY}
    chosen = Settings.model_validate(given)

    async def add() -> None:
        async with open_penstock(chosen) as penstock:
            await penstock.identity.add_user("ada", Secret(GOOD))

    asyncio.run(add())
    app = create_app(lambda: open_penstock(chosen))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, proxy_headers=False))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        server.should_exit = True
        thread.join(30)


def test_the_authorize_button_works(address: str) -> None:
    """A person signs in on the page and tries a route; nothing comes from elsewhere."""

    async def story() -> None:
        async with open_page(f"{address}/docs") as page:
            await page.click(".btn.authorize")
            await page.type("#oauth_username", "ada")
            await page.type("#oauth_password", GOOD)
            await page.click(".auth-btn-wrapper .authorize")
            await page.wait_for("document.body.innerText.includes('Logout')")
            await page.click(".btn-done")
            await page.click("#operations-people-me .opblock-summary-control")
            await page.click("#operations-people-me .execute")
            block = "document.querySelector('#operations-people-me').innerText"
            wanted = """.includes('"username": "ada"')"""
            shown = await page.wait_for(f"{block}{wanted} && {block}")
            assert "\n200" in shown
            assert page.complaints == []
            assert {f"{address}/docs", f"{address}/token", f"{address}/v1/me"} <= set(page.asked)
            ours = ("data:", f"{address}/")
            assert [url for url in page.asked if not url.startswith(ours)] == []

    asyncio.run(asyncio.wait_for(story(), 90))
