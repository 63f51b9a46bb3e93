"""Webhooks whose provider's key has to be fetched: stored, answered, verified later (28)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from penstock.db.hooks import hook_events
from penstock.domain.errors import TooManyAttempts, TransportFailure
from penstock.domain.request import Request, Response
from penstock.engine.hooks import MOST_WAITING, Heard
from penstock.sandbox.hooks import Posted
from tests.databases import Database
from tests.engine.hooking import hooked, is_due, linked, moved, take
from tests.engine.house import House


def test_where_a_key_is_needed_nobody_is_asked_before_the_answer(database: Database) -> None:
    """28: stored whole, answered, and verified by a worker; the body is not kept longer."""

    async def story(home: House) -> None:
        connection = await linked(home, "plaid")
        (posted,) = moved(home)
        asked = home.bank.counters.total()
        assert await take(home, "plaid", connection, posted) is Heard.WAITING
        assert await take(home, "plaid", connection, posted) is Heard.WAITING
        assert home.bank.counters.total() == asked
        assert not await is_due(home, connection)
        assert await home.penstock.inbox.verify_waiting() == 1
        assert await is_due(home, connection)
        (event,) = await home.all(hook_events.select())
        assert (event.kind, event.body) == ("TRANSACTIONS.SYNC_UPDATES_AVAILABLE", None)
        assert await home.penstock.inbox.verify_waiting() == 0
        assert await take(home, "plaid", connection, posted) is Heard.WAITING
        await home.penstock.inbox.verify_waiting()
        assert len(await home.all(hook_events.select())) == 1

    hooked(database, story)


def test_one_signed_with_another_key_is_found_out(database: Database) -> None:
    """What looks right, but was signed by somebody else, is dropped by the worker."""

    async def story(home: House) -> None:
        connection = await linked(home, "plaid")
        (posted,) = moved(home)
        head, claims, _ = posted.headers["Plaid-Verification"].split(".")
        forged = Posted({"Plaid-Verification": f"{head}.{claims}.{'A' * 86}"}, posted.body)
        assert await take(home, "plaid", connection, forged) is Heard.WAITING
        await home.penstock.inbox.verify_waiting()
        assert not await is_due(home, connection)
        assert await home.all(hook_events.select()) == []

    hooked(database, story)


def test_only_so_many_may_wait(database: Database) -> None:
    """A flood of what looks right fills a bounded place, and the rest is to come again later."""

    async def story(home: House) -> None:
        connection = await linked(home, "plaid")
        (posted,) = moved(home)
        head, claims, _ = posted.headers["Plaid-Verification"].split(".")

        def look_alike(number: int) -> Posted:
            token = f"{head}.{claims}.{number:086d}"
            return Posted({"Plaid-Verification": token}, posted.body)

        for number in range(MOST_WAITING):
            await take(home, "plaid", connection, look_alike(number))
        with pytest.raises(TooManyAttempts):
            await take(home, "plaid", connection, look_alike(MOST_WAITING))

    hooked(database, story)


def test_a_provider_that_is_away_is_asked_again(database: Database) -> None:
    """Where the key cannot be fetched now, the event waits; after a day it is given up."""

    async def story(home: House) -> None:
        connection = await linked(home, "plaid")
        (posted,) = moved(home)
        await take(home, "plaid", connection, posted)
        inbox = home.penstock.inbox
        later = replace(inbox, clock=lambda: inbox.clock() + timedelta(minutes=2))
        away = replace(inbox, send_for=lambda _: nobody_answers)
        assert await away.verify_waiting() == 1
        assert await inbox.verify_waiting() == 0
        assert not await is_due(home, connection)
        assert await later.verify_waiting() == 1
        (event,) = await home.all(hook_events.select())
        assert (event.kind, event.body) == ("TRANSACTIONS.SYNC_UPDATES_AVAILABLE", None)
        await take(home, "plaid", connection, moved(home)[0])
        days_later = replace(away, clock=lambda: inbox.clock() + timedelta(days=2))
        assert await days_later.verify_waiting() == 1
        assert len(await home.all(hook_events.select())) == 1

    hooked(database, story)


async def nobody_answers(_request: Request) -> Response:
    """Be a provider that is away."""
    raise TransportFailure


def test_one_that_breaks_us_keeps_nobody_waiting(database: Database) -> None:
    """Whatever goes wrong with one, the next is verified, and the first is tried again later."""

    async def story(home: House) -> None:
        connection = await linked(home, "plaid")
        await take(home, "plaid", connection, moved(home)[0])
        await take(home, "plaid", connection, moved(home)[0])
        asked = []

        async def breaks_once(request: Request) -> Response:
            asked.append(request)
            if len(asked) == 1:
                raise ZeroDivisionError
            return await home.penstock.inbox.send_for("plaid")(request)

        inbox = replace(home.penstock.inbox, send_for=lambda _: breaks_once)
        assert await inbox.verify_waiting() == 2
        assert await is_due(home, connection)
        assert [row.body is None for row in await home.all(hook_events.select())].count(False) == 1

    hooked(database, story)
