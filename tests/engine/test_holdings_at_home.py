"""Holdings from a whole bank over HTTP: read, sold, bought, replayed, forgotten."""

from decimal import Decimal
from typing import Any

import sqlalchemy as sa

from penstock.db.changes import START, page
from penstock.db.erasures import erasures
from penstock.db.holdings import holding_images, holdings
from penstock.domain.outcome import Outcome
from penstock.engine.undo import undo
from penstock.sandbox.bank import Options
from penstock.sandbox.faults import Fault, FaultKind, Place
from penstock.sandbox.scenario import Scenario
from penstock.sandbox.world import World
from tests.databases import Database
from tests.engine.house import House, house, play

OPTIONS = Options(transactions=40, slow_seconds=0)


def world_of(home: House) -> World:
    """Return the investor's world."""
    return home.bank.desk("ada", Scenario.INVESTED).world


def test_what_is_held_is_what_the_bank_says_day_after_day(database: Database) -> None:
    """Prices move, a position is sold and comes back, answers fail: the table is the truth."""
    troubles = [FaultKind.HTML, FaultKind.CUT, FaultKind.SERVER_ERROR, FaultKind.THROTTLED]

    async def story() -> None:
        async with house(database.url, OPTIONS) as home:
            connection = await home.link(Scenario.INVESTED)
            world = world_of(home)
            for quantity, trouble in zip((-12, 5, -5, 0), troubles, strict=True):
                ending, _ = await home.sync(connection)
                assert ending.outcome is Outcome.DONE
                assert await home.held() == home.worth()
                assert await home.rows() == home.truth(Scenario.INVESTED)
                world.advance(1)
                if quantity:
                    world.trade("WEIR", Decimal(quantity))
                home.bank.queue(Fault(trouble), place=Place.HOLDINGS)
                await home.sync(connection)
                home.bank.calm()
            _, run = await home.sync(connection)
            _, quiet = await home.sync(connection)
            assert (run.tally.holdings, quiet.tally.holdings) == (0, 0)
            (weir,) = await home.all(holdings.select().where(holdings.c.symbol == "WEIR"))
            assert weir.ended_at is not None
            assert await home.tie_out() <= {"ok", "settling"}

    play(story())


def test_a_garbled_answer_ends_no_position(sqlite_database: Database) -> None:
    """sync.md 8, 29: it is an error by name; what was held stays, and the rows are stored."""

    async def story() -> None:
        async with house(sqlite_database.url, OPTIONS) as home:
            connection = await home.link(Scenario.INVESTED)
            await home.sync(connection)
            before = await home.held()
            world_of(home).trade("WEIR", Decimal(1))
            for kind in (FaultKind.MISSING, FaultKind.WRONG_TYPE, FaultKind.HALF):
                home.bank.queue(Fault(kind), place=Place.HOLDINGS)
                ending, _ = await home.sync(connection)
                assert ending.outcome is Outcome.CONTRACT
                assert await home.held() == before
                assert await home.rows() == home.truth(Scenario.INVESTED)

    play(story())


def test_a_replay_leaves_them_alone(database: Database) -> None:
    """sync.md 18: what is mapped again are rows: no position is written, ended or revived."""

    async def story() -> None:
        async with house(database.url, OPTIONS) as home:
            connection = await home.link(Scenario.INVESTED)
            await home.sync(connection)
            world_of(home).trade("WEIR", Decimal(-12))
            await home.sync(connection)
            before = await home.all(holdings.select().order_by(holdings.c.id))
            replayed = await home.penstock.replayer.replay(
                connection, owner_id=home.owner_id, dry=False
            )
            assert replayed.changed == 0
            assert await home.all(holdings.select().order_by(holdings.c.id)) == before

    play(story())


def test_an_undone_sync_takes_back_rows_and_holdings(database: Database) -> None:
    """sync.md 31: both streams of a run are as before it, and the next sync reads them again."""

    async def story() -> None:
        async with house(database.url, OPTIONS) as home:
            connection = await home.link(Scenario.INVESTED)
            await home.sync(connection)
            before = await home.held(), await home.rows()
            world = world_of(home)
            world.advance(1)
            world.trade("WEIR", Decimal(-12))
            world.trade("ETH", Decimal("0.000000000000000001"))
            _, run = await home.sync(connection)
            assert await home.held() == home.worth()
            done = await home.penstock.database.write(
                undo, run.id, owner_id=home.owner_id, now=home.penstock.clock(), dry=False
            )
            assert not done.kept_holdings
            assert (await home.held(), await home.rows()) == before
            await home.sync(connection)
            assert (await home.held(), await home.rows()) == (
                home.worth(),
                home.truth(Scenario.INVESTED),
            )

    play(story())


def test_deleted_holdings_leave_stubs(database: Database) -> None:
    """sync.md 19: who follows the feed learns of each erased position, ended ones too."""

    async def story() -> None:
        async with house(database.url, OPTIONS) as home:
            connection = await home.link(Scenario.INVESTED)
            await home.sync(connection)
            world_of(home).trade("WEIR", Decimal(-12))
            await home.sync(connection)
            numbers = {row.id for row in await home.all(holdings.select())}
            assert await home.all(sa.select(holding_images.c.run_id))
            await home.penstock.forgetter.disconnect(
                connection, owner_id=home.owner_id, delete=True
            )
            assert await home.all(holdings.select()) == []
            assert await home.all(holding_images.select()) == []
            stubs = await home.all(erasures.select().where(erasures.c.kind == "holding"))
            assert {row.row_id for row in stubs} == numbers
            feed: dict[str, Any] = {"owner_id": home.owner_id, "limit": 1000, "after": START}
            today = home.penstock.clock().date()
            told = await home.penstock.database.read(page, today=today, **feed)
            assert {one.kind for one in told.changes} == {"erasure"}

    play(story())
