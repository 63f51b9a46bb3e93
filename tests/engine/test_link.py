"""A link is begun by one person, for one bank, and is good for a while (security.md O1, O2)."""

import base64
from dataclasses import replace
from datetime import timedelta
from hashlib import sha256
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from penstock.db.connections import connections
from penstock.db.credentials import credentials
from penstock.db.links import links
from penstock.domain.errors import (
    Conflict,
    InvalidInput,
    NotFound,
    OAuthError,
    PenstockError,
)
from penstock.engine.link import TTL, Linker
from penstock.wiring import connectors_of
from tests.databases import Database
from tests.engine.bench import Watch
from tests.engine.house import CALLBACK, House
from tests.engine.linking import asked_for_tokens, at_home, come_back, finish


def test_the_state_is_random_and_only_its_keyed_hash_is_kept(database: Database) -> None:
    """O1: 256 bits, another for each link; the database alone does not tell, nor test, a state."""

    async def story(home: House) -> None:
        states = set()
        for _ in range(3):
            begun = await home.penstock.linker.begin(
                home.owner_id, "sandbox", redirect_uri=CALLBACK
            )
            (state,) = parse_qs(urlsplit(begun.url).query)["state"]
            assert len(base64.urlsafe_b64decode(state + "=")) == 32
            states.add(state)
        assert len(states) == 3
        stored = str(await home.all(links.select()))
        for state in states:
            assert state not in stored
            assert sha256(state.encode()).hexdigest() not in stored
            assert home.penstock.linker.hash_state(state) in stored

    at_home(database, story)


def test_the_verifier_is_sealed_and_gone_after_use(database: Database) -> None:
    """O2: a verifier for each link, sealed for its row; used or refused, it is not kept."""

    async def story(home: House) -> None:
        linker = home.penstock.linker
        challenges = set()
        for decision in ("allow", "deny"):
            begun = await linker.begin(home.owner_id, "sandbox", redirect_uri=CALLBACK)
            asked = parse_qs(urlsplit(begun.url).query)
            assert asked["code_challenge_method"] == ["S256"]
            row = (await home.all(links.select().where(links.c.id == begun.link_id)))[0]
            opened = linker.seals.open_verifier(row.verifier, begun.link_id, home.owner_id)
            assert opened.reveal() not in str(row)
            digest = sha256(opened.reveal().encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
            assert asked["code_challenge"] == [challenge]
            challenges.add(challenge)
            with pytest.raises(PenstockError):
                linker.seals.open_verifier(row.verifier, begun.link_id + 1, home.owner_id)
            back = await home.consent(begun.url, decision=decision)
            ending = finish(home, parse_qsl(urlsplit(back).query))
            if decision == "deny":
                with pytest.raises(OAuthError):
                    await ending
            else:
                await ending
            row = (await home.all(links.select().where(links.c.id == begun.link_id)))[0]
            assert row.verifier is None
            assert row.used_at is not None
        assert len(challenges) == 2

    at_home(database, story)


def test_a_link_is_good_for_ten_minutes(database: Database) -> None:
    """O1: a moment before its end it still is, at its end no more, and nobody is asked."""

    async def story(home: House) -> None:
        watch = Watch(home.penstock.clock())
        linker = replace(home.penstock.linker, clock=watch)
        callback = await come_back(home, linker)
        watch.now += TTL - timedelta(microseconds=1)
        await finish(home, callback, linker=linker)
        callback = await come_back(home, linker)
        asked = asked_for_tokens(home)
        watch.now += TTL
        with pytest.raises(InvalidInput) as caught:
            await finish(home, callback, linker=linker)
        assert caught.value.remedy is not None
        assert "penstock connect" in caught.value.remedy.text
        assert asked_for_tokens(home) == asked
        assert timedelta(minutes=10) == TTL

    at_home(database, story)


def test_two_links_at_once_do_not_touch_each_other(database: Database) -> None:
    """O1: a person may link twice at the same time, and end them in any order."""

    async def story(home: House) -> None:
        first, second = await come_back(home), await come_back(home)
        numbers = [await finish(home, second), await finish(home, first)]
        assert len(set(numbers)) == 2
        ended = {row.result_connection_id for row in await home.all(links.select())}
        assert ended == set(numbers)
        tokens = {row.access for row in await home.all(credentials.select())}
        assert len(tokens) == 2

    at_home(database, story)


def test_the_end_of_the_consent_is_known(database: Database) -> None:
    """sync.md 26: as many days from now as the provider's consents last."""

    async def story(home: House) -> None:
        watch = Watch(home.penstock.clock())
        linker = replace(home.penstock.linker, clock=watch)
        number = await finish(home, await come_back(home, linker), linker=linker)
        (row,) = await home.all(connections.select().where(connections.c.id == number))
        assert row.consent_expires_at == watch.now + timedelta(days=90)
        assert row.next_sync_at == watch.now

    at_home(database, story)


def test_old_links_are_swept(database: Database) -> None:
    """O2: what nobody came back with is deleted when a later link begins, a day after its end."""

    async def story(home: House) -> None:
        watch = Watch(home.penstock.clock())
        linker = replace(home.penstock.linker, clock=watch)
        begun = []
        for wait in (timedelta(), timedelta(days=1), TTL + timedelta(seconds=1)):
            watch.now += wait
            link = await linker.begin(home.owner_id, "sandbox", redirect_uri=CALLBACK)
            begun.append(link.link_id)
        kept = [row.id for row in await home.all(links.select().order_by(links.c.id))]
        assert kept == begun[1:]

    at_home(database, story)


def test_what_cannot_begin_leaves_nothing(database: Database) -> None:
    """Unknown or unready connectors, plans that are not there: refused by name, with what to do."""

    async def story(home: House) -> None:
        linker = home.penstock.linker
        bare = connectors_of(home.penstock.settings.model_copy(update={"sandbox_url": None}))
        unready = replace(linker, connectors=bare)
        cases: list[tuple[Linker, str, dict[str, Any], type[PenstockError]]] = [
            (linker, "no such bank", {}, NotFound),
            (linker, "sandbox", {"plan": 1}, InvalidInput),
            (linker, "sandbox", {"plan": -1}, InvalidInput),
            (linker, "starling", {}, InvalidInput),
            (linker, "sandbox", {"connection_id": 4711}, NotFound),
            (linker, "sandbox", {"parameters": {"state": "mine"}}, OAuthError),
            (unready, "sandbox", {}, Conflict),
        ]
        for who, name, more, error in cases:
            with pytest.raises(error) as caught:
                await who.begin(home.owner_id, name, redirect_uri=CALLBACK, **more)
            if error is Conflict:
                assert caught.value.remedy is not None
                assert "PENSTOCK_SANDBOX_URL" in caught.value.remedy.text
        assert await home.all(links.select()) == []

    at_home(database, story)


def test_parameters_go_along(database: Database) -> None:
    """What a connector's consent page understands is passed to it, beside our own parameters."""

    async def story(home: House) -> None:
        begun = await home.penstock.linker.begin(
            home.owner_id, "sandbox", redirect_uri=CALLBACK, parameters={"scenario": "twins"}
        )
        asked = parse_qs(urlsplit(begun.url).query)
        assert (asked["scenario"], asked["redirect_uri"]) == (["twins"], [CALLBACK])

    at_home(database, story)
