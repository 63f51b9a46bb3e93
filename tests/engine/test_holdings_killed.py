"""A worker that is killed leaves rows, cursor and holdings of one and the same commit."""

import asyncio
import contextlib
import sys
from random import Random

import pytest
import sqlalchemy as sa

from penstock.db import cursors
from penstock.db.connect import open_database
from penstock.db.holdings import holdings
from penstock.db.transactions import transactions
from tests.databases import Databases
from tests.engine.crowd import ROOT
from tests.engine.house import play
from tests.engine.investor import NAMES

KILLS = 4


async def killed(url: str, after: int, moment: float) -> None:
    """Let a program sync so often, and kill it a moment later, wherever it is."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.engine.investor", url),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        for _ in range(after):
            assert await process.stdout.readline(), "it ended by itself"
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), moment)
        assert process.returncode is None, "it ended by itself"
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.communicate()


def left_behind(url: str) -> tuple[list[str], list[str], int]:
    """Return the cursors, the different quantities that are held, and how many rows there are."""

    def read(connection: sa.Connection) -> tuple[list[str], list[str], int]:
        rows = connection.execute(sa.select(sa.func.count()).select_from(transactions))
        held = connection.execute(sa.select(holdings.c.quantity, holdings.c.ended_at)).all()
        assert [one.ended_at for one in held] == [None] * len(NAMES)
        stored = connection.execute(sa.select(cursors.cursors.c.cursor)).scalars()
        quantities = {format(one.quantity, "f") for one in held}
        return list(stored), sorted(quantities), int(rows.scalar_one())

    database = open_database(url)
    try:
        return database.read_now(read)
    finally:
        database.close()


@pytest.mark.long
def test_a_kill_at_any_moment_leaves_one_commit_whole(databases: Databases) -> None:
    """sync.md 2: however it died, so many rows, so many shares of each, and the cursor of both."""
    random = Random("kills")
    for _ in range(KILLS):
        with databases.fresh() as database:
            play(killed(database.url, random.randrange(1, 12), random.uniform(0.0, 0.05)))
            (cursor,), quantities, rows = left_behind(database.url)
            assert quantities == [cursor] == [str(rows)]
