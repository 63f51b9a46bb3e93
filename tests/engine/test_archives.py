"""What the bank answered is kept as long as a replay may need it, and no longer (sync.md 18)."""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

from penstock.db import archives
from penstock.domain.outcome import Outcome
from penstock.domain.transaction import TransactionSeen
from penstock.domain.update import Page, Unmapped
from penstock.engine.edit import edit_transaction
from penstock.engine.replay import Replayer
from penstock.engine.undo import undo
from tests.databases import Database
from tests.db.merging import row
from tests.engine.bench import Bench, bench
from tests.engine.fake_bank import FakeBank, page, reading
from tests.engine.house import play
from tests.engine.yard import GET

BAD = Unmapped("a", "1", "It has no amount.", b"{}")


class Window:
    """A bank that always tells its whole window again, and its archive."""

    def __init__(self, it: Bench, bank: FakeBank) -> None:
        self.it, self.bank = it, bank

    async def tell(self, said: Page) -> int:
        """Let the bank say a page, and sync; return the run."""
        self.bank.scripts = {"a": reading(GET, said)}
        self.it.watch.later(hours=1)
        ending, run = await self.it.sync()
        assert ending.outcome is Outcome.DONE
        return run.id

    async def kept(self) -> list[int]:
        """Return the runs of what is archived."""
        kept = await self.it.database.read(archives.of_connection, self.it.connection_id)
        return [one.run_id for one in kept]

    async def replay(self, *rows: TransactionSeen) -> int:
        """Map each archived answer again, to these rows; return how many differ."""
        it = self.it
        self.bank.scripts = {"a": reading(GET, page(*rows, cursor="x"))}
        replayer = Replayer(it.database, {self.bank.name: self.bank}, it.watch)
        done = await replayer.replay(it.connection_id, owner_id=it.owner_id, dry=True)
        return done.changed


def with_window(database: Database, story: Callable[[Window], Coroutine[Any, Any, None]]) -> None:
    """Play a story with such a bank."""

    async def told() -> None:
        bank = FakeBank()
        async with bench(database.url, bank) as it:
            await story(Window(it, bank))

    play(told())


def test_what_is_told_again_is_kept_once(database: Database) -> None:
    """sync.md 18: an overlap in which no row is new adds nothing, and each row can be replayed."""

    async def story(one: Window) -> None:
        first = await one.tell(page(row("1"), row("2"), cursor="1"))
        for cursor in "234":
            await one.tell(page(row("1"), row("2"), cursor=cursor))
        assert await one.kept() == [first]
        assert await one.replay(row("1", description="New"), row("2")) == 1

    with_window(database, story)


def test_what_changed_is_kept(database: Database) -> None:
    """sync.md 18: the last word on each row is what a replay reads last."""

    async def story(one: Window) -> None:
        first = await one.tell(page(row("1"), row("2"), cursor="1"))
        again = await one.tell(page(row("1"), row("2", "-11.00"), cursor="2"))
        await one.tell(page(row("1"), row("2", "-11.00"), cursor="3"))
        assert await one.kept() == [first, again]

    with_window(database, story)


def test_what_cannot_be_read_is_kept_once(database: Database) -> None:
    """sync.md 8, 18: a row that nobody can read yet, told at each sync; and then told well again.

    Without the last one, a mapping that can read it would take it for the last word.
    """

    async def story(one: Window) -> None:
        runs = [await one.tell(page(row("1"), cursor="1"))]
        unread = replace(page(cursor="2"), unmapped=(BAD,))
        runs.append(await one.tell(unread))
        await one.tell(unread)
        assert await one.kept() == runs
        runs.append(await one.tell(page(row("1"), cursor="3")))
        await one.tell(page(row("1"), cursor="4"))
        assert await one.kept() == runs

    with_window(database, story)


def test_what_an_undo_forgot_is_kept_again(database: Database) -> None:
    """sync.md 18, 31: a row that the person had noted on outlives the undo; it is told again."""

    async def story(one: Window) -> None:
        it = one.it
        run = await one.tell(page(row("1"), cursor="1"))
        now = it.watch()
        await it.database.write(
            edit_transaction, 1, {"note": "mine"}, owner_id=it.owner_id, now=now
        )
        done = await it.database.write(undo, run, owner_id=it.owner_id, now=now, dry=False)
        assert list(done.kept) == [1]
        assert await one.kept() == []
        again = await one.tell(page(row("1"), cursor="1"))
        await one.tell(page(row("1"), cursor="2"))
        assert await one.kept() == [again]

    with_window(database, story)
