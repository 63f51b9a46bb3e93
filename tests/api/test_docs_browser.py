"""Done-line 3: `/docs` in a real browser, whose Authorize button works."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import open_page
from tests.databases import Database
from tests.served import GOOD, served

pytestmark = pytest.mark.browser


@pytest.fixture
def address(sqlite_database: Database, tmp_path: Path) -> Iterator[str]:
    """Serve a database with Ada in it, on a free port; return where."""
    with served(sqlite_database.url, tmp_path) as where:
        yield where


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
