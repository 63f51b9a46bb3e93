"""Prices are asked for beside the syncs, for as long as somebody works."""

import asyncio
from datetime import timedelta

from penstock.worker.pricing import pricing
from tests.databases import Database
from tests.engine.bench import bench
from tests.engine.house import play
from tests.engine.pricing import FakeRates, Source, bank_of, pricer, turns


def test_the_price_of_a_new_holding_arrives_by_itself(database: Database) -> None:
    """After the sync that brings it nobody asks; rates come too; at the end nothing is held."""

    async def story() -> None:
        async with bench(database.url, bank_of("SAP:XETR")) as it:
            source = Source(it.watch)
            rates = FakeRates(it.watch(), next=lambda: it.watch() + timedelta(days=1))
            worker = pricer(it.database.program, it.watch, source, rates)

            async def pause(_seconds: float) -> None:
                await asyncio.sleep(0)

            async with pricing(worker, pause):
                await it.sync()
                await source.began.wait()
                while (await turns(it))["SAP:XETR"].known.last_ok_at is None or not rates.refreshed:
                    await asyncio.sleep(0)
            assert (source.names, rates.refreshed) == (["SAP:XETR"], 1)
            assert source.under_way == []

    play(story())


def test_a_stop_in_the_middle_lets_others_go_on(database: Database) -> None:
    """Whoever works next asks at once for what was being asked for."""

    async def story() -> None:
        async with bench(database.url, bank_of("SAP:XETR")) as it:
            await it.sync()
            stuck = Source(it.watch, may_answer=asyncio.Event())
            async with pricing(pricer(it.database.program, it.watch, stuck)):
                await stuck.began.wait()
            source = Source(it.watch)
            async with pricing(pricer(it.database.program, it.watch, source)):
                await source.began.wait()
            assert source.names == ["SAP:XETR"]

    play(story())
