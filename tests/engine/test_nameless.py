"""A bank that gives no ids, read window by window (sync.md 13, 14)."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from penstock.db.transactions import transactions
from penstock.domain.outcome import Outcome
from penstock.domain.transaction import TransactionSeen
from penstock.domain.update import Covered, Page
from tests.databases import Database
from tests.db.merging import DAY, row
from tests.engine.bench import Bench, bench
from tests.engine.fake_bank import FakeBank, reading
from tests.engine.house import play

WINDOW = (Covered("a", DAY - timedelta(days=3), DAY + timedelta(days=3)),)
BUS = row("", "-2.80", description="Bus")
COFFEE = row("", "-4.00", description="Coffee")


def told(*pages: Sequence[TransactionSeen], covered: Sequence[Covered] = WINDOW) -> FakeBank:
    """Return a bank that tells the rows of the window, page by page."""
    steps = [
        Page(rows, [], None if number < len(pages) else "end", number < len(pages), covered=covered)
        for number, rows in enumerate(pages, 1)
    ]
    return FakeBank(scripts={"a": reading(*steps)}, sends_removals=False)


async def sync(it: Bench, bank: FakeBank, other: FakeBank) -> tuple[int, int, int]:
    """Let the bank tell what the other does; return what was inserted, unchanged and removed."""
    bank.scripts = other.scripts
    ending, run = await it.sync()
    assert ending.outcome is Outcome.DONE, ending
    return run.tally.inserted, run.tally.unchanged, run.tally.removed


def test_twins_are_matched_by_their_number(database: Database) -> None:
    """sync.md 13: in any order, over any pages, nothing twice; one less is gone, and returns."""
    bank = told([BUS, COFFEE, BUS])

    async def story() -> None:
        async with bench(database.url, bank) as it:
            assert await sync(it, bank, bank) == (3, 0, 0)
            assert await sync(it, bank, told([COFFEE, BUS], [BUS])) == (0, 3, 0)
            assert await sync(it, bank, told([BUS, BUS], [BUS, COFFEE])) == (1, 3, 0)
            assert await sync(it, bank, told([BUS, COFFEE])) == (0, 2, 2)
            assert await sync(it, bank, told([BUS, COFFEE, BUS])) == (0, 2, 0)

    play(story())


def test_what_settles_is_the_same_row(database: Database) -> None:
    """sync.md 10, 13: pending and posted, without an id at any time, are one row with its words."""
    held = row("", "-2.80", description="Bus", pending=True)
    posted = BUS._replace(authorized_on=DAY, booked_on=DAY + timedelta(days=1))
    bank = told([held])

    async def story() -> None:
        async with bench(database.url, bank) as it:
            await sync(it, bank, bank)
            note = transactions.update().values(note="mine")
            await it.database.write(lambda one: one.execute(note))
            await sync(it, bank, told([posted]))
            (row_,) = await it.all(transactions.select())
            assert (row_.status, row_.note, row_.removed_at) == ("posted", "mine", None)

    play(story())


@pytest.mark.parametrize("covered", [(), (Covered("a", DAY + timedelta(days=1), DAY),)])
def test_without_the_whole_day_nothing_is_stored(
    database: Database, covered: Sequence[Covered]
) -> None:
    """sync.md 8, 13: nobody could tell what is there already: the contract is broken, by name."""
    bank = told([BUS])

    async def story() -> None:
        async with bench(database.url, bank) as it:
            await sync(it, bank, bank)
            bank.scripts = told([BUS, BUS], covered=covered).scripts
            ending, _ = await it.sync()
            assert ending.outcome is Outcome.CONTRACT
            assert "gives no id" in (ending.message or "")
            assert len(await it.ids()) == 1

    play(story())


def test_a_pending_row_without_any_day_is_known_again(database: Database) -> None:
    """sync.md 13: it is told with whatever days are, and stands once."""
    taxi = row("", "-9.00", description="Taxi", pending=True)._replace(authorized_on=None)
    bank = told([taxi, BUS])

    async def story() -> None:
        async with bench(database.url, bank) as it:
            assert await sync(it, bank, bank) == (2, 0, 0)
            assert await sync(it, bank, told([BUS, taxi])) == (0, 2, 0)

    play(story())
