"""Syncs in this process: what is running already is found, never taken for something else."""

import pytest

from penstock.domain.errors import Conflict
from penstock.engine.runner import Runner
from tests.databases import Database
from tests.db.merging import row
from tests.engine.bench import bench
from tests.engine.fake_bank import FakeBank, page, reading
from tests.engine.house import play


def test_reading_from_the_start_is_not_answered_by_a_running_sync(database: Database) -> None:
    """Who asks for all to be read again is told where a sync runs that does not do so."""
    bank = FakeBank(scripts={"a": reading(page(row("1"), cursor="x"))})

    async def story() -> None:
        async with bench(database.url, bank) as it:
            runner = Runner(it.syncer, it.database, it.watch)
            run = await it.syncer.start(it.connection_id, trigger="test")
            assert run is not None
            assert await runner.sync_now(it.connection_id, trigger="test") == run.run_id
            with pytest.raises(Conflict, match="from the start"):
                await runner.sync_now(it.connection_id, trigger="test", from_start=True)
            await run.finish()
            again = await runner.sync_now(it.connection_id, trigger="test", from_start=True)
            assert again != run.run_id
            same = await runner.sync_now(it.connection_id, trigger="test", from_start=True)
            assert same == again
            await runner.wait(again)
            await runner.stop()

    play(story())
