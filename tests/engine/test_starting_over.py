"""What moves or is lost while it is read is read again, from the right place."""

import pytest

from penstock.domain.outcome import Outcome
from penstock.domain.protocol import Pull
from penstock.domain.request import Request
from penstock.domain.transaction import Removal
from penstock.domain.update import Page
from penstock.engine.streams import MOST_RESTARTS
from tests.databases import Database
from tests.db.merging import row
from tests.engine.bench import bench
from tests.engine.fake_bank import URL, FakeBank, page, reading
from tests.engine.house import play

GET = Request("GET", URL)


def test_data_that_moves_starts_the_update_over(database: Database) -> None:
    """sync.md 3: from the cursor of its first page, what was staged thrown away; not for ever."""

    def moving(cursor: str | None) -> Pull:
        yield GET
        yield page(row(f"seen {len(bank.asked)}"), cursor=f"{cursor}+", more=True)
        yield GET
        yield page(row("last"), cursor="end")

    bank = FakeBank(scripts={"a": reading(page(cursor="start"))})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            await it.sync()
            bank.scripts = {"a": moving}
            it.wire.says = [200, 409, 409, 200, 200]
            ending, run = await it.sync()
            assert (ending.outcome, run.tally.restarts) == (Outcome.DONE, 2)
            assert bank.asked[1:] == [("a", "start")] * 3
            assert await it.ids() == ["last", "seen 4"]
            it.wire.says = [409] * 100
            ending, run = await it.sync()
            assert ending.outcome is Outcome.TRANSIENT
            assert run.tally.restarts == MOST_RESTARTS + 1
            assert await it.cursors() == {"a": "end"}

    play(story())


@pytest.mark.parametrize("stored", [None, "stored"])
def test_a_cursor_lost_in_the_middle_starts_the_update_over(
    database: Database, stored: str | None
) -> None:
    """sync.md 3: it is not the stored one that was lost: reading from nothing tells no removals."""

    def losing(cursor: str | None) -> Pull:
        yield GET
        yield page(row("1"), cursor=f"{cursor}+", more=True)
        yield GET
        yield page(row("2"), cursor="end")

    bank = FakeBank(scripts={"a": reading(page(cursor=stored))})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            await it.sync()
            bank.scripts = {"a": losing}
            it.wire.says = [200, 404]
            ending, run = await it.sync()
            assert (ending.outcome, run.tally.restarts) == (Outcome.DONE, 1)
            assert bank.asked == [("a", None), ("a", stored), ("a", stored)]
            assert await it.ids() == ["1", "2"]

    play(story())


def test_a_stored_cursor_that_is_lost_starts_from_nothing(database: Database) -> None:
    """sync.md 27: a first page that does not know our cursor: all over, identities kept."""

    def reader(cursor: str | None) -> Pull:
        yield GET
        yield page(row("1"), row("2", "-3.00"), cursor=f"after {cursor}")

    bank = FakeBank(scripts={"a": reader})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            await it.sync()
            it.wire.says = [404]
            ending, run = await it.sync()
            assert (ending.outcome, run.tally.restarts) == (Outcome.DONE, 1)
            assert (run.tally.inserted, run.tally.unchanged) == (0, 2)
            assert bank.asked == [("a", None), ("a", "after None"), ("a", None)]
            it.wire.says = [404, 404]
            ending, _ = await it.sync()
            assert ending.outcome is Outcome.CURSOR_LOST
            assert await it.cursors() == {"a": "after None"}

    play(story())


def test_reading_all_again_hears_of_removals_too(database: Database) -> None:
    """sync.md 12: a full reading tells of no removal, so what the stored cursor knows is heard too.

    The cursor of the full reading is stored: it alone knows the younger rows.
    """

    def reader(cursor: str | None) -> Pull:
        if cursor is None:
            yield page(row("1"), row("3"), cursor="young")
        else:
            yield Page([], [Removal("a", "2")], "of no use", more=False)

    bank = FakeBank(scripts={"a": reading(page(row("1"), row("2"), cursor="old"))})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            await it.sync(from_start=True)
            assert bank.asked == [("a", None)]
            bank.scripts = {"a": reader}
            ending, run = await it.sync(from_start=True)
            assert bank.asked[1:] == [("a", None), ("a", "old")]
            assert (ending.outcome, run.tally.pages) == (Outcome.DONE, 1)
            assert (run.tally.inserted, run.tally.removed) == (1, 1)
            assert (await it.ids(), await it.cursors()) == (["1", "3"], {"a": "young"})

    play(story())


HALF_HEARD: dict[str, tuple[tuple[Page | Request, ...], Outcome]] = {
    "no further page": ((page(cursor="x", more=True),), Outcome.PARTIAL),
    "a cursor that repeats": ((page(cursor="x", more=True),) * 2, Outcome.PARTIAL),
    "not ready": ((page(cursor="", more=False),), Outcome.NOT_READY),
    "lost on the way": ((page(cursor="x", more=True), GET), Outcome.TRANSIENT),
}


@pytest.mark.parametrize("how", HALF_HEARD)
def test_removals_that_are_half_heard_are_not_passed_over(
    sqlite_database: Database, how: str
) -> None:
    """sync.md 1, 3, 5: as long as the old cursor has not said all, it is not given up."""
    steps, outcome = HALF_HEARD[how]
    whole = reading(page(row("1"), cursor="young"))

    def reader(cursor: str | None) -> Pull:
        return whole(cursor) if cursor is None else reading(*steps)(cursor)

    bank = FakeBank(scripts={"a": reading(page(row("1"), row("2"), cursor="old"))})

    async def story() -> None:
        async with bench(sqlite_database.url, bank) as it:
            await it.sync()
            bank.scripts = {"a": reader}
            it.wire.says = [404] * 20
            ending, _ = await it.sync(from_start=True)
            assert ending.outcome is outcome
            assert (await it.ids(), await it.cursors()) == (["1", "2"], {"a": "old"})

    play(story())


def test_an_old_cursor_that_is_forgotten_has_nothing_to_say(database: Database) -> None:
    """sync.md 27: reading all again goes on without it, and keeps the cursor of the reading."""

    def reader(cursor: str | None) -> Pull:
        if cursor is not None:
            yield GET
        yield page(row("1"), cursor="young")

    bank = FakeBank(scripts={"a": reading(page(row("1"), cursor="old"))})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            await it.sync()
            bank.scripts = {"a": reader}
            it.wire.says = [404]
            ending, _ = await it.sync(from_start=True)
            assert (ending.outcome, await it.cursors()) == (Outcome.DONE, {"a": "young"})

    play(story())
