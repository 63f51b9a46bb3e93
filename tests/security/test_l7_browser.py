"""L7 in a real browser, by its own virtual authenticator: WebAuthn as a person has it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.browser import Page, open_page
from tests.databases import Database
from tests.served import GOOD, served

pytestmark = pytest.mark.browser


@pytest.fixture
def address(sqlite_database: Database, tmp_path: Path) -> Iterator[str]:
    """Serve a database with Ada in it, on a free port; return where: passkeys need a name."""
    with served(sqlite_database.url, tmp_path, "localhost") as where:
        yield where


async def by_password(page: Page) -> None:
    """Fill in the sign-in page."""
    await page.type("input[name=username]", "ada")
    await page.type("input[name=password]", GOOD)
    await page.click("form:not([data-passkey]) button")


async def shows(page: Page, heading: str) -> None:
    """Wait for a page with this heading; asking again where a page went while it was asked."""
    asked = {"expression": "document.querySelector('h1')?.innerText", "returnByValue": True}
    async with asyncio.timeout(30):
        said = None
        while said != heading:
            answer = await page.tell("Runtime.evaluate", **asked)
            said = answer.get("result", {}).get("value")


def test_a_passkey_is_added_and_lets_in(address: str) -> None:
    """L7, W1, W2, W3: cookie, origin, policy and script hold in Chromium; the passkey signs in."""

    async def story() -> None:
        async with open_page(f"{address}/security") as page:
            await page.tell("WebAuthn.enable")
            options = {
                "protocol": "ctap2",
                "transport": "internal",
                "hasResidentKey": True,
                "hasUserVerification": True,
                "isUserVerified": True,
                "automaticPresenceSimulation": True,
            }
            await page.tell("WebAuthn.addVirtualAuthenticator", options=options)
            await shows(page, "Sign in")
            await by_password(page)
            await shows(page, "Security")
            await page.click("form[data-does=create] button")
            await shows(page, "Recovery codes")
            assert await page.run("document.querySelectorAll('#codes li').length") == 10
            await page.tell("Page.navigate", url=f"{address}/sign-out")
            await shows(page, "Sign out")
            await page.click("form button")
            await shows(page, "Signed out")
            await page.tell("Page.navigate", url=f"{address}/sign-in")
            await shows(page, "Sign in")
            await page.click("#passkey button")
            await shows(page, "Security")
            assert await page.run("document.cookie") == ""
            assert not [one for one in page.complaints if "favicon" not in one]

    asyncio.run(story())
