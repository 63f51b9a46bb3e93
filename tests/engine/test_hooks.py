"""Webhooks: the provider's word, taken once, and no more than a hint (sync.md 28)."""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from penstock.db import due, turns
from penstock.db.connections import connections
from penstock.db.hooks import hook_events, hook_subscriptions
from penstock.domain.errors import HookRefused, NotFound, TooManyAttempts, TransportFailure
from penstock.domain.outcome import Outcome
from penstock.domain.request import Request, Response
from penstock.engine.hooks import MOST_WAITING, Heard
from penstock.sandbox.bank import Options
from penstock.sandbox.hooks import Posted
from tests.databases import Database
from tests.engine.house import House, house, play

SMALL = Options(transactions=30, page_size=20)
PUBLIC = "http://127.0.0.1:1"
Story = Callable[[House], Coroutine[Any, Any, None]]


def hooked(database: Database, story: Story, public_url: str | None = PUBLIC) -> None:
    """Play a story in a house that the world reaches."""

    async def told() -> None:
        async with house(database.url, SMALL, public_url=public_url) as home:
            await story(home)

    play(told())


async def linked(home: House, name: str) -> int:
    """Link and sync a connector; return the connection."""
    pasted = name == "up"
    connection = await home.paste(name) if pasted else await home.link(connector=name)
    ending, _ = await home.sync(connection)
    assert ending.outcome is Outcome.DONE, ending
    return connection


def moved(home: House) -> list[Posted]:
    """Move the world, and return what the bank now has to send."""
    home.bank.world.post("checking", Decimal("-1.00"), "Tea")
    (subscription,) = home.bank.hooks.subscriptions.values()
    log = home.bank.world.log
    return list(subscription.write(list(log.after(log.version - 1))))


async def take(home: House, name: str, connection: int, posted: Posted) -> Heard:
    """Deliver a webhook."""
    headers = {header.lower(): text for header, text in posted.headers.items()}
    return await home.penstock.inbox.take(name, connection, headers, posted.body)


async def is_due(home: House, connection: int) -> bool:
    """Tell whether a sync would begin by itself now."""
    return await home.penstock.database.read(due.is_due, connection, now=home.penstock.clock())


@pytest.mark.parametrize("name", ["up", "plaid"])
def test_the_first_sync_asks_for_them(database: Database, name: str) -> None:
    """Where the world reaches us the provider is told where, once; the secret is stored sealed."""

    async def story(home: House) -> None:
        connection = await linked(home, name)
        await home.sync(connection)
        (subscription,) = home.bank.hooks.subscriptions.values()
        assert subscription.url.startswith(f"{PUBLIC}/v1/hooks/{name}/con_")
        (row,) = await home.all(hook_subscriptions.select())
        assert row.url == subscription.url
        assert row.secret is None or row.secret.startswith("v1.")

    hooked(database, story)


def test_who_cannot_be_reached_asks_for_none(database: Database) -> None:
    """Without a public address nothing is asked for, and all is read in turn."""

    async def story(home: House) -> None:
        await linked(home, "up")
        assert not home.bank.hooks.subscriptions

    hooked(database, story, public_url=None)


def test_a_good_one_makes_the_connection_due_once(database: Database) -> None:
    """28: verified and stored; delivered again it does nothing; the run says why it was."""

    async def story(home: House) -> None:
        connection = await linked(home, "up")
        assert not await is_due(home, connection)
        (posted,) = moved(home)
        assert await take(home, "up", connection, posted) is Heard.HEARD
        assert await is_due(home, connection)
        assert await home.penstock.runner.tick() == 1
        await home.penstock.runner.stop()
        (seen,) = [row for row in (await home.rows()).values() if row[3] == "Tea"]
        assert seen[2] == "-1.00"
        (last,) = await home.all(connections.select())
        assert (await home.run(last.last_run_id)).trigger == "hook"
        assert await take(home, "up", connection, posted) is Heard.DUPLICATE
        assert not await is_due(home, connection)

    hooked(database, story)


