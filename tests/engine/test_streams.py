"""A stream's cursor is the bank's word, kept as it is said, and never in mid-update."""

from dataclasses import replace
from datetime import timedelta

import pytest

from penstock.db import cursors
from penstock.domain.errors import ContractBroken
from penstock.domain.outcome import Outcome
from penstock.domain.protocol import Pull
from penstock.domain.update import Unmapped
from penstock.engine.streams import MOST_PAGES
from tests.databases import Database
from tests.db.merging import row
from tests.engine.bench import NOON, bench
from tests.engine.fake_bank import FakeBank, account, page, reading
from tests.engine.house import play


def then(pull: Pull, error: Exception) -> Pull:
    """Read a stream, then fail."""
    yield from pull
    raise error


def test_an_empty_cursor_means_not_ready(database: Database) -> None:
    """sync.md 1: it is never stored and never counts as done; what came with it is not kept."""
    bank = FakeBank(scripts={"a": reading(page(row("1"), cursor="", more=False))})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            for minutes in (2, 4):
                ending, run = await it.sync()
                assert ending.outcome is Outcome.NOT_READY
                assert run.retry_at is not None
                assert NOON < run.retry_at <= NOON + timedelta(minutes=minutes)
                assert (await it.ids(), await it.cursors()) == ([], {})
                assert (await it.connection()).last_success_at is None
            assert bank.asked == [("a", None), ("a", None)]

    play(story())


def test_no_cursor_an_empty_one_and_a_stored_one_are_three_things(database: Database) -> None:
    """sync.md 1: a page without a cursor leaves the stored one, an empty one leaves it too."""
    bank = FakeBank(scripts={"a": reading(page(cursor="one"))})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            await it.sync()
            for script in (page(row("1"), cursor=None), page(cursor="")):
                bank.scripts = {"a": reading(script)}
                await it.sync()
                assert await it.cursors() == {"a": "one"}
            assert bank.asked == [("a", None), ("a", "one"), ("a", "one")]
            assert await it.ids() == ["1"]

    play(story())


def test_cursors_are_each_streams_own(database: Database) -> None:
    """sync.md 1: keyed by connection and stream: one that has nothing new leaves the others."""
    bank = FakeBank(
        accounts=[account("a"), account("b")],
        scripts={
            "a": reading(page(row("1"), cursor="at a")),
            "b": reading(page(row("2", account="b"), cursor="at b")),
        },
    )

    async def story() -> None:
        async with bench(database.url, bank) as it:
            second = await it.connect()
            await it.sync()
            assert await it.cursors() == {"a": "at a", "b": "at b"}
            assert await it.database.read(cursors.find, second, "a") is None
            await it.sync()
            assert bank.asked[2:] == [("a", "at a"), ("b", "at b")]

    play(story())


def test_a_cursor_in_mid_update_is_never_stored(database: Database) -> None:
    """sync.md 3, 4: what breaks off after a page leaves neither its rows nor its cursor."""
    first = reading(page(row("1"), cursor="middle", more=True))
    bank = FakeBank(scripts={"a": lambda cursor: then(first(cursor), ContractBroken("nonsense"))})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            ending, run = await it.sync()
            assert (ending.outcome, ending.message) == (Outcome.CONTRACT, "nonsense")
            assert (run.tally.pages, run.tally.inserted) == (1, 0)
            assert (await it.ids(), await it.cursors()) == ([], {})

    play(story())


def test_a_checkpoint_of_the_connectors_own_is_kept(database: Database) -> None:
    """sync.md 4: where the connector says that a page is a checkpoint, what came so far stays."""
    steps = (
        page(row("1"), cursor="1", more=True, checkpoint=True),
        page(row("2"), cursor="2", more=True),
    )
    bank = FakeBank(scripts={"a": lambda _: then(reading(*steps)(None), ContractBroken("x"))})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            ending, run = await it.sync()
            assert ending.outcome is Outcome.CONTRACT
            assert (await it.ids(), await it.cursors()) == (["1"], {"a": "1"})
            assert (run.tally.pages, run.tally.inserted) == (2, 1)
            bank.scripts = {"a": reading(page(row("2"), cursor="3"))}
            ending, _ = await it.sync()
            assert ending.outcome is Outcome.DONE
            assert bank.asked[-1] == ("a", "1")
            assert (await it.ids(), await it.cursors()) == (["1", "2"], {"a": "3"})

    play(story())


