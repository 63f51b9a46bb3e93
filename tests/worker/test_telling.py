"""The operator is told beside the syncs, for as long as somebody works."""

import asyncio
import json
from io import StringIO
from typing import Any

import pytest

from penstock.db.connections import connections
from penstock.observe.log import configure
from penstock.worker.work import at_work
from tests.databases import Database
from tests.engine.house import house, play
from tests.hook import listening

pytestmark = pytest.mark.filterwarnings("ignore:'imghdr' is:DeprecationWarning")


def told_of_a_parked_one(database: Database, before: str) -> Any:
    """Park a connection while a worker runs; return what a webhook is told."""
    heard: list[Any] = []

    async def story(port: int) -> None:
        address = f"{before} json://127.0.0.1:{port}/"
        async with house(database.url, notify=address) as home:
            number = await home.link()
            now = home.penstock.clock()
            park = connections.update().where(connections.c.id == number).values(parked_at=now)
            await home.penstock.database.write(lambda one: one.execute(park))
            async with at_work(home.penstock):
                while not heard:
                    await asyncio.sleep(0)

    with listening(heard) as port:
        play(story(port))
    return heard[0]


def test_a_worker_tells_the_operator(sqlite_database: Database) -> None:
    """From a setting to a webhook: a connection that was parked is told while a worker runs."""
    assert "is not synced" in told_of_a_parked_one(sqlite_database, "")["title"]


def test_a_mistyped_address_is_an_error_from_the_start(
    sqlite_database: Database,
) -> None:
    """K3: a slip in PENSTOCK_NOTIFY is said in the log, and neither syncs nor others are stopped.

    What is said names the kind of address only.
    """
    log = StringIO()
    configure(json=True, level="error", stream=log)
    try:
        first = told_of_a_parked_one(sqlite_database, "bogus://t0ken@x")
    finally:
        configure(json=True, level="critical")
    assert "is not synced" in first["title"]
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    [said] = [one for one in lines if one["event"] == "notices.address_unusable"]
    assert said["level"] == "error"
    assert said["target"].startswith("bogus ")
    assert "PENSTOCK_NOTIFY" in said["reason"]
    assert "appriseit.com" in said["todo"]
    assert "t0ken" not in json.dumps(lines)
