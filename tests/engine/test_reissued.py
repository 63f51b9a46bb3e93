"""A bank that gives rows new ids, as its customers live with it (sync.md 11, 27)."""

from penstock.db import suggestions
from penstock.db.suggestions import Kind, State, Suggested
from penstock.db.transactions import transactions
from penstock.domain.outcome import Outcome
from penstock.engine import decide
from penstock.sandbox.scenario import Scenario
from tests.databases import Database
from tests.engine.house import House
from tests.engine.linking import at_home
from tests.engine.test_undone import undone


async def suggested(home: House) -> list[Suggested]:
    """Return what waits for the person."""
    return await home.penstock.database.read(
        suggestions.page, owner_id=home.owner_id, state=State.OPEN, after=0, limit=100
    )


async def accept_all(home: House) -> int:
    """Accept what is suggested; return how much it was."""
    found = await suggested(home)
    for one in found:
        await home.penstock.database.write(
            decide.accept, one.id, owner_id=home.owner_id, now=home.penstock.clock()
        )
    return len(found)


def test_new_ids_are_suggested_and_what_is_accepted_adds_up(database: Database) -> None:
    """sync.md 11, 30: the bank says nothing of the old ids: once accepted, all is the bank's."""

    async def story(home: House) -> None:
        number = await home.link(Scenario.REKEY)
        accepted = 0
        for _ in range(5):
            ending, _ = await home.sync(number)
            assert ending.outcome is Outcome.DONE
            found = await suggested(home)
            assert {one.kind for one in found} <= {Kind.REISSUED}
            accepted += await accept_all(home)
            assert await home.rows() == home.truth(Scenario.REKEY)
            assert await home.tie_out() == {"ok"}
        assert accepted

    at_home(database, story)


def test_reading_all_again_clears_what_went_without_a_word(database: Database) -> None:
    """sync.md 27: a row that neither the full read nor what happened since tells of is gone."""

    async def story(home: House) -> None:
        number = await home.link()
        await home.sync(number)
        world = home.bank.world
        world.rekey("tx-ada-00000003")
        await home.sync(number)
        assert len(await home.rows()) == len(home.truth()) + 1
        ending, run = await home.sync(number, from_start=True)
        assert (ending.outcome, run.tally.inserted, run.tally.removed) == (Outcome.DONE, 0, 1)
        assert await home.rows() == home.truth()
        assert await home.tie_out() == {"ok"}

    at_home(database, story)


def test_a_bank_that_moves_house_loses_no_word(database: Database) -> None:
    """sync.md 11, 27, 31: ids new, cursors lost: each row is what it was; it can be undone."""

    async def story(home: House) -> None:
        number = await home.link()
        await home.sync(number)
        before = {row.id: row.external_id for row in await home.all(transactions.select())}
        note = transactions.update().values(note="mine")
        await home.penstock.database.write(lambda one: one.execute(note))
        desk = home.bank.desk("ada", Scenario.CALM)
        posted = [row.external_id for row in desk.world.live() if row.status.value == "posted"]
        for external_id in posted:
            desk.world.rekey(external_id)
        desk.cursors.forget()
        ending, run = await home.sync(number)
        assert (ending.outcome, run.tally.inserted, run.tally.removed) == (Outcome.DONE, 0, 0)
        assert await home.rows() == home.truth()
        after = await home.all(transactions.select())
        assert {row.id for row in after} == before.keys()
        assert {row.note for row in after} == {"mine"}
        assert sum(before[row.id] != row.external_id for row in after) == len(posted)
        assert await undone(home, run.id) == []
        again = await home.all(transactions.select())
        assert {row.id: row.external_id for row in again} == before
        await home.sync(number)
        assert await home.rows() == home.truth()

    at_home(database, story)
