"""Webhooks: the provider's word, taken once, and no more than a hint (sync.md 28)."""

import pytest

from penstock.db import turns
from penstock.db.connections import connections
from penstock.db.hooks import hook_events, hook_subscriptions
from penstock.domain.errors import HookRefused, NotFound
from penstock.engine.hooks import Heard
from penstock.sandbox.hooks import Posted
from tests.databases import Database
from tests.engine.hooking import PUBLIC, hooked, is_due, linked, moved, take
from tests.engine.house import House


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
        assert row.secret is None or row.secret.startswith("v2.")

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
