"""A bank that gives one id to many rows, read window by window (sync.md 13)."""

from collections.abc import Sequence
from datetime import date, timedelta

from penstock.domain.outcome import Outcome
from penstock.domain.transaction import TransactionSeen
from penstock.domain.update import Absence, Covered, Page
from tests.databases import Database
from tests.db.merging import DAY, row
from tests.engine.bench import Bench, bench
from tests.engine.fake_bank import FakeBank, reading
from tests.engine.house import play

LATER = DAY + timedelta(days=7)
TEA = row("9998", "-3.00", description="Tea")
BUS = row("9998", "-2.80", description="Bus", on=LATER)


def bank() -> FakeBank:
    """Return the bank, which has told nothing yet."""
    return FakeBank(sends_removals=False, reuses_ids=True, absence=Absence.PENDING_GONE)


async def sync(it: Bench, told: FakeBank, *pages: Sequence[TransactionSeen], since: date) -> int:
    """Let the bank tell all rows since a day, page by page; return what was inserted."""
    covered = [Covered("a", since, since + timedelta(days=20))]
    steps = [
        Page(rows, [], None if number < len(pages) else "end", number < len(pages), covered=covered)
        for number, rows in enumerate(pages, 1)
    ]
    told.scripts = {"a": reading(*steps)}
    ending, run = await it.sync()
    assert ending.outcome is Outcome.DONE, ending
    return run.tally.inserted


def test_one_id_on_many_rows_loses_none(database: Database) -> None:
    """Within a page, over pages, from sync to sync: each row stands once, and is never another."""
    told = bank()

    async def story() -> None:
        async with bench(database.url, told) as it:
            assert await sync(it, told, [TEA, BUS, BUS], since=DAY) == 3
            assert await sync(it, told, [TEA], [BUS], [BUS], since=DAY) == 0
            assert await sync(it, told, [BUS, BUS], since=LATER) == 0
            assert len(await it.ids()) == 3

    play(story())


def test_a_later_row_under_the_same_id_is_a_row_of_its_own(database: Database) -> None:
    """The first one was out of the window by then: it is as it was."""
    told = bank()

    async def story() -> None:
        async with bench(database.url, told) as it:
            assert await sync(it, told, [TEA], since=DAY) == 1
            assert await sync(it, told, [BUS], since=LATER) == 1
            assert await sync(it, told, [BUS], since=LATER) == 0
            assert await sync(it, told, [TEA, BUS], since=DAY) == 0
            assert len(await it.ids()) == 2

    play(story())


def test_a_row_bought_before_the_window_and_booked_within_it_is_known_again(
    database: Database,
) -> None:
    """Without an id too, and as the window moves on over both of its days: it is one row."""
    late = row("", "-50.00", description="Hotel", on=LATER)._replace(authorized_on=DAY)
    twin = late._replace(authorized_on=LATER)
    told = bank()

    async def story() -> None:
        async with bench(database.url, told) as it:
            assert await sync(it, told, [late, twin], since=DAY) == 2
            for since in (LATER - timedelta(days=1), LATER, DAY):
                assert await sync(it, told, [twin, late], since=since) == 0
                assert len(await it.ids()) == 2

    play(story())