def test_what_a_checkpoint_stored_is_not_missing_from_the_rest(database: Database) -> None:
    """sync.md 4, 14: all was told from the beginning, but not in the pages after a checkpoint."""
    steps = (
        page(row("1"), row("2"), cursor="1", more=True, checkpoint=True),
        page(row("3"), cursor="2"),
    )
    bank = FakeBank(scripts={"a": reading(*steps)})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            ending, run = await it.sync()
            assert (ending.outcome, run.tally.removed) == (Outcome.DONE, 0)
            assert await it.ids() == ["1", "2", "3"]

    play(story())


def test_a_row_that_can_no_longer_be_read_stays_as_it_was(database: Database) -> None:
    """sync.md 8, 14: all is told, and one row so that nobody can map it: it is not missing."""
    bank = FakeBank(scripts={"a": reading(page(row("1"), row("2"), row("3"), cursor=None))})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            await it.sync()
            spoiled = Unmapped("a", "2", "It has no amount.", b"{}")
            told = replace(page(row("1"), cursor=None), unmapped=(spoiled,))
            bank.scripts = {"a": reading(told)}
            ending, run = await it.sync()
            assert (ending.outcome, run.tally.removed) == (Outcome.DONE, 1)
            assert (await it.ids(), run.tally.quarantined) == (["1", "2"], 1)

    play(story())


LESS = {
    "a cursor that repeats": [page(cursor="x", more=True), page(cursor="x", more=True)],
    "a cursor that comes back": [
        page(cursor="x", more=True),
        page(cursor="y", more=True),
        page(cursor="x", more=True),
    ],
    "no further page": [page(row("1"), cursor="x", more=True)],
}


@pytest.mark.parametrize("how", LESS)
def test_less_than_all_is_a_failure(sqlite_database: Database, how: str) -> None:
    """sync.md 5: more is announced, but the cursor repeats or nothing comes: partial, not done."""
    bank = FakeBank(scripts={"a": reading(*LESS[how])})

    async def story() -> None:
        async with bench(sqlite_database.url, bank) as it:
            ending, _ = await it.sync()
            assert ending.outcome is Outcome.PARTIAL
            assert (await it.ids(), await it.cursors()) == ([], {})
            assert (await it.connection()).failures == 1

    play(story())


def test_a_stored_cursor_that_comes_back_is_no_circle(database: Database) -> None:
    """sync.md 5: the last page may well say "go on from where you are": nothing new, and done."""
    bank = FakeBank(scripts={"a": reading(page(cursor="x", more=False))})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            for _ in range(3):
                ending, _ = await it.sync()
                assert ending.outcome is Outcome.DONE

    play(story())


def test_pages_without_end_are_a_failure(sqlite_database: Database) -> None:
    """sync.md 5: a bank that never stops announcing more is stopped by a cap, and not as done."""

    def endless(_cursor: str | None) -> Pull:
        number = 0
        while True:
            number += 1
            yield page(cursor=str(number), more=True)

    bank = FakeBank(scripts={"a": endless})

    async def story() -> None:
        async with bench(sqlite_database.url, bank) as it:
            ending, run = await it.sync()
            assert ending.outcome is Outcome.PARTIAL
            assert run.tally.pages == MOST_PAGES
            assert await it.cursors() == {}

    play(story())


def test_what_the_provider_says_beside_its_rows_is_told(database: Database) -> None:
    """sync.md 21: the rows are stored with their cursor; the run says what was said, once each.

    It is no success, even where nothing was new; and the next run, to which nothing is said, is.
    """
    said = replace(page(row("1"), cursor="one"), said=("Sign in.", "Sign in.", "Or wait."))
    bank = FakeBank(scripts={"a": reading(said)})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            for _ in range(2):
                ending, run = await it.sync()
                assert ending.outcome is Outcome.PARTIAL
                assert run.message == "The provider says: Sign in. Or wait."
                assert (await it.ids(), await it.cursors()) == (["1"], {"a": "one"})
                assert (await it.connection()).last_success_at is None
            bank.scripts = {"a": reading(page(row("1"), cursor="two"))}
            assert (await it.sync())[0].outcome is Outcome.DONE

    play(story())
