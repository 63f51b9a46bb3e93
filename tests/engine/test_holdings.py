"""What an account holds is stored as the bank told it last: whole, exact, and in one piece."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa

from penstock.db.connect import open_database
from penstock.db.feeds import feeds
from penstock.db.holdings import holdings
from penstock.db.lane import Database as Lanes
from penstock.domain.errors import ContractBroken
from penstock.domain.holding import HoldingSeen
from penstock.domain.outcome import Outcome
from penstock.domain.protocol import Pull
from penstock.domain.update import Holdings
from penstock.engine.drive import Restart
from tests.databases import Database
from tests.db.merging import row
from tests.engine.bench import NOON, bench
from tests.engine.fake_bank import FakeBank, page, reading
from tests.engine.house import play
from tests.engine.interposed import Interposed
from tests.engine.positions import feed, held, said, snapshot, stored


def test_what_is_told_again_is_not_written(database: Database) -> None:
    """Nothing moves for a snapshot that says the same, as of later: only the success is younger."""
    bank = FakeBank(scripts={"a": reading(snapshot(held("x"), held("y", "3.000")))})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            await it.sync()
            before = await it.all(holdings.select()), await it.all(feeds.select())
            it.watch.later(hours=6)
            later = [held("x", as_of=it.watch()), held("y", "3", as_of=it.watch())]
            bank.scripts = {"a": reading(snapshot(*later))}
            ending, run = await it.sync()
            assert (ending.outcome, run.tally.holdings) == (Outcome.DONE, 0)
            assert (await it.all(holdings.select()), await it.all(feeds.select())) == before
            assert (await it.connection()).last_success_at == it.watch()

    play(story())


def test_what_is_sold_ends_and_the_same_row_goes_on_when_it_is_held_again(
    database: Database,
) -> None:
    """A position keeps its identity; who follows the feed is told of the end and of the return."""
    bank = FakeBank(scripts={"a": reading(snapshot(held("x"), held("y")))})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            await it.sync()
            (first, _) = await it.all(holdings.select().order_by(holdings.c.id))
            reached = (await feed(it))[-1].position
            bank.scripts = {"a": reading(snapshot(held("y")))}
            it.watch.later(hours=1)
            await it.sync()
            (change,) = await feed(it, reached)
            assert (change.row.id, change.row.quantity) == (first.id, "2.5")
            ended = await it.all(holdings.select().where(holdings.c.ended_at.is_not(None)))
            assert [(one.id, one.ended_at) for one in ended] == [(first.id, it.watch())]
            bank.scripts = {"a": reading(snapshot(held("y"), held("x", "4")))}
            await it.sync()
            (again,) = await feed(it, change.position)
            assert (again.row.id, again.row.quantity) == (first.id, "4")
            assert again.row.ended_at is None

    play(story())


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        ([held("x"), held("y"), held("x", "1")], "Holding 'x' .* was told twice"),
        ([held("x"), held(" ")], "Holding ' ' .* has no id"),
        ([held("x", account="b")], "is of account 'b', told among those of 'a'"),
        ([held("x", "NaN")], "Holding 'x' .* cannot be kept"),
        ([held("x", value=Decimal("1E-31"))], "Holding 'x' .* cannot be kept"),
        ([held("x", as_of=NOON.replace(tzinfo=None))], "without an offset"),
    ],
    ids=["twice", "no id", "of another account", "no number", "too fine", "no zone"],
)
def test_nonsense_is_refused_by_name(
    sqlite_database: Database, rows: list[HoldingSeen], why: str
) -> None:
    """sync.md 8: nothing of the update is stored, and what was stored before stays as it is."""
    bank = FakeBank(scripts={"a": reading(snapshot(held("x", "7")))})

    async def story() -> None:
        async with bench(sqlite_database.url, bank) as it:
            await it.sync()
            bank.scripts = {"a": reading(Holdings("a", rows), page(row("1"), cursor="x"))}
            ending, _ = await it.sync()
            assert ending.outcome is Outcome.CONTRACT
            assert re.search(why, ending.message or ""), ending.message
            assert (await it.ids(), await it.cursors()) == ([], {})
            assert await stored(it) == said([held("x", "7")])

    play(story())


def test_an_account_that_was_not_listed_is_refused(sqlite_database: Database) -> None:
    """sync.md 8: holdings of an account that nobody knows are an error, and never dropped."""
    bank = FakeBank(scripts={"a": reading(snapshot(held("x", account="z"), account="z"))})

    async def story() -> None:
        async with bench(sqlite_database.url, bank) as it:
            ending, _ = await it.sync()
            assert ending.outcome is Outcome.CONTRACT
            assert "account 'z', which the bank did not list" in (ending.message or "")

    play(story())


def test_an_update_that_breaks_off_leaves_no_holding(database: Database) -> None:
    """sync.md 2, 3: rows, cursor and holdings are stored together, or none of them is."""

    def broken(_cursor: str | None) -> Pull:
        yield snapshot(held("x"))
        yield page(row("1"), cursor="1", more=True)
        raise ContractBroken("nonsense")

    bank = FakeBank(scripts={"a": broken})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            await it.sync()
            assert (await stored(it), await it.ids()) == ({}, [])

    play(story())


def test_an_update_that_begins_again_forgets_what_it_was_told(database: Database) -> None:
    """sync.md 3: what was staged before a restart is thrown away, holdings too."""
    times: list[str | None] = []

    def moving(cursor: str | None) -> Pull:
        times.append(cursor)
        if len(times) == 1:
            yield snapshot(held("x"))
            raise Restart("moved")
        yield page(row("1"), cursor="1")

    bank = FakeBank(scripts={"a": moving})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            ending, _ = await it.sync()
            assert (ending.outcome, len(times)) == (Outcome.DONE, 2)
            assert (await stored(it), await it.ids()) == ({}, ["1"])

    play(story())


def test_a_database_that_goes_away_leaves_nothing_half_done(database: Database) -> None:
    """sync.md 2, 29: a commit that fails leaves all as it was; the next does it."""

    async def gone(work: str) -> None:
        if work == "commit":
            raise sa.exc.OperationalError("COMMIT", {}, ConnectionError("gone"))

    def opening(before: Callable[[str], Awaitable[None]]) -> Callable[[str], Interposed]:
        return lambda url: Interposed(open_database(url).engine, before)

    bank = FakeBank(scripts={"a": reading(snapshot(held("x")), page(row("1"), cursor="x"))})

    async def story() -> None:
        async with bench(database.url, bank, opening=opening(gone)) as it:
            ending, _ = await it.sync()
            assert ending.outcome is Outcome.TRANSIENT
            assert (await stored(it), await it.ids()) == ({}, [])
            healthy = replace(it.syncer, database=Lanes(it.database.engine))
            run = await healthy.start(it.connection_id, trigger="test")
            assert run is not None
            await run.finish()
            healthy.database.close()
            assert (await stored(it), await it.ids()) == (said([held("x")]), ["1"])

    play(story())


def test_what_fails_within_the_commit_takes_the_holdings_back(database: Database) -> None:
    """sync.md 2: they are of one transaction: where the cursor cannot be stored, nothing is."""
    refuse = {
        "sqlite": "CREATE TRIGGER refuse BEFORE INSERT ON cursors BEGIN SELECT RAISE(ABORT, 'no');"
        " END",
        "postgres": "ALTER TABLE cursors ADD CONSTRAINT refuse CHECK (cursor <> 'x')",
    }
    bank = FakeBank(scripts={"a": reading(snapshot(held("x")), page(row("1"), cursor="x"))})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            await it.write(sa.text(refuse[database.kind]))
            ending, _ = await it.sync()
            assert ending.outcome is not Outcome.DONE
            assert (await stored(it), await it.ids()) == ({}, [])

    play(story())


def test_the_feed_misses_none_while_others_write(database: Database) -> None:
    """sync.md 19: two connections move at once, and a copy kept by the feed is what is stored."""
    quantities = iter(range(1, 100))

    def moving(_cursor: str | None) -> Pull:
        yield snapshot(held("x", str(next(quantities))), held("y", str(next(quantities))))

    bank = FakeBank(scripts={"a": moving})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            numbers = [it.connection_id, await it.connect()]
            copy: dict[int, Any] = {}
            reached: list[Any] = []

            async def follow() -> None:
                for one in await feed(it, *reached[-1:]):
                    copy[one.row.id] = one.row.quantity
                    reached.append(one.position)

            async def sync(number: int) -> None:
                for _ in range(8):
                    run = await it.syncer.start(number, trigger="test")
                    assert run is not None
                    await run.finish()
                    await follow()

            await asyncio.gather(*map(sync, numbers))
            await follow()
            rows = await it.all(holdings.select())
            assert copy == {row.id: format(row.quantity, "f") for row in rows}
            assert len(rows) == 4

    play(story())
