"""Random worlds, random faults, restarts at any moment: it always ends at the bank's truth.

What can happen is a list of plain events, so that a failure shrinks to a short story.
"""

import asyncio
import contextlib
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from penstock.db import leases
from penstock.db.budgets import budgets
from penstock.db.connections import connections
from penstock.db.quarantine import quarantine
from penstock.db.transactions import transactions
from penstock.domain.outcome import Outcome
from penstock.domain.transaction import Status
from penstock.sandbox.bank import Options
from penstock.sandbox.faults import Fault, FaultKind, Place, RetryAfter
from penstock.sandbox.scenario import Scenario
from penstock.sandbox.world import World
from tests.databases import Databases
from tests.engine.house import House, house, play

SURVIVABLE = [
    FaultKind.THROTTLED,
    FaultKind.SERVER_ERROR,
    FaultKind.RESET,
    FaultKind.CUT,
    FaultKind.HTML,
    FaultKind.WRONG_TYPE,
    FaultKind.NAN,
    FaultKind.HALF,
    FaultKind.MISSING,
    FaultKind.MUTATION,
    FaultKind.NOT_READY,
]

WAITING = quarantine.select().where(quarantine.c.resolved_at.is_(None))

picks = st.integers(0, 10_000)
amounts = st.decimals(Decimal(-500), Decimal(500), places=2).filter(bool)
moves = st.one_of(
    st.tuples(st.just("post"), amounts),
    st.tuples(st.just("hold"), amounts.map(lambda amount: -abs(amount))),
    st.tuples(st.just("settle"), picks, st.booleans()),
    st.tuples(st.just("remove"), picks),
    st.tuples(st.just("revive"), picks),
    st.tuples(st.just("amend"), picks, amounts),
    st.tuples(st.just("advance"), st.integers(1, 3)),
)
troubles = st.one_of(
    st.tuples(
        st.just("fault"),
        st.sampled_from(SURVIVABLE),
        st.sampled_from([Place.ANY, Place.ACCOUNTS, Place.BALANCES, Place.TRANSACTIONS]),
        st.integers(1, 7),
        st.sampled_from(list(RetryAfter)),
    ),
    st.tuples(st.just("expire_access")),
    st.tuples(st.just("forget_cursors")),
)
runs = st.one_of(
    st.tuples(st.just("sync")),
    st.tuples(st.just("sync_from_start")),
    st.tuples(st.just("crash"), st.integers(1, 12)),
)
stories = st.lists(st.one_of(moves, moves, troubles, runs), max_size=30)


def check(databases: Databases, story: list[tuple[Any, ...]], rows: int, page_size: int) -> None:
    """Play a story, let the bank calm down, sync until it is done, and compare with the truth."""

    async def told() -> None:
        with databases.fresh() as database:
            options = Options(transactions=rows, page_size=page_size, slow_seconds=0)
            async with house(database.url, options) as home:
                connection = await home.link()
                for name, *more in story:
                    await EVENTS[name](home, connection, *more)
                home.bank.calm()
                await _let_time_pass(home)
                ending, _ = await home.sync(connection)
                for _ in range(4):
                    if ending.outcome is Outcome.DONE:
                        break
                    await _let_time_pass(home)
                    ending, _ = await home.sync(connection)
                assert ending.outcome is Outcome.DONE, ending
                if await home.all(WAITING):  # nonsense twice over: it is asked anew
                    ending, _ = await home.sync(connection, from_start=True)
                    assert await home.all(WAITING) == []
                assert await home.rows() == home.truth(), story
                assert await home.tie_out() <= {"ok", "settling"}
                notes = await home.all(
                    transactions.select().where(transactions.c.note.is_not(None))
                )
                assert len({row.note for row in notes}) == len(notes), "a note was copied"

    play(told())


