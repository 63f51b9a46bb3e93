"""O1: what comes back from a bank is let in once, in time, for who began it, at that bank."""

import asyncio
import html
import re
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

import pytest

from penstock.db.connect import open_database
from penstock.db.links import links
from penstock.domain.errors import InvalidInput
from penstock.engine.link import TTL
from tests.api.banking import Town, town
from tests.databases import Database
from tests.engine.house import House, play
from tests.engine.linking import asked_for_tokens, at_home, come_back, finish, linked
from tests.security.browsing import GOOD, open_browser, signed_in, somebody
from tests.security.coming_back import counter

PUBLIC = "http://127.0.0.1:8321"
OURS = {"Origin": PUBLIC, "Sec-Fetch-Site": "same-origin"}


@pytest.fixture
def place(database: Database, tmp_path: Path) -> Iterator[Town]:
    """Open a bank and an API."""
    with town(database.url, tmp_path) as place:
        yield place


def test_a_state_cannot_be_guessed_or_read(database: Database) -> None:
    """O1: 256 random bits; the database keeps a keyed hash, from which no state can be tried."""

    async def story(home: House) -> None:
        callback = dict(await come_back(home))
        assert len(callback["state"]) >= 43
        stored = str(await home.all(links.select()))
        assert callback["state"] not in stored
        other = replace(home.penstock.linker, hash_state=lambda state: f"another key {state}")
        assert await other.whose("sandbox", callback["state"]) is None
        assert await home.penstock.linker.whose("sandbox", callback["state"]) == home.owner_id

    at_home(database, story)


def test_of_two_callbacks_in_two_processes_one_wins(database: Database) -> None:
    """O1: each through connections of its own, at the same moment, ten times over."""

    async def story(home: House) -> None:
        async with AsyncExitStack() as stack:
            halls = [await stack.enter_async_context(open_database(database.url)) for _ in "ab"]
            linkers = [replace(home.penstock.linker, database=hall) for hall in halls]
            for turn in range(1, 11):
                callback = await come_back(home)
                ended = await asyncio.gather(
                    *(finish(home, callback, linker=one) for one in linkers),
                    return_exceptions=True,
                )
                assert sorted(type(one).__name__ for one in ended) == ["InvalidInput", "int"]
                assert (await linked(home), asked_for_tokens(home)) == (turn, turn)

    at_home(database, story)


def test_a_replay_gets_nothing(database: Database) -> None:
    """O1: the same answer again, also after a refusal, reaches no token endpoint."""

    async def story(home: House) -> None:
        callback = await come_back(home)
        await finish(home, callback)
        for _ in range(3):
            with pytest.raises(InvalidInput):
                await finish(home, callback)
        assert (await linked(home), asked_for_tokens(home)) == (1, 1)

    at_home(database, story)


def test_ten_minutes_and_no_longer(database: Database) -> None:
    """O1: at its end a state is no longer anybody's, and nobody is asked."""

    async def story() -> None:
        async with counter(database.url) as here:
            state = await here.begin("honest")
            here.it.watch.now += TTL
            assert await here.linker.whose("honest", state) is None
            with pytest.raises(InvalidInput):
                await here.finish("honest", state=state, code="c", iss="https://honest.example")
            assert here.asked == []
            assert timedelta(minutes=10) >= TTL

    play(story())


@pytest.mark.parametrize("wrong", ["person", "provider"])
def test_a_state_is_for_one_person_at_one_provider(database: Database, wrong: str) -> None:
    """O1: brought by another person, or to another provider's address, it links nothing."""

    async def story() -> None:
        async with counter(database.url) as here:
            state = await here.begin("honest")
            back = {"state": state, "code": "c", "iss": "https://honest.example"}
            owner_id = here.it.owner_id + (wrong == "person")
            with pytest.raises(InvalidInput):
                await here.finish_as(owner_id, "evil" if wrong == "provider" else "honest", **back)
            assert here.asked == []

    play(story())


def path_of(uri: str) -> str:
    """Return the path and query of our own callback."""
    parts = urlsplit(uri)
    return f"{parts.path}?{parts.query}"


def test_nobody_is_lured_into_somebody_elses_link(database: Database, tmp_path: Path) -> None:
    """O1: eve begins a link and has ada consent at her bank: ada's browser ends nothing of eve's.

    Not where ada is signed in, and not where nobody is: the page says whose it would be. Nor is the
    state used up by it.
    """
    with town(database.url, tmp_path, public_url=PUBLIC) as place:
        eve = place.api.signed_in("eve")
        link = place.begin(eve, redirect_uri=None)
        back = path_of(place.consent(link["authorization_url"]))
        lured = signed_in(place.api, "ada").get(back)
        assert lured.status_code == 403
        assert "eve" in lured.text
        nobody = open_browser(place.api).get(back)
        assert nobody.status_code == 200
        assert "Sign in as eve" in nobody.text
        assert "/sign-in?next=" in nobody.text
        assert place.bank.counters["requests:token"] == 0
        assert eve.get("/v1/connections").json()["rows"] == []
        assert eve.get(f"/v1/links/{link['id']}").json()["state"] == "waiting"


def test_who_began_signs_in_and_it_is_linked(database: Database, tmp_path: Path) -> None:
    """O1: the page sends ada to sign in, and back; then her own link ends, once."""
    with town(database.url, tmp_path, public_url=PUBLIC) as place:
        browser = open_browser(place.api)
        somebody(place.api, "ada")
        client = place.api.signed_in("ada")
        link = place.begin(client, redirect_uri=None)
        back = path_of(place.consent(link["authorization_url"]))
        (there,) = re.findall(r'href="(/sign-in[^"]*)"', browser.get(back).text)
        fields = browser.fields(html.unescape(there))
        answer = browser.post("/sign-in", fields | {"username": "ada", "password": GOOD}, OURS)
        assert answer.status_code == 303
        assert answer.headers["location"] == back
        assert "Linked" in browser.get(back).text
        assert client.get(f"/v1/links/{link['id']}").json()["state"] == "done"
        assert browser.get(back).status_code == 422


def test_a_link_is_ended_by_the_session_that_began_it(place: Town) -> None:
    """O1: another session of the same person has not been to the bank, and ends nothing.

    So who holds somebody's other token cannot put a bank of their own into that person's hub.
    """
    mine, stolen = place.api.signed_in("ada"), place.api.signed_in("ada")
    link = place.begin(mine)
    back = {"callback": urlsplit(place.consent(link["authorization_url"])).query}
    refused = stolen.post(f"/v1/links/{link['id']}/finish", json=back)
    assert refused.status_code == 422
    assert mine.get("/v1/connections").json()["rows"] == []
    again = place.begin(mine)
    back = {"callback": urlsplit(place.consent(again["authorization_url"])).query}
    assert mine.post(f"/v1/links/{again['id']}/finish", json=back).status_code == 200
    assert dict(parse_qsl(back["callback"]))["state"] != link["state"]
