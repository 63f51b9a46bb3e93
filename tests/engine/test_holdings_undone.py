"""What a run did to holdings can be taken back, or is named where it cannot (sync.md 31)."""

from typing import Any

import pytest
import sqlalchemy as sa

from penstock.db.connections import connections
from penstock.db.holdings import holding_images, holdings
from penstock.domain.errors import Conflict
from penstock.engine.own_run import DryRun
from penstock.engine.undo import Undone, undo
from tests.databases import Database
from tests.db.merging import row
from tests.engine.bench import Bench, bench
from tests.engine.fake_bank import FakeBank, page, reading
from tests.engine.house import play
from tests.engine.positions import feed, held, said, snapshot, stored


async def undone(it: Bench, run_id: int, *, dry: bool = False) -> Undone:
    """Undo a run, and let the connection be synced again."""
    done = await it.database.write(undo, run_id, owner_id=it.owner_id, now=it.watch(), dry=dry)
    assert (await it.connection()).paused_at is not None
    await it.write(connections.update().values(paused_at=None, paused_reason=None))
    return done


async def all_rows(it: Bench) -> list[dict[str, Any]]:
    """Return every holding, but for what an undo may not put back: its number in the feed."""
    return [
        {name: value for name, value in one._mapping.items() if name not in _MOVING}
        for one in await it.all(holdings.select().order_by(holdings.c.id))
    ]


_MOVING = ("change_number", "updated_at")
BEFORE = (held("x"), held("gone", "7"), held("same", "1"))
AFTER = (held("x", "-3", name="Renamed"), held("back"), held("same", "1"), held("new", "0.5"))


def test_new_changed_ended_and_returned_ones_are_as_they_were(database: Database) -> None:
    """Each position that a run wrote is as before it, under a number that the feed then tells."""
    bank = FakeBank()

    async def story() -> None:
        async with bench(database.url, bank) as it:
            for rows in ((held("back", "9"),), BEFORE):
                bank.scripts = {"a": reading(snapshot(*rows))}
                await it.sync()
            before = await all_rows(it)
            bank.scripts = {"a": reading(snapshot(*AFTER), page(row("1"), cursor="x"))}
            _, run = await it.sync()
            assert (run.tally.inserted, run.tally.holdings) == (1, 4)
            after, reached = await all_rows(it), (await feed(it))[-1].position
            with pytest.raises(DryRun):
                await undone(it, run.id, dry=True)
            assert await all_rows(it) == after
            done = await undone(it, run.id)
            assert (done.restored, done.deleted) == (3, 2)
            assert (list(done.kept), list(done.kept_holdings)) == ([], [])
            assert (await all_rows(it), await it.ids()) == (before, [])
            told = await feed(it, reached)
            assert sorted(one.kind for one in told) == ["erasure", *["holding"] * 3]
            await it.sync()
            assert await stored(it) == said(AFTER)

    play(story())


def test_a_run_that_only_moved_prices_can_be_undone(database: Database) -> None:
    """It moved no row and takes no cursor back, but it rests, or it would bring the same again."""
    bank = FakeBank(scripts={"a": reading(snapshot(held("x")), page(cursor="1"))})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            await it.sync()
            bank.scripts = {"a": reading(snapshot(held("x", "3")), page(cursor="2"))}
            _, run = await it.sync()
            done = await undone(it, run.id)
            assert (done.restored, done.deleted) == (1, 0)
            assert await stored(it) == said([held("x")])
            assert await it.cursors() == {"a": "2"}

    play(story())


def test_prices_that_move_do_not_take_away_the_undo_of_rows(database: Database) -> None:
    """The latest run that wrote rows can be undone; holdings that moved since stay, and are named.

    Of the runs that moved prices only, the latest keeps its images: they do not pile up.
    """
    bank = FakeBank(
        scripts={"a": reading(snapshot(held("x"), held("y")), page(row("1"), cursor="1"))}
    )

    async def story() -> None:
        async with bench(database.url, bank) as it:
            await it.sync()
            bank.scripts = {
                "a": reading(snapshot(held("x", "3"), held("y", "3")), page(row("2"), cursor="2"))
            }
            _, wrote = await it.sync()
            runs = []
            for quantity in ("4", "5", "6"):
                bank.scripts = {"a": reading(snapshot(held("x", quantity), held("y", "3")))}
                runs.append((await it.sync())[1].id)
            images = await it.all(sa.select(holding_images.c.run_id).distinct())
            assert {one.run_id for one in images} == {wrote.id, runs[-1]}
            with pytest.raises(Conflict, match="only the latest"):
                await undone(it, runs[0])
            (moved, _) = await it.all(holdings.select().order_by(holdings.c.id))
            done = await undone(it, wrote.id)
            assert list(done.kept_holdings) == [moved.id]
            assert (done.restored, done.deleted) == (1, 1)
            assert (await it.ids(), await it.cursors()) == (["1"], {"a": "1"})
            assert await stored(it) == said([held("x", "6"), held("y")])

    play(story())


def test_what_an_earlier_undo_put_back_is_named_and_left_alone(database: Database) -> None:
    """Two undone one after the other, the newest first: what the first put back, the second keeps.

    Rows and cursors are then as before both.
    """
    bank = FakeBank(scripts={"a": reading(snapshot(held("x")), page(row("1"), cursor="1"))})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            await it.sync()
            bank.scripts = {"a": reading(snapshot(held("x", "3")), page(row("2"), cursor="2"))}
            _, first = await it.sync()
            bank.scripts = {"a": reading(snapshot(held("x", "4")))}
            _, second = await it.sync()
            assert (await undone(it, second.id)).restored == 1
            (x,) = await it.all(holdings.select())
            done = await undone(it, first.id)
            assert (list(done.kept_holdings), done.deleted) == ([x.id], 1)
            assert (await it.ids(), await it.cursors()) == (["1"], {"a": "1"})
            assert await stored(it) == said([held("x", "3")])

    play(story())
