"""Budgets that all processes share: exact on both databases, and kept over restarts."""

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa

from penstock.db import budgets
from penstock.db.connect import open_database
from penstock.domain.budget import Ask, Use
from penstock.domain.limit import Scope, quota, rate
from penstock.domain.rate_headers import Told
from penstock.engine.ledger import SharedLedger
from tests.databases import Database
from tests.engine.bench import Watch
from tests.engine.crowd import crowd
from tests.engine.house import play
from tests.engine.pacing import NOON

SECOND = timedelta(seconds=1)
AT_ONCE = timedelta(0)


def fullest(sent: list[float], seconds: float) -> int:
    """Return how many calls the fullest window of so many seconds holds, wherever it begins."""
    sent = sorted(sent)
    most = first = 0
    for last, at in enumerate(sent):
        while sent[first] <= at - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


def test_four_processes_never_exceed_a_rate(database: Database) -> None:
    """sync.md 23: no second, wherever it begins, sees more calls of all processes than it may.

    And what may be asked is asked: the rate is used, less the room for what comes late.
    """

    async def story() -> None:
        told = await crowd(
            4, "tests.engine.pacing.pace", url=database.url, per_second=200, tasks=6, calls=18
        )
        sent = sorted(at for calls, _ in told for at in calls)
        assert len(sent) == 4 * 6 * 18
        assert fullest(sent, 1.0) <= 200
        assert (len(sent) - 1) / (sent[-1] - sent[0]) > 60

    play(story())


def test_four_processes_share_a_quota_to_the_last_call(database: Database) -> None:
    """sync.md 23: as many calls as there are, and not one more, whoever asks first."""

    async def story() -> None:
        given = {"url": database.url, "calls": 30, "tries": 12}
        told = await crowd(4, "tests.engine.pacing.spend_quota", **given)
        assert sum(told) == 30

    play(story())


def test_a_daily_quota_survives_a_restart(database: Database) -> None:
    """sync.md 22, 23: what was spent is spent for whoever starts anew, until it is a day old."""
    ask = Ask((Use("q", "fake", Scope.APP, quota(3, scope=Scope.APP)),), AT_ONCE)
    watch = Watch(NOON)

    async def spend() -> tuple[bool, timedelta]:
        async with open_database(database.url) as opened:
            grant, since = await SharedLedger(opened, watch, one_clock=True).spend(ask)
            assert since == watch.now
            return grant.granted, grant.wait

    async def story() -> None:
        for _ in range(3):
            assert await spend() == (True, AT_ONCE)
            watch.later(hours=1)
        assert await spend() == (False, timedelta(hours=21) + SECOND)
        watch.later(hours=21, seconds=1)
        assert await spend() == (True, AT_ONCE)
        assert not (await spend())[0]

    play(story())


def test_the_bank_is_believed_by_everybody(database: Database) -> None:
    """sync.md 23: what one process was told holds for the next, and lowers a declared limit."""
    watch = Watch(NOON)
    use = Use("q", "fake", Scope.APP, quota(100, scope=Scope.APP, told_by=""))

    async def story() -> None:
        async with open_database(database.url) as first:
            ledger = SharedLedger(first, watch, one_clock=True)
            await ledger.heed(use, Told("", 50, 1, timedelta(minutes=5)))
        async with open_database(database.url) as second:
            ledger = SharedLedger(second, watch, one_clock=True)
            assert (await ledger.spend(Ask((use,), AT_ONCE)))[0].granted
            grant, _ = await ledger.spend(Ask((use,), AT_ONCE))
            assert (grant.granted, grant.wait) == (False, timedelta(minutes=5))

    play(story())


def test_those_who_wait_together_are_answered_together(database: Database) -> None:
    """sync.md 23: fifty requests cost a few transactions, and are served in their order."""
    use = Use("r", "fake", Scope.APP, rate(1000, SECOND))

    async def story() -> None:
        async with open_database(database.url) as opened:
            ledger = SharedLedger(opened, Watch(NOON), one_clock=True)
            asks = [ledger.spend(Ask((use,), SECOND)) for _ in range(50)]
            answers = await asyncio.gather(*asks)
            waits = [grant.wait for grant, _ in answers]
            assert waits == [use_interval * number for number in range(50)]
            assert ledger.transactions <= 3

    assert use.limit is not None
    use_interval = use.limit.interval
    play(story())


def test_one_connection_that_is_gone_fails_nobody_else(database: Database) -> None:
    """sync.md 29: a budget of a deleted connection is an error for its own run alone."""
    gone = Use("c", "fake", Scope.CONNECTION, quota(3), connection_id=404)
    good = Use("q", "fake", Scope.APP, quota(3, scope=Scope.APP))

    async def story() -> None:
        async with open_database(database.url) as opened:
            ledger = SharedLedger(opened, Watch(NOON), one_clock=True)
            asks = [ledger.spend(Ask((use,), AT_ONCE)) for use in (gone, good, gone, good)]
            answers = await asyncio.gather(*asks, return_exceptions=True)
            assert [isinstance(one, Exception) for one in answers] == [True, False, True, False]

    play(story())


def test_what_is_quiet_is_forgotten_a_day_later(database: Database) -> None:
    """sync.md 23: rows that say nothing any more do not gather; those that do are kept."""
    old = Use("old", "fake", Scope.APP, rate(5, SECOND))
    new = Use("new", "fake", Scope.APP, quota(5, scope=Scope.APP))
    other = Use("other", "fake", Scope.APP, quota(5, scope=Scope.APP))

    async def story() -> None:
        async with open_database(database.url) as opened:
            watch = Watch(NOON)
            ledger = SharedLedger(opened, watch, one_clock=True)
            await ledger.spend(Ask((old, new), AT_ONCE))
            watch.later(days=1, minutes=1)
            await ledger.spend(Ask((other,), AT_ONCE))
            kept = await opened.read(
                lambda one: one.execute(sa.select(budgets.budgets.c.key)).all()
            )
            assert {row.key for row in kept} == {"new", "other"}

    play(story())


@pytest.mark.parametrize("calls", [1, 200])
def test_a_standing_is_stored_exactly(database: Database, calls: int) -> None:
    """sync.md 23: instants come back to the microsecond, on both databases."""
    use = Use("q", "fake", Scope.APP, quota(calls, scope=Scope.APP))
    watch = Watch(NOON + timedelta(microseconds=1))

    async def story() -> None:
        async with open_database(database.url) as opened:
            ledger = SharedLedger(opened, watch, one_clock=True)
            await ledger.spend(Ask((use,), AT_ONCE))
            (row,) = await opened.read(budgets.busy, now=watch.now)
            assert [(one.at, one.calls) for one in row.standing.spent] == [(watch.now, 1)]
            assert row.limit == quota(calls, scope=Scope.APP)

    play(story())
