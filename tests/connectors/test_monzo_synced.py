"""Monzo's face, synced into a database: the approval, the five minutes, and what is pending."""

from datetime import date
from decimal import Decimal
from urllib.parse import parse_qsl

import aiohttp
import pytest

from penstock.db.transactions import transactions
from penstock.domain.consent import ConsentState
from penstock.domain.outcome import Outcome
from penstock.domain.remedy import RemedyKind
from penstock.sandbox import steps
from penstock.sandbox.bank import Options
from penstock.sandbox.faces.monzo import PREFIX
from penstock.sandbox.faces.monzo_feed import uid
from tests.databases import Database
from tests.engine.house import CALLBACK, House, house, play

SMALL = Options(transactions=80, page_size=20, today=date(2026, 11, 20))


async def linked(home: House) -> int:
    """Link and sync Monzo, at once."""
    connection = await home.link(connector="monzo")
    await synced(home, connection)
    return connection


async def synced(home: House, connection: int) -> None:
    """Sync, well."""
    ending, _ = await home.sync(connection)
    assert ending.outcome is Outcome.DONE, ending


async def linked_unapproved(home: House, renew: int | None = None) -> int:
    """Link Monzo, and leave the approval in the app for later."""
    begun = await home.penstock.linker.begin(
        home.owner_id, "monzo", redirect_uri=CALLBACK, connection_id=renew
    )
    back = await home.consent(f"{begun.url}&approve=later")
    return await home.penstock.linker.finish(
        "monzo", parse_qsl(back.partition("?")[2]), owner_id=home.owner_id
    )


async def approve(home: House) -> None:
    """Press the button on the phone."""
    async with (
        aiohttp.ClientSession() as http,
        http.post(f"{home.bank.url}{PREFIX}/app") as answer,
    ):
        assert answer.status == 200


def expected(home: House) -> set[str]:
    """Return the ids of all rows that Monzo can tell."""
    world = home.bank.world
    return {
        uid("tx", row.pending_external_id or row.external_id)
        for row in world.live()
        if row.account == world.accounts[0].external_id
    }


def older_than(home: House, days: int) -> set[str]:
    """Return the ids of those that were made before so many days."""
    world = home.bank.world
    return {
        uid("tx", row.external_id)
        for row in world.live()
        if row.account == world.accounts[0].external_id
        and row.authorized_on
        and (world.today - row.authorized_on).days > days
    }


def test_nothing_is_told_before_the_approval(database: Database) -> None:
    """No failure, and no success: the person is told what to do, and then all of it comes."""

    async def story() -> None:
        async with house(database.url, SMALL) as home:
            connection = await linked_unapproved(home)
            ending, _ = await home.sync(connection)
            assert ending.outcome is Outcome.NOT_READY
            assert ending.remedy is not None
            assert ending.remedy.kind is RemedyKind.ASK_PERSON
            assert "Monzo app" in ending.remedy.text
            assert await home.rows() == {}
            home.bank.world.advance(1)
            await approve(home)
            await synced(home, connection)
            assert set(await home.rows()) == expected(home), "the five minutes begin with it"

    play(story())


def test_history_is_owed_until_it_is_told(database: Database) -> None:
    """Too late for the five minutes: what is told is here, what is not is said; a renewal heals."""

    async def story() -> None:
        async with house(database.url, SMALL) as home:
            connection = await home.link(connector="monzo")
            home.bank.world.advance(1)
            old = older_than(home, 89)
            assert old
            for _ in range(2):
                ending, _ = await home.sync(connection)
                assert ending.outcome is Outcome.PARTIAL
                assert "could not be read" in (ending.message or "")
                assert set(await home.rows()) == expected(home) - old
            assert await home.link(connector="monzo", renew=connection) == connection
            await synced(home, connection)
            assert set(await home.rows()) == expected(home)
            home.bank.world.advance(1)
            await synced(home, connection)

    play(story())


def test_months_that_nobody_read_are_said(database: Database) -> None:
    """Monzo's ninety days went by: what may have been missed is owed, and what is told comes."""

    async def story() -> None:
        async with house(database.url, SMALL) as home:
            connection, world = await linked(home), home.bank.world
            world.advance(85)
            world.post("checking", Decimal("-3.00"), "Tea")
            ending, _ = await home.sync(connection)
            assert ending.outcome is Outcome.PARTIAL
            assert set(await home.rows()) == expected(home)

    play(story())


