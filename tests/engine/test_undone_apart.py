"""After an undo: what it leaves alone, of other streams, other runs and other rows (sync.md 31)."""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from penstock.db import archives, connections, invariants, quarantine, runs
from penstock.db.transactions import transactions
from penstock.domain.outcome import Outcome
from penstock.domain.transaction import Removal
from penstock.domain.update import Page, Unmapped
from penstock.engine.edit import edit_transaction
from penstock.engine.replay import Replayer
from penstock.engine.runner import Runner
from penstock.engine.undo import undo
from tests.databases import Database
from tests.db.merging import row
from tests.engine.bench import NOON, Bench, bench
from tests.engine.fake_bank import FakeBank, account, page, reading
from tests.engine.house import play
from tests.engine.yard import GET

TODAY = NOON.date()

Story = Callable[["Told"], Coroutine[Any, Any, None]]


class Told:
    """A scripted bank, synced by hand, and undone."""

    def __init__(self, it: Bench, bank: FakeBank) -> None:
        self.it, self.bank = it, bank

    async def sync(self, **pages: Page | tuple[Page, ...]) -> int:
        """Let the bank say these pages, by stream, each after a request; return the run."""
        said = {key: one if isinstance(one, tuple) else (one,) for key, one in pages.items()}
        self.bank.scripts = {key: reading(GET, *each) for key, each in said.items()}
        ending, run = await self.it.sync()
        assert ending.outcome is Outcome.DONE
        return run.id

    async def undo(self, run_id: int) -> list[int]:
        """Undo a run; return the rows that were kept."""
        it = self.it
        done = await it.database.write(
            undo, run_id, owner_id=it.owner_id, now=it.watch(), dry=False
        )
        return list(done.kept)

    async def note(self, external_id: str) -> None:
        """Write a note on a row."""
        it, t = self.it, transactions.c
        query = transactions.select().where(t.external_id == external_id)
        ((number, *_),) = await it.all(query)
        await it.database.write(
            edit_transaction, number, {"note": "mine"}, owner_id=it.owner_id, now=it.watch()
        )


def with_bank(database: Database, story: Story) -> None:
    """Play a story with a bank of two accounts."""

    async def play_it() -> None:
        bank = FakeBank(accounts=[account("a"), account("b")])
        async with bench(database.url, bank) as it:
            await story(Told(it, bank))

    play(play_it())


def unsound(connection: sa.Connection) -> list[invariants.Broken]:
    """Return what is wrong with the ids that rows had before."""
    return [
        one
        for rule, found in invariants.check(connection)
        for one in found
        if rule is invariants.ALIASES
    ]


def gone(external_id: str, cursor: str) -> Page:
    """Make a page that takes one row back."""
    return Page([], [Removal("a", external_id)], cursor, more=False)


def test_a_guess_of_its_own_is_no_memory(database: Database) -> None:
    """sync.md 7, 31: a pair that a run guessed and took back again was not there before it."""

    async def story(one: Told) -> None:
        await one.sync(a=page(row("p", pending=True, on=TODAY), cursor="1"))
        paired = Page([row("q", on=TODAY)], [Removal("a", "p")], "2", more=True, checkpoint=True)
        run = await one.sync(a=(paired, page(row("p", on=TODAY), cursor="3")))
        assert await one.it.ids() == ["p", "q"]
        await one.undo(run)
        assert await one.it.ids() == ["p"]
        await one.sync(a=gone("p", "2"))
        assert await one.it.ids() == []

    with_bank(database, story)


def test_a_row_that_is_kept_is_no_other_rows_name(database: Database) -> None:
    """sync.md 7, 31: the id that a pair had is a row of its own now, which the person noted on."""

    async def story(one: Told) -> None:
        await one.sync(a=page(row("p", pending=True, on=TODAY), cursor="1"))
        await one.sync(a=Page([row("q", on=TODAY)], [Removal("a", "p")], "2", more=False))
        run = await one.sync(a=page(row("p", on=TODAY), cursor="3"))
        await one.note("p")
        assert len(await one.undo(run)) == 1
        assert await one.it.ids() == ["p", "q"]
        assert await one.it.database.read(unsound) == []

    with_bank(database, story)


def test_what_nobody_could_read_stays_kept(database: Database) -> None:
    """sync.md 8, 31: a stream of which nothing was stored does not go back, nor its cursor."""

    async def story(one: Told) -> None:
        bad = Unmapped("b", "7", "It has no amount.", b"{}")
        kept = replace(page(cursor="b1"), unmapped=(bad,))
        run = await one.sync(a=page(row("1"), cursor="a1"), b=kept)
        await one.undo(run)
        assert await one.it.cursors() == {"b": "b1"}
        it = one.it
        assert await it.database.read(quarantine.count_open, it.connection_id) == 1

    with_bank(database, story)


def test_what_was_heard_of_other_streams_stays(database: Database) -> None:
    """sync.md 18, 31: what will not be heard again is not forgotten."""

    async def story(one: Told) -> None:
        both = {"a": page(row("1"), cursor="a1"), "b": page(row("2", account="b"), cursor="b1")}
        await one.sync(**both)
        bad = Unmapped("b", "7", "It has no amount.", b"{}")
        both = {"a": page(row("3"), cursor="a2"), "b": replace(both["b"], unmapped=(bad,))}
        run = await one.sync(**both)
        await one.undo(run)
        kept = await one.it.database.read(archives.of_connection, one.it.connection_id)
        assert [(each.run_id == run, each.stream) for each in kept] == [
            (False, "a"),
            (False, "b"),
            (True, "b"),
        ]

    with_bank(database, story)


def test_what_came_after_a_replay_outlives_it(database: Database) -> None:
    """sync.md 18, 31: a replay moved no cursor: nothing that was heard since is heard again."""

    async def story(one: Told) -> None:
        await one.sync(a=page(row("1"), cursor="1"))
        it = one.it
        one.bank.scripts = {"a": reading(GET, page(row("1", description="New"), cursor="1"))}
        replayer = Replayer(it.database, {one.bank.name: one.bank}, it.watch)
        replayed = await replayer.replay(it.connection_id, owner_id=it.owner_id, dry=False)
        assert replayed.run_id is not None
        again = page(row("1", description="New"), cursor="2")
        bad = Unmapped("a", "7", "It has no amount.", b"{}")
        run = await one.sync(a=replace(again, unmapped=(bad,)))
        await one.undo(replayed.run_id)
        kept = await it.database.read(archives.of_connection, it.connection_id)
        assert kept[-1].run_id == run

    with_bank(database, story)


def test_what_was_asked_for_before_is_over(database: Database) -> None:
    """sync.md 31: the connection rests, and a run that waited says why it never began."""

    async def story(one: Told) -> None:
        run = await one.sync(a=page(row("1"), cursor="1"))
        it = one.it
        door = Runner(it.syncer, it.database, it.watch, carries=False)
        number = await door.sync_now(it.connection_id, trigger="person")
        await one.undo(run)
        waited = await it.run(number)
        assert (waited.outcome, waited.finished_at) == (runs.INTERRUPTED, it.watch())
        assert "taken back" in (waited.message or "")
        after = await it.database.read(connections.get, it.connection_id)
        assert after.queued_run_id is None
        assert await door.sync_now(it.connection_id, trigger="person") > number
        await door.stop()

    with_bank(database, story)
