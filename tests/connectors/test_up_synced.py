"""Up's face, synced into a database: what settles, what vanishes, and what never may."""

from decimal import Decimal

import pytest

from penstock.db.transactions import transactions
from penstock.domain.outcome import Outcome
from penstock.sandbox import steps
from penstock.sandbox.bank import Options
from penstock.sandbox.faces.up_feed import uid
from tests.databases import Database
from tests.engine.house import House, house, play

SMALL = Options(transactions=60, page_size=20)


async def linked(home: House) -> int:
    """Link and sync Up."""
    connection = await home.paste("up")
    await synced(home, connection)
    return connection


async def synced(home: House, connection: int) -> None:
    """Sync, well."""
    ending, _ = await home.sync(connection)
    assert ending.outcome is Outcome.DONE, ending


async def number_of(home: House, external_id: str) -> list[int]:
    """Return the numbers of all rows, also of those that are gone, with an id."""
    t = transactions.c
    query = transactions.select().where(t.external_id == external_id)
    return [row.id for row in await home.all(query)]


def test_a_hold_settles_in_its_place(database: Database) -> None:
    """sync.md 10: weeks later, under its id, as the same row; and the account adds up."""

    async def story() -> None:
        async with house(database.url, SMALL) as home:
            connection, world = await linked(home), home.bank.world
            held = world.hold("checking", Decimal("-40.00"), "Hotel")
            await synced(home, connection)
            before = await number_of(home, uid(held.external_id))
            world.advance(20)
            for _ in range(3):
                world.post("checking", Decimal("-1.00"), "Tea")
            await synced(home, connection)
            assert (await home.rows())[uid(held.external_id)][1] == "pending"
            world.settle(held.external_id, Decimal("-45.00"))
            await synced(home, connection)
            after = (await home.rows())[uid(held.external_id)]
            assert after[1:3] == ("posted", "-45.00")
            assert await number_of(home, uid(held.external_id)) == before
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
            assert uid(held.external_id) not in await home.rows()

    play(story())


def test_a_hold_that_settles_under_a_new_id_stays_one_row(database: Database) -> None:
    """On rare occasions Up deletes it and makes another: account, amount and day are certain."""

    async def story() -> None:
        async with house(database.url, SMALL) as home:
            connection, world = await linked(home), home.bank.world
            held = world.hold("checking", Decimal("-41.17"), "Garage")
            await synced(home, connection)
            (number,) = await number_of(home, uid(held.external_id))
            world.advance(2)
            world.remove(held.external_id)
            made = world.post("checking", Decimal("-41.17"), "Garage")
            await synced(home, connection)
            assert await number_of(home, uid(made.external_id)) == [number]
            assert await number_of(home, uid(held.external_id)) == []

    play(story())


def test_what_settled_late_is_not_taken_for_missing(database: Database) -> None:
    """sync.md 11: an equal purchase on its day is another one, and no new id for it.

    The first was made weeks before the days that are read again, and settled within them.
    """

    async def story() -> None:
        async with house(database.url, SMALL) as home:
            connection, world = await linked(home), home.bank.world
            for row in [one for one in world.live() if one.booked_on is None]:
                world.settle(row.external_id)
            first = world.hold("checking", Decimal("-4.00"), "Coffee")
            await synced(home, connection)
            world.advance(20)
            world.settle(first.external_id, Decimal("-4.00"))
            world.post("checking", Decimal("-1.00"), "Tea")
            await synced(home, connection)
            second = world.post("checking", Decimal("-4.00"), "Coffee")
            await synced(home, connection)
            assert {uid(first.external_id), uid(second.external_id)} <= set(await home.rows())
            assert await home.tie_out() == {"ok"}

    play(story())


def test_no_settled_row_is_ever_swept(database: Database) -> None:
    """Whatever is missing of the days that were told, only what is pending ends by it.

    A window begins by the day on which a transaction was made, and a row is dated by the day on
    which it settled: a rule that removed posted rows would take those settled after the window
    began and made before.
    """

    async def story() -> None:
        async with house(database.url, SMALL) as home:
            connection, world = await linked(home), home.bank.world
            posted = {name for name, row in (await home.rows()).items() if row[1] == "posted"}
            for turn in range(6):
                steps.wandering(turn, 20)(world)
                await synced(home, connection)
                rows = await home.rows()
                assert posted <= {name for name, row in rows.items() if row[1] == "posted"}
                posted |= {name for name, row in rows.items() if row[1] == "posted"}

    play(story())


@pytest.mark.parametrize("seed", [1, 20, 300])
def test_what_is_pending_is_pending_at_the_bank(sqlite_database: Database, seed: int) -> None:
    """After any moves no pending row is left over that the bank has settled or let go."""

    async def story() -> None:
        async with house(sqlite_database.url, SMALL) as home:
            connection, world = await linked(home), home.bank.world
            for turn in range(4):
                steps.wandering(seed + turn, 15)(world)
                world.hold("checking", Decimal("-2.00"), "Just now")
                await synced(home, connection)
                rows = (await home.rows()).items()
                here = {name for name, row in rows if row[1] == "pending"}
                truth = {uid(row.external_id) for row in world.live() if row.booked_on is None}
                assert here <= truth

    play(story())