def test_a_hold_settles_in_its_place(database: Database) -> None:
    """sync.md 10: weeks later, under its id, as the same row; and the account adds up."""

    async def story() -> None:
        async with house(database.url, SMALL) as home:
            connection, world = await linked(home), home.bank.world
            held = world.hold("checking", Decimal("-40.00"), "Hotel")
            name = uid("tx", held.external_id)
            await synced(home, connection)
            query = transactions.select().where(transactions.c.external_id == name)
            (before,) = await home.all(query)
            world.advance(20)
            world.post("checking", Decimal("-1.00"), "Tea")
            await synced(home, connection)
            assert (await home.rows())[name][1] == "pending"
            world.settle(held.external_id, Decimal("-45.00"))
            await synced(home, connection)
            assert (await home.rows())[name][1:3] == ("posted", "-45.00")
            (after,) = await home.all(query)
            assert after.id == before.id
            assert await home.tie_out() == {"ok"}

    play(story())


def test_a_hold_that_vanishes_is_gone(database: Database) -> None:
    """Seen by its absence alone: the next reading's days are told in full."""

    async def story() -> None:
        async with house(database.url, SMALL) as home:
            connection, world = await linked(home), home.bank.world
            held = world.hold("checking", Decimal("-40.00"), "Deposit")
            await synced(home, connection)
            world.remove(held.external_id)
            await synced(home, connection)
            assert set(await home.rows()) == expected(home)

    play(story())


def test_a_hold_of_long_ago_is_not_lost(database: Database) -> None:
    """After 89 days Monzo does not tell it any more: it stays, pending, as it was told last."""

    async def story() -> None:
        async with house(database.url, SMALL) as home:
            connection, world = await linked(home), home.bank.world
            held = world.hold("checking", Decimal("-40.00"), "Instalments")
            for days in (0, 50, 45, 3):
                world.advance(days)
                world.post("checking", Decimal("-1.00"), "Tea")
                await synced(home, connection)
            assert (await home.rows())[uid("tx", held.external_id)][1] == "pending"

    play(story())


def test_one_link_for_each_person(database: Database) -> None:
    """A new link at Monzo ends the tokens of the one before: that one asks for its renewal."""

    async def story() -> None:
        async with house(database.url, SMALL) as home:
            first = await linked(home)
            await home.link(connector="monzo")
            ending, _ = await home.sync(first)
            assert ending.outcome is Outcome.CONSENT
            assert ending.consent is ConsentState.LOGIN_REQUIRED

    play(story())


def test_tokens_are_renewed_and_given_back(database: Database) -> None:
    """Six hours later the token is refreshed; a disconnect logs out, and is confirmed."""

    async def story() -> None:
        async with house(database.url, SMALL) as home:
            connection = await linked(home)
            home.expire_access()
            await synced(home, connection)
            home.expire_access()
            done = await home.penstock.forgetter.disconnect(
                connection, owner_id=home.owner_id, delete=False
            )
            assert done.revoked is True
            assert home.bank.authority.grants[-1].state is ConsentState.REVOKED

    play(story())


@pytest.mark.parametrize("seed", [1, 20, 300])
def test_what_is_pending_is_pending_at_the_bank(sqlite_database: Database, seed: int) -> None:
    """After any moves no pending row is left over that the bank has settled or let go."""

    async def story() -> None:
        async with house(sqlite_database.url, SMALL) as home:
            connection, world = await linked(home), home.bank.world
            for turn in range(4):
                steps.wandering(seed + turn, 15)(world)
                await synced(home, connection)
                rows = await home.rows()
                here = {name for name, row in rows.items() if row[1] == "pending"}
                truth = {
                    uid("tx", row.external_id) for row in world.live() if row.booked_on is None
                }
                assert here <= truth

    play(story())


def test_an_archive_is_mapped_again_whatever_the_day(sqlite_database: Database) -> None:
    """sync.md 18: which windows were asked for follows from the answers, not from our clock."""

    async def story() -> None:
        async with house(sqlite_database.url, SMALL) as home:
            connection = await linked(home)
            home.bank.world.post("checking", Decimal("-1.00"), "Tea")
            home.bank.world.advance(30)
            await synced(home, connection)
            replayed = await home.penstock.replayer.replay(
                connection, owner_id=home.owner_id, dry=True
            )
            assert (replayed.updates, replayed.changed) == (2, 0)

    play(story())
