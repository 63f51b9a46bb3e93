"""L3: unknown, wrong, disabled, with a factor or without: nobody can tell them apart."""

import bcrypt

from penstock.db import factors
from penstock.domain.secret import Secret
from penstock.identity.sessions import SignInRefused
from tests.api.serving import Api
from tests.databases import Database
from tests.identity.house import GOOD, HOME, House, play
from tests.security.browsing import open_browser, somebody

WRONG = "wrong horse battery"


async def refused(house: House, name: str, password: str) -> bool:
    """Say whether a sign-in is refused in the common way."""
    try:
        await house.identity.sign_in(name, Secret(password), HOME)
    except SignInRefused:
        return True
    return False


def cast(api: Api) -> list[tuple[str, str]]:
    """Return what is tried: names and passwords, each refused for another reason."""
    for name in ("ada", "bob", "cleo"):
        somebody(api, name)
    api.person("root")
    bob, cleo = api.people["bob"], api.people["cleo"]
    api.play(lambda: api.identity.people.disable(bob))
    now = api.clock()
    values = {"user_id": cleo, "kind": "totp", "name": "phone", "created_at": now}
    api.write(factors.create, values | {"confirmed_at": now})
    return [
        ("ada", WRONG),
        ("nobody", WRONG),
        ("bob", "correct horse battery"),
        ("bob", WRONG),
        ("cleo", WRONG),
        ("no name at all", WRONG),
    ]


def test_the_answers_are_byte_equal(sqlite_api: Api) -> None:
    """L3: the token endpoint and the page say the same, byte by byte, whatever the reason."""
    browser, tries = open_browser(sqlite_api), cast(sqlite_api)
    said, shown = set(), set()
    for name, password in tries:
        form = {"grant_type": "password", "username": name, "password": password}
        answer = sqlite_api.client.post("/token", data=form)
        said.add((answer.status_code, answer.content))
        fields = browser.fields("/sign-in") | {"username": name, "password": password}
        page = browser.post("/sign-in", fields)
        assert "/sign-in/factor" not in page.headers.get("location", "")
        shown.add((page.status_code, page.text.partition('<p class="fault"')[2].split("</p>")[0]))
    assert len(said) == 1, said
    assert len(shown) == 1, shown


def test_each_is_hashed_once(database: Database) -> None:
    """L3: the hasher is called once for each of them, and has the same work to do."""
    compared: list[bytes] = []

    def compare(digest: bytes, stored: bytes) -> bool:
        compared.append(stored)
        return bcrypt.checkpw(digest, stored)

    async def story(house: House) -> None:
        for name in ("ada", "bob"):
            await house.identity.add_user(name, GOOD)
        await house.disable("bob")
        for name, password in (("ada", WRONG), ("bob", GOOD.reveal()), ("nobody", WRONG)):
            compared.clear()
            assert await refused(house, name, password)
            assert [stored[:7] for stored in compared] == [b"$2b$04$"]

    play(database.url, story, compare)
