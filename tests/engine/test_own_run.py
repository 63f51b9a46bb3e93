"""A run that asks no bank takes the fence from nobody."""

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa

from penstock.db import leases
from penstock.domain.errors import Conflict
from penstock.engine import own_run
from tests.databases import Database
from tests.engine.bench import bench
from tests.engine.fake_bank import FakeBank
from tests.engine.house import play
from tests.waiting import a_moment

_WAITING = sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")


def test_a_sync_that_begins_at_the_same_moment_goes_on(postgres_database: Database) -> None:
    """sync.md 20: its lease is not committed yet, and nobody sees it: it is the first even so."""

    async def story() -> None:
        async with bench(postgres_database.url, FakeBank()) as it:
            now = it.watch()
            with it.database.engine.begin() as beginning:
                until = now + timedelta(seconds=12)
                lease = leases.take(beginning, it.connection_id, holder="me", now=now, until=until)
                assert lease is not None
                other = asyncio.ensure_future(
                    it.database.write(
                        own_run.begin,
                        it.connection_id,
                        owner_id=it.owner_id,
                        trigger="replay",
                        now=now,
                    )
                )
                while not await it.database.read(lambda one: one.execute(_WAITING).scalar_one()):
                    await a_moment()
            with pytest.raises(Conflict):
                await other
            await it.database.write(leases.lock, lease)

    play(story())
