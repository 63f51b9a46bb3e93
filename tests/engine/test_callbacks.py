"""What comes back from a bank is used once, by whom it is for (security.md O1, O3, O4)."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from penstock.db import users
from penstock.db.credentials import credentials
from penstock.db.links import links
from penstock.domain.errors import (
    InvalidInput,
    OAuthError,
    OAuthUnavailable,
)
from penstock.domain.remedy import RemedyKind
from penstock.sandbox.faults import Fault, FaultKind, Place
from tests.databases import Database
from tests.engine.house import House
from tests.engine.interposed import Interposed
from tests.engine.linking import Callback, asked_for_tokens, at_home, come_back, finish, linked


def test_of_parallel_callbacks_one_wins(database: Database) -> None:
    """O1: a state is used once, however many bring it at the same moment; one code is exchanged."""

    async def story(home: House) -> None:
        callback = await come_back(home)
        ended = await asyncio.gather(
            *(finish(home, callback) for _ in range(5)), return_exceptions=True
        )
        won = [one for one in ended if isinstance(one, int)]
        lost = [one for one in ended if isinstance(one, InvalidInput)]
        assert (len(won), len(lost)) == (1, 4)
        assert (await linked(home), asked_for_tokens(home)) == (1, 1)
        with pytest.raises(InvalidInput):
            await finish(home, callback)
        assert (await linked(home), asked_for_tokens(home)) == (1, 1)

    at_home(database, story)


@pytest.mark.parametrize("whose", ["another person's", "another connector's"])
def test_a_callback_of_somebody_else_is_refused(database: Database, whose: str) -> None:
    """O1: bound to person and provider; brought by the wrong one it is used up for everybody."""

    async def story(home: House) -> None:
        ben = {"username": "ben", "password_hash": "", "created_at": home.penstock.clock()}
        added = users.users.insert().values(ben).returning(users.users.c.id)
        other = await home.penstock.database.write(lambda one: one.execute(added).scalar_one())
        callback = await come_back(home)
        wrong: dict[str, Any] = {"owner_id": other}
        if whose == "another connector's":
            wrong = {"connector": "starling"}
        with pytest.raises(InvalidInput):
            await finish(home, callback, **wrong)
        with pytest.raises(InvalidInput):
            await finish(home, callback)
        assert (await linked(home), asked_for_tokens(home)) == (0, 0)

    at_home(database, story)


HOSTILE: dict[str, Callback] = {
    "nothing": [],
    "no state": [("code", "c")],
    "an empty state": [("state", ""), ("code", "c")],
    "two states": [("state", "s"), ("state", "s"), ("code", "c")],
    "an unknown state": [("state", "s"), ("code", "c")],
    "a long state": [("state", "s" * 100_000), ("code", "c")],
    "a state with NUL": [("state", "s\0"), ("code", "c")],
    "a state with half a character": [("state", "\ud800"), ("code", "c")],
    "a state with a quote": [("state", "' OR 1=1 --"), ("code", "c")],
}


def test_hostile_callbacks_reach_nobody(database: Database) -> None:
    """O1, X4: whatever is made up is refused alike, and the bank is not asked."""

    async def story(home: House) -> None:
        await come_back(home)
        messages = set()
        for callback in HOSTILE.values():
            with pytest.raises(InvalidInput) as caught:
                await finish(home, callback)
            messages.add(caught.value.message)
        assert len(messages) == 1
        assert (await linked(home), asked_for_tokens(home)) == (0, 0)

    at_home(database, story)


SPOILT: dict[str, Callable[[dict[str, str]], dict[str, str]]] = {
    "an error": lambda c: {"state": c["state"], "iss": c["iss"], "error": "server_error"},
    "an error beside a code": lambda c: {**c, "error": "access_denied"},
    "another issuer": lambda c: {**c, "iss": "https://attacker.example"},
    "no issuer": lambda c: {name: text for name, text in c.items() if name != "iss"},
    "no code": lambda c: {**c, "code": ""},
    "a code that is none": lambda c: {**c, "code": "x" * 5000},
}


@pytest.mark.parametrize("how", SPOILT)
def test_a_failed_callback_is_used_up_and_asks_nobody(sqlite_database: Database, how: str) -> None:
    """O3, O4: an error callback never reaches the token endpoint, and its state is spent."""

    async def story(home: House) -> None:
        callback = await come_back(home)
        with pytest.raises(OAuthError) as caught:
            await finish(home, list(SPOILT[how](dict(callback)).items()))
        assert caught.value.remedy is not None
        with pytest.raises(InvalidInput):
            await finish(home, callback)
        assert (await linked(home), asked_for_tokens(home)) == (0, 0)
        (row,) = await home.all(links.select())
        assert row.failure == caught.value.message
        assert row.result_connection_id is None

    at_home(sqlite_database, story)


def test_a_person_who_says_no_is_understood(database: Database) -> None:
    """O4: denial is an answer of its own; nothing is linked, and the waiting program is told."""

    async def story(home: House) -> None:
        callback = await come_back(home, decision="deny")
        with pytest.raises(OAuthError) as caught:
            await finish(home, callback)
        assert caught.value.code == "access_denied"
        assert caught.value.remedy is not None
        assert caught.value.remedy.kind is RemedyKind.ASK_PERSON
        (row,) = await home.all(links.select())
        assert (row.failure, row.result_connection_id) == (caught.value.message, None)
        assert (await linked(home), asked_for_tokens(home)) == (0, 0)

    at_home(database, story)


@pytest.mark.parametrize("kind", [FaultKind.THROTTLED, FaultKind.SERVER_ERROR])
def test_a_token_endpoint_in_trouble_stores_nothing(
    sqlite_database: Database, kind: FaultKind
) -> None:
    """O4: a 429 in JSON, or a 5xx, is no token; the link ends, and one begins anew."""

    async def story(home: House) -> None:
        home.bank.queue(Fault(kind), place=Place.TOKEN)
        with pytest.raises(OAuthUnavailable):
            await finish(home, await come_back(home))
        assert await linked(home) == 0
        assert await home.all(credentials.select()) == []
        await finish(home, await come_back(home))
        assert await linked(home) == 1

    at_home(sqlite_database, story)


def test_a_token_that_was_given_is_stored_though_nobody_waits(database: Database) -> None:
    """O4: who closes the browser after the bank gave its token loses nothing."""

    async def story(home: House) -> None:
        reached, go_on = asyncio.Event(), asyncio.Event()

        async def late(work: str) -> None:
            if work == "_open_connection":
                reached.set()
                await go_on.wait()

        stalling = Interposed(home.penstock.database.engine, late)
        linker = replace(home.penstock.linker, database=stalling)
        ending = asyncio.create_task(finish(home, await come_back(home, linker), linker=linker))
        await reached.wait()
        ending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await ending
        assert await linked(home) == 0
        go_on.set()
        while not await linked(home):
            await asyncio.sleep(0)
        assert len(await home.all(credentials.select())) == 1
        await asyncio.to_thread(stalling.close)

    at_home(database, story)


def test_the_bank_is_never_asked_twice_for_one_code(database: Database) -> None:
    """O1: a used code would revoke what it gave: one link asks for tokens once."""

    async def story(home: House) -> None:
        for expected in (1, 2):
            await home.link()
            assert asked_for_tokens(home) == expected

    at_home(database, story)