def test_one_that_comes_in_mid_sync_is_not_forgotten(database: Database) -> None:
    """20: the running sync may have read past it, so one more follows."""

    async def story(home: House) -> None:
        connection = await linked(home, "up")
        run = await home.penstock.syncer.start(connection, trigger="test")
        assert run is not None
        (posted,) = moved(home)
        assert await take(home, "up", connection, posted) is Heard.HEARD
        await run.finish()
        assert await is_due(home, connection)

    hooked(database, story)


def test_a_hint_does_not_push_past_what_holds_a_connection_back(database: Database) -> None:
    """A pause, a bank that wants to be left alone, an ended consent: it waits, as the turn does."""

    async def story(home: House) -> None:
        connection = await linked(home, "up")
        (posted,) = moved(home)
        write = home.penstock.database.write
        await write(turns.pause, connection, reason="by hand", now=home.penstock.clock())
        assert await take(home, "up", connection, posted) is Heard.HEARD
        assert not await is_due(home, connection)
        await write(turns.resume, connection)
        assert await is_due(home, connection)

    hooked(database, story)


@pytest.mark.parametrize("name", ["up", "plaid"])
def test_what_others_send_is_refused(database: Database, name: str) -> None:
    """28: another body, another signature, none, nonsense: refused, counted, nothing is due."""

    async def story(home: House) -> None:
        connection = await linked(home, name)
        (posted,) = moved(home)
        ((header, good),) = posted.headers.items()
        forged = [
            Posted(posted.headers, posted.body + b" "),
            Posted({}, posted.body),
            Posted({header: ""}, posted.body),
            Posted({header: good[:-2]}, posted.body + b"\n"),
            Posted({header: "x" * 9000}, b""),
            Posted({header: "é.é.é"}, b"\xff\x00"),
        ]
        for each in forged:
            with pytest.raises(HookRefused):
                await take(home, name, connection, each)
        assert not await is_due(home, connection)
        assert await home.all(hook_events.select()) == []
        counted = home.penstock.metrics.render()[0].decode()
        line = f'penstock_hooks_total{{connector="{name}",outcome="refused"}} {len(forged)}.0'
        assert line in counted

    hooked(database, story)


def test_nothing_is_expected_elsewhere(database: Database) -> None:
    """An unknown connector or connection, another's, one that has ended: there is no such thing."""

    async def story(home: House) -> None:
        connection = await linked(home, "up")
        (posted,) = moved(home)
        for name, number in (("no such", connection), ("up", 4711), ("plaid", connection)):
            with pytest.raises(NotFound):
                await take(home, name, number, posted)
        with pytest.raises(NotFound):
            await take(home, "sandbox", connection, posted)
        await home.penstock.forgetter.disconnect(connection, owner_id=home.owner_id, delete=False)
        with pytest.raises(NotFound):
            await take(home, "up", connection, posted)

    hooked(database, story)


def test_disconnecting_ends_them_at_the_provider(database: Database) -> None:
    """Whoever ends a connection is not called any more, and the secret is gone."""

    async def story(home: House) -> None:
        connection = await linked(home, "up")
        assert home.bank.hooks.subscriptions
        await home.penstock.forgetter.disconnect(connection, owner_id=home.owner_id, delete=False)
        assert not home.bank.hooks.subscriptions
        assert await home.all(hook_subscriptions.select()) == []

    hooked(database, story)


def test_what_is_renewed_is_asked_for_anew(database: Database) -> None:
    """A renewal may open another Item: the one before took the address that it knew with it."""

    async def story(home: House) -> None:
        connection = await linked(home, "plaid")
        home.bank.hooks.subscriptions.clear()
        await home.sync(await home.link(renew=connection, connector="plaid"))
        assert len(home.bank.hooks.subscriptions) == 1

    hooked(database, story)


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
