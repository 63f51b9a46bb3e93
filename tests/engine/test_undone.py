"""After an undo: what was kept, and what the archive knows (sync.md 18, 31)."""

import sqlalchemy as sa

from penstock.db.transactions import transactions
from penstock.domain.outcome import Outcome
from penstock.engine.edit import edit_transaction
from penstock.engine.undo import undo
from penstock.sandbox.scenario import Scenario
from tests.databases import Database
from tests.engine.house import House, house, play


async def undone(home: House, run_id: int) -> list[int]:
    """Undo a run; return the rows that were kept."""
    done = await home.penstock.database.write(
        undo, run_id, owner_id=home.owner_id, now=home.penstock.clock(), dry=False
    )
    return list(done.kept)


def test_what_was_kept_still_goes_when_the_bank_takes_it_back(database: Database) -> None:
    """sync.md 27, 31: an edited row outlives the undo, and not the bank's word on it."""

    async def story() -> None:
        async with house(database.url) as home:
            connection = await home.link()
            await home.sync(connection)
            before = await home.rows()
            home.step()
            _, run = await home.sync(connection)
            (new, *_) = sorted(set(await home.rows()) - set(before))
            query = sa.select(transactions.c.id).where(transactions.c.external_id == new)
            ((number,),) = await home.all(query)
            await home.penstock.database.write(
                edit_transaction,
                number,
                {"note": "mine"},
                owner_id=home.owner_id,
                now=home.penstock.clock(),
            )
            assert await undone(home, run.id) == [number]
            home.bank.desk("ada", Scenario.CALM).world.remove(new)
            ending, _ = await home.sync(connection)
            assert ending.outcome is Outcome.DONE
            assert await home.rows() == home.truth()

    play(story())


def test_what_was_undone_is_not_replayed(database: Database) -> None:
    """sync.md 18, 31: nor is what a later run heard again, though it changed nothing."""

    async def story() -> None:
        async with house(database.url) as home:
            connection = await home.link()
            await home.sync(connection)
            home.step()
            _, run = await home.sync(connection)
            await home.sync(connection, from_start=True)
            await undone(home, run.id)
            before = await home.rows()
            replayed = await home.penstock.replayer.replay(
                connection, owner_id=home.owner_id, dry=False
            )
            assert (replayed.changed, await home.rows()) == (0, before)
            await home.sync(connection)
            assert await home.rows() == home.truth()

    play(story())
