"""What the processes of a crowd do with a database alone (tests/engine/crowd.py)."""

import asyncio
import contextlib
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from penstock.db import changes, connections, feeds, leases
from penstock.db.balances import balances
from penstock.db.changes import START, Position
from penstock.db.connect import open_database
from penstock.db.lane import Database
from penstock.db.leases import Lease
from tests.engine.crowd import Gate, my_number


async def take_lease(
    gate: Gate, *, url: str, connection_id: int, now: str, rounds: int
) -> list[int | None]:
    """Try to take a lease at instants a minute apart; return the fences that were won."""
    won: list[int | None] = []
    async with open_database(url) as database:
        await database.read(connections.get, connection_id)
        for number in range(rounds):
            gate()
            moment = datetime.fromisoformat(now) + timedelta(minutes=number)
            lease: Lease | None = await database.write(
                leases.take,
                connection_id,
                holder=f"{my_number()}:{number}",
                now=moment,
                until=moment + timedelta(seconds=30),
            )
            won.append(lease.fence if lease else None)
    return won


async def count_up(gate: Gate, *, url: str, owner_id: int, times: int) -> int:
    """Read the owner's number and write it back one larger, many times; nobody may be lost."""

    def step(connection: sa.Connection) -> None:
        f = feeds.feeds
        seen = connection.execute(sa.select(f.c.last).where(f.c.owner_id == owner_id)).scalar_one()
        connection.execute(f.update().where(f.c.owner_id == owner_id).values(last=seen + 1))

    async with open_database(url) as database:
        await database.read(last_number, owner_id)
        gate()
        await asyncio.gather(*(database.write(step) for _ in range(times)))
    return times


async def read_and_write_feed(
    gate: Gate, *, url: str, owner_id: int, account_id: int, commits: int, last: int
) -> list[tuple[int, ...]]:
    """Follow a feed up to number `last` (the first process), or write to it (all others).

    Return the positions that were read, in the order of reading; or the rows written, each alone.
    """
    async with open_database(url) as database:
        await database.read(last_number, owner_id)
        gate()
        if my_number() == 0:
            return [tuple(one) for one in await _follow(database, owner_id, last)]
        return [(row,) for row in await _write(database, owner_id, account_id, commits)]


async def _follow(database: Database, owner_id: int, last: int) -> list[Position]:
    """Page through a feed, one to five rows at a time, until its last number is behind us."""
    met: list[Position] = []
    today, pages = datetime(2026, 11, 20, tzinfo=UTC).date(), 0
    while True:
        ended = await database.read(last_number, owner_id) >= last
        pages += 1
        page = await database.read(
            changes.page,
            owner_id=owner_id,
            today=today,
            after=met[-1] if met else START,
            limit=1 + pages % 5,
        )
        met += [change.position for change in page.changes]
        if ended and not page.changes:
            return met


async def _write(database: Database, owner_id: int, account_id: int, commits: int) -> list[int]:
    """Commit numbered rows; every fifth commit fails at its end. Return the rows that stand."""
    now = datetime(2026, 11, 20, tzinfo=UTC)

    def commit(connection: sa.Connection, number: int) -> list[int]:
        values = {
            "owner_id": owner_id,
            "account_id": account_id,
            "run_id": 1,
            "kind": "current",
            "amount": number,
            "currency": "EUR",
            "as_of": now,
            "as_of_on": now.date(),
            "observed_at": now,
            "change_number": feeds.next_change(connection, owner_id),
        }
        insert = balances.insert().values(values).returning(balances.c.id)
        made = [int(connection.execute(insert).scalar_one()) for _ in range(1 + number % 3)]
        if number % 5 == 0:
            raise OSError("this commit ends badly")
        return made

    rows: list[int] = []
    for number in range(commits):
        with contextlib.suppress(OSError):
            rows += await database.write(commit, number)
    return rows


def last_number(connection: sa.Connection, owner_id: int) -> int:
    """Return the last number of a feed; a first look also opens the connection."""
    f = feeds.feeds
    found = connection.execute(sa.select(f.c.last).where(f.c.owner_id == owner_id))
    return int(found.scalar_one())
