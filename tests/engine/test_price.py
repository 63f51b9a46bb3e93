"""The prices of what is held are kept fresh, and nobody is asked for more than that."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from penstock.db import price_turns
from penstock.db.connect import open_database
from penstock.domain.quote import (
    LayoutChanged,
    RateLimited,
    SourceDisabled,
    SourceUnavailable,
    SymbolNotFound,
)
from penstock.engine.price import LEASE
from tests.databases import Database
from tests.engine.bench import NOON, Bench, bench
from tests.engine.fake_bank import reading
from tests.engine.house import play
from tests.engine.pricing import EVERY, FakeRates, Source, bank_of, holding, pricer, turns

SAP, OCDO, AAPL = "SAP:XETR", "OCDO:XLON", "AAPL:XNAS"
QUARTER = timedelta(minutes=15)

Story = Callable[[Bench, Source], Awaitable[None]]


def tell(database: Database, story: Story, *instruments: str) -> None:
    """Play a story in which somebody holds these, at noon on a Friday."""

    async def whole() -> None:
        async with bench(database.url, bank_of(*instruments)) as it:
            await it.sync()
            await story(it, Source(it.watch))

    play(whole())


def test_a_new_holding_is_priced_without_anybody_asking(database: Database) -> None:
    """After the sync that brought it, it is due; all of them are asked for at once, and once."""

    async def story(it: Bench, source: Source) -> None:
        worker = pricer(it.database.program, it.watch, source)
        assert {name: one.due.at for name, one in (await turns(it)).items()} == {
            SAP: NOON,
            OCDO: NOON,
        }
        assert await worker.tick() == 2
        assert source.asked == [(OCDO, SAP)]
        assert await worker.tick() == 0
        it.watch.later(minutes=14)
        assert await worker.tick() == 0
        it.watch.later(minutes=1)
        assert await worker.tick() == 2
        assert len(source.asked) == 2

    tell(database, story, SAP, OCDO)


def test_a_closed_market_is_left_alone(database: Database) -> None:
    """After the close it is asked once more, and then not before the next opening."""

    async def story(it: Bench, source: Source) -> None:
        worker = pricer(it.database.program, it.watch, source)
        while (await turns(it))[SAP].due.at < NOON + timedelta(days=2):
            it.watch.now = max(it.watch.now, (await turns(it))[SAP].due.at)
            assert await worker.tick() == 1
        found = (await turns(it))[SAP]
        assert found.known.asked_at == NOON.replace(hour=16, minute=45)
        assert found.due.at == NOON.replace(day=23, hour=8)

    tell(database, story, SAP)


def test_the_last_holder_takes_the_turn_along(database: Database) -> None:
    """What is sold is asked for no more, and begins at once when it is held again."""

    async def story(it: Bench, source: Source) -> None:
        worker = pricer(it.database.program, it.watch, source)
        await worker.tick()
        bank = it.syncer.connectors["fake"]
        assert hasattr(bank, "scripts")
        bank.scripts = {"a": reading(holding(SAP))}
        await it.sync()
        assert set(await turns(it)) == {SAP}
        it.watch.later(minutes=30)
        bank.scripts = {"a": reading(holding(SAP, OCDO))}
        await it.sync()
        assert (await turns(it))[OCDO].due.at == it.watch()
        assert await worker.tick() == 2

    tell(database, story, SAP, OCDO)


def test_what_nobody_holds_any_more_goes_before_it_is_asked(database: Database) -> None:
    """A turn that was left behind, by a person's request that sees no others, asks nobody."""

    async def story(it: Bench, source: Source) -> None:
        added = price_turns.price_turns.insert().values(
            instrument="GONE:XETR", due_at=NOON, earliest_at=NOON, failures=0, unmoved=0
        )
        await it.write(added)
        assert await pricer(it.database.program, it.watch, source).tick() == 1
        assert source.names == [SAP]
        assert set(await turns(it)) == {SAP}

    tell(database, story, SAP)


def test_two_workers_never_ask_for_the_same_at_once(database: Database) -> None:
    """Of many workers one claims; the others find nothing to do."""

    async def story(it: Bench, source: Source) -> None:
        source.may_answer = asyncio.Event()
        async with open_database(database.url) as elsewhere:
            lanes = [it.database.program, elsewhere.program] * 3
            workers = [pricer(one, it.watch, source) for one in lanes]
            ticks = [asyncio.create_task(one.tick()) for one in workers]
            await source.began.wait()
            done, rest = await asyncio.wait(ticks, timeout=0.5)
            source.may_answer.set()
            await asyncio.gather(*rest)
            assert sorted(one.result() for one in ticks) == [0, 0, 0, 0, 0, 2]
            assert len(done) == 5
            assert sorted(source.names) == [OCDO, SAP]

    tell(database, story, SAP, OCDO)


def test_a_killed_workers_claim_is_taken_over(database: Database) -> None:
    """Within seconds; and what the dead one would still write changes nothing."""

    async def story(it: Bench, source: Source) -> None:
        stuck = Source(it.watch, may_answer=asyncio.Event())
        slow = pricer(it.database.program, it.watch, stuck, lease=LEASE)
        task = asyncio.create_task(slow.tick())
        await stuck.began.wait()
        other = pricer(it.database.program, it.watch, source)
        assert await other.tick() == 0
        assert timedelta(seconds=20) >= LEASE
        it.watch.later(seconds=LEASE.total_seconds() + 1)
        assert await other.tick() == 1
        stuck.says = {SAP: SymbolNotFound()}
        assert stuck.may_answer is not None
        stuck.may_answer.set()
        await task
        found = (await turns(it))[SAP]
        assert (found.known.last_code, found.due.at) == (None, it.watch() + QUARTER)

    tell(database, story, SAP)


