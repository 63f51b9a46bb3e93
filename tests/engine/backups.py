"""Backups for tests: an installation that was lived in, saved, put back, and compared."""

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from penstock.db import dump
from penstock.db.connect import open_database
from penstock.db.lane import Database
from penstock.engine.backup import Contents, Stamp, back_up, restore
from penstock.sandbox.bank import Options
from penstock.sandbox.scenario import Scenario
from tests.db.books import NOW
from tests.engine.house import house, play

STAMP = Stamp(NOW, "0.1.0")


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """Open a database, and close it."""
    database = open_database(url)
    try:
        yield database
    finally:
        database.close()


def saved(url: str, stamp: Stamp = STAMP) -> io.BytesIO:
    """Back a database up."""
    file = io.BytesIO()
    with opened(url) as database:
        back_up(database, file, stamp)
    return file


def put_back(url: str, file: io.BytesIO) -> Contents:
    """Restore a database."""
    with opened(url) as database:
        return restore(database, file)


def everything(url: str) -> dict[str, list[list[dump.Value]]]:
    """Return every row of every table, in an order of their own."""

    def read(connection: sa.Connection) -> dict[str, list[list[dump.Value]]]:
        return {
            layout.table: sorted(dump.rows(connection, layout), key=repr)
            for layout in dump.layouts(connection)
        }

    with opened(url) as database:
        return database.read_now(read)


def lived_in(url: str, **options: Any) -> None:
    """Let somebody link a bank and sync it twice, and link another where they have invested."""

    async def story() -> None:
        async with house(url, Options(**options)) as home:
            number = await home.link()
            await home.sync(number)
            home.step()
            await home.sync(number)
            await home.sync(await home.link(Scenario.INVESTED))

    play(story())