CALM = settings(
    max_examples=5,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


YOUNGER_THAN_THE_CURSOR = [
    ("sync",),
    ("post", Decimal("0.01")),
    ("sync_from_start",),
    ("remove", 0),
]
NONSENSE_TWICE = [
    ("post", Decimal("0.01")),
    ("fault", FaultKind.WRONG_TYPE, Place.TRANSACTIONS, 2, RetryAfter.SECONDS),
    ("sync",),
]
OLDER_THAN_THE_CURSOR = [("post", Decimal("0.01")), ("sync",), ("remove", 0), ("sync_from_start",)]


@CALM
@example(story=YOUNGER_THAN_THE_CURSOR, rows=0, page_size=5)
@example(story=NONSENSE_TWICE, rows=0, page_size=1)
@example(story=OLDER_THAN_THE_CURSOR, rows=0, page_size=5)
@given(story=stories, rows=st.integers(0, 40), page_size=st.integers(1, 12))
def test_it_always_ends_at_the_banks_truth(
    databases: Databases, story: list[tuple[Any, ...]], rows: int, page_size: int
) -> None:
    """sync.md 2-12, 20-27: whatever happens in between, 0 lost, 0 doubled, tied out to the cent."""
    check(databases, story, rows, page_size)


@pytest.mark.long
@settings(CALM, max_examples=200)
@given(story=stories, rows=st.integers(0, 120), page_size=st.integers(1, 30))
def test_it_always_ends_at_the_banks_truth_many_times(
    databases: Databases, story: list[tuple[Any, ...]], rows: int, page_size: int
) -> None:
    """sync.md 2-12, 20-27: the same, many times over."""
    check(databases, story, rows, page_size)


def _world(home: House) -> World:
    return home.bank.desk("ada", Scenario.CALM).world


def _pick(home: House, number: int, wanted: Callable[[Any], bool]) -> str | None:
    ids = sorted(row.external_id for row in _world(home).truth().transactions if wanted(row))
    return ids[number % len(ids)] if ids else None


async def _post(home: House, _: int, amount: Decimal) -> None:
    _world(home).post("checking", amount, "Posted")


async def _hold(home: House, _: int, amount: Decimal) -> None:
    _world(home).hold("checking", amount, "Held")


async def _settle(home: House, _: int, number: int, tip: bool) -> None:
    pending = _pick(home, number, lambda row: row.status is Status.PENDING)
    if pending is None:
        return
    row = next(one for one in _world(home).truth().transactions if one.external_id == pending)
    _world(home).settle(pending, row.amount - Decimal("1.50") if tip else None)


async def _remove(home: House, _: int, number: int) -> None:
    chosen = _pick(home, number, lambda row: True)  # noqa: ARG005 - any row
    if chosen is not None:
        _world(home).remove(chosen)
        _gone(home).append(chosen)


async def _revive(home: House, _: int, number: int) -> None:
    gone = _gone(home)
    if gone:
        _world(home).revive(gone.pop(number % len(gone)))


def _gone(home: House) -> list[str]:
    """Return what was removed and may come back."""
    return home.notebook.setdefault("gone", [])


async def _amend(home: House, _: int, number: int, amount: Decimal) -> None:
    chosen = _pick(home, number, lambda row: row.status is Status.POSTED)
    if chosen is not None:
        _world(home).amend(chosen, description="Amended", amount=amount)


async def _advance(home: House, _: int, days: int) -> None:
    _world(home).advance(days)


async def _fault(
    home: House, _: int, kind: FaultKind, place: Place, times: int, how: RetryAfter
) -> None:
    home.bank.queue(Fault(kind, retry_after=how), place=place, times=times)


async def _expire_access(home: House, _: int) -> None:
    home.expire_access()


async def _forget_cursors(home: House, connection: int) -> None:
    """Forget all cursors of a reader that is up to date: what it missed is never said again."""
    home.bank.calm()
    await _sync(home, connection)
    home.bank.desk("ada", Scenario.CALM).cursors.forget()
    await _sync(home, connection)


async def _sync(home: House, connection: int) -> None:
    await _let_time_pass(home)
    await home.sync(connection)
    await _write_notes(home)


async def _sync_from_start(home: House, connection: int) -> None:
    await _let_time_pass(home)
    await home.sync(connection, from_start=True)


async def _crash(home: House, connection: int, after: int) -> None:
    """Let a worker die after so many requests: nothing is closed, the lease is left behind."""
    await _let_time_pass(home)
    run = await home.penstock.syncer.start(connection, trigger="crash")
    assert run is not None
    dying = asyncio.create_task(run._read_all())  # noqa: SLF001 - a crash has no public door
    while not dying.done() and run.tally.requests < after:
        await asyncio.sleep(0)
    dying.cancel()
    with contextlib.suppress(asyncio.CancelledError, Exception):
        await dying
    await home.penstock.database.write(leases.seize, connection)


async def _let_time_pass(home: House) -> None:
    for calm in (
        connections.update().values(not_before=None),
        budgets.update().values(told_limit=None, told_left=None, told_until=None),
    ):
        await home.penstock.database.write(sa.Connection.execute, calm)


async def _write_notes(home: House) -> None:
    """Write a note of its own on every row that has none: it must stay, and on one row only."""
    t = transactions.c
    note = transactions.update().where(t.note.is_(None)).values(note=t.external_id)
    await home.penstock.database.write(lambda connection: connection.execute(note))


EVENTS: dict[str, Any] = {
    "post": _post,
    "hold": _hold,
    "settle": _settle,
    "remove": _remove,
    "revive": _revive,
    "amend": _amend,
    "advance": _advance,
    "fault": _fault,
    "expire_access": _expire_access,
    "forget_cursors": _forget_cursors,
    "sync": _sync,
    "sync_from_start": _sync_from_start,
    "crash": _crash,
}