def test_a_worker_that_stops_lets_go(database: Database) -> None:
    """What it was asking for is due for the next one at once."""

    async def story(it: Bench, source: Source) -> None:
        stuck = Source(it.watch, may_answer=asyncio.Event())
        task = asyncio.create_task(pricer(it.database.program, it.watch, stuck).tick())
        await stuck.began.wait()
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()
        assert await pricer(it.database.program, it.watch, source).tick() == 1

    tell(database, story, SAP)


def test_one_that_fails_harms_no_other(database: Database) -> None:
    """Each waits by what it was; one at which the engine itself breaks is an outage."""

    async def story(it: Bench, source: Source) -> None:
        source.breaks_at = SAP
        until = NOON + timedelta(hours=3)
        source.says = {OCDO: LayoutChanged(), "X:XLON": RateLimited(retry_at=until)}
        worker = pricer(it.database.program, it.watch, source)
        assert await worker.tick() == 4
        found = await turns(it)
        told = {name: (one.known.last_code, one.due.at - NOON) for name, one in found.items()}
        assert told == {
            SAP: ("source_unavailable", timedelta(minutes=1)),
            OCDO: ("layout_changed", timedelta(hours=2)),
            "X:XLON": ("rate_limited", timedelta(hours=3)),
            AAPL: (None, timedelta(hours=2, minutes=30)),
        }

    tell(database, story, SAP, OCDO, AAPL, "X:XLON")


def test_what_somebody_waits_for_goes_first(database: Database) -> None:
    """A refresh asks before the time has come, and says how each stands after it."""

    async def story(it: Bench, source: Source) -> None:
        worker = pricer(it.database.program, it.watch, source)
        source.says = {OCDO: SymbolNotFound()}
        await worker.tick()
        it.watch.later(minutes=2)
        found = await worker.refresh(it.owner_id)
        assert sorted(source.asked[1]) == [OCDO, SAP]
        assert {name: one.known.last_code for name, one in found.items()} == {
            SAP: None,
            OCDO: "symbol_not_found",
        }
        assert [one.wanted_at for one in found.values()] == [None, None]
        assert await worker.refresh(it.owner_id + 1) == {}
        assert len(source.asked) == 2

    tell(database, story, SAP, OCDO)


def test_a_click_waits_for_nothing_that_is_under_way(database: Database) -> None:
    """What another is asking for is not asked for twice: it is, as soon as that one has ended."""

    async def story(it: Bench, source: Source) -> None:
        source.may_answer = asyncio.Event()
        worker = pricer(it.database.program, it.watch, source)
        task = asyncio.create_task(worker.tick())
        await source.began.wait()
        it.watch.later(seconds=1)
        found = await worker.refresh(it.owner_id)
        assert found[SAP].wanted_at == it.watch()
        source.may_answer.set()
        await task
        assert await worker.tick_wanted() == 1
        assert source.names == [SAP, SAP]
        assert await worker.tick_wanted() == 0

    tell(database, story, SAP)


def test_without_a_schedule_nothing_is_asked_for(database: Database) -> None:
    """With 0 minutes there are prices only for whoever asks."""

    async def story(it: Bench, source: Source) -> None:
        rates = FakeRates(NOON)
        worker = pricer(it.database.program, it.watch, source, rates, every=timedelta(0))
        assert [await worker.tick(), await worker.tick_rates()] == [0, 0]
        assert await worker.tick_wanted() == 0
        await worker.refresh(it.owner_id)
        assert (source.names, rates.refreshed) == ([SAP], 0)

    tell(database, story, SAP)


def test_a_source_that_was_switched_on_is_asked_at_once(database: Database) -> None:
    """What no source quoted is looked at again when a worker starts: the settings may be others."""

    async def story(it: Bench, source: Source) -> None:
        source.says = {SAP: SourceDisabled()}
        worker = pricer(it.database.program, it.watch, source)
        assert [await worker.tick(), await worker.tick()] == [1, 0]
        source.says = {}
        assert await pricer(it.database.program, it.watch, source).tick() == 1
        assert (await turns(it))[SAP].known.last_code is None

    tell(database, story, SAP)


def test_rates_are_asked_for_by_one(database: Database) -> None:
    """When they are due, by whoever claims them; after a failure they wait as prices do."""

    async def story(it: Bench, source: Source) -> None:
        rates = FakeRates(NOON, next=lambda: it.watch() + timedelta(hours=20))
        workers = [pricer(it.database.program, it.watch, source, rates) for _ in range(4)]
        found = await asyncio.gather(*(one.tick_rates() for one in workers))
        assert (sorted(found), rates.refreshed) == ([0, 0, 0, 1], 1)
        it.watch.later(hours=20)
        rates.fails = SourceUnavailable()
        assert [await workers[0].tick_rates() for _ in range(3)] == [1, 0, 0]
        it.watch.later(minutes=1)
        rates.fails = None
        assert await workers[1].tick_rates() == 1
        assert await workers[0].tick() == 1
        assert source.names == [SAP]
        rates.in_use = False
        it.watch.later(days=3)
        assert await workers[1].tick_rates() == 0

    tell(database, story, SAP)


def test_many_are_spread(database: Database) -> None:
    """Chance sets the next turns apart, and those that are near one another go together."""

    async def story(it: Bench, source: Source) -> None:
        chances = iter([0.0, 1.0])
        worker = pricer(it.database.program, it.watch, source, chance=lambda: next(chances, 0.5))
        await worker.tick()
        found = sorted(one.due.at for one in (await turns(it)).values())
        assert found == [NOON + EVERY, NOON + EVERY * 1.2]
        it.watch.now = found[0]
        assert await worker.tick() == 2

    tell(database, story, SAP, OCDO)
