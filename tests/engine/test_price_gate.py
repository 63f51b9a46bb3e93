"""Requests for prices: all processes together ask no host more than it allows."""

import itertools
from datetime import datetime, timedelta

import pytest

from penstock.db import budgets
from penstock.domain.budget import free_at, left
from penstock.domain.pricing import Quota
from penstock.domain.quote import QuotaSpent, RateLimited
from penstock.domain.request import Response
from penstock.engine.limits_seen import limits_seen
from tests.databases import Database
from tests.engine.bench import NOON
from tests.engine.price_house import SECOND, VISIT, Yard, paced, tell, yard


def test_a_rate_is_the_hosts_whichever_process_asks(database: Database) -> None:
    """Two processes in turn ask one host no closer together than it wants; another at once."""

    async def story(one: Yard, other: Yard) -> None:
        slow = paced(interval=2 * SECOND)
        times = [await (one, other)[number % 2].ask(slow) for number in range(6)]
        gaps = [later - before for before, later in itertools.pairwise(times)]
        assert all(2 * SECOND <= gap <= 2.5 * SECOND for gap in gaps), gaps
        before = one.watch.now
        assert await other.ask(paced(interval=2 * SECOND, host="other.example")) == before

    tell(database, story)


def test_a_turn_that_is_too_far_off_is_not_waited_for(database: Database) -> None:
    """Whoever would wait for longer than the patience lasts is told when to come back."""

    async def story(one: Yard, other: Yard) -> None:
        slow = paced(interval=timedelta(hours=1))
        await one.ask(slow)
        with pytest.raises(RateLimited) as refused:
            await other.ask(slow)
        assert refused.value.source == "boerse"
        assert refused.value.retry_at is not None
        assert refused.value.retry_at >= NOON + timedelta(hours=1)
        one.watch.now = refused.value.retry_at
        await other.ask(slow)

    tell(database, story)


def test_a_daily_quota_holds_over_restarts_until_its_reset(database: Database) -> None:
    """What is spent in a day stays spent for every process, until the source's own midnight."""
    berlin = Quota(3, "Europe/Berlin", "00:00")

    async def story(one: Yard, other: Yard) -> None:
        limited = paced(quota=berlin)
        for who in (one, other, one):
            await who.ask(limited)
        with pytest.raises(QuotaSpent) as refused:
            await other.ask(limited)
        midnight = datetime.fromisoformat("2026-11-21T00:00:00+01:00")
        assert refused.value.retry_at is not None
        assert midnight <= refused.value.retry_at <= midnight + 2 * SECOND
        async with yard(database, one.watch) as restarted:
            with pytest.raises(QuotaSpent):
                await restarted.ask(limited)
            one.watch.now = refused.value.retry_at
            for _ in range(3):
                await restarted.ask(limited)
        with pytest.raises(QuotaSpent):
            await other.ask(limited)
        await other.ask(paced(quota=Quota(3), source="another"))

    tell(database, story)


def test_who_yields_leaves_half_of_a_quota_to_others(database: Database) -> None:
    """Of five calls a day past days get two, whichever process asks; a single one is for both."""

    async def story(one: Yard, other: Yard) -> None:
        past = paced(quota=Quota(5), yields=True)
        for who in (one, other):
            await who.ask(past)
        with pytest.raises(QuotaSpent):
            await one.ask(past)
        for who in (one, other, one):
            await who.ask(paced(quota=Quota(5)))
        with pytest.raises(QuotaSpent):
            await other.ask(paced(quota=Quota(5)))
        await one.ask(paced(quota=Quota(1), source="another", yields=True))

    tell(database, story)


def test_a_request_may_spend_several_calls(database: Database) -> None:
    """A batch that counts by symbol takes as many calls, or is not made, and spends nothing."""

    async def story(one: Yard, other: Yard) -> None:
        quota = Quota(5)
        await one.ask(paced(quota=quota, calls=3))
        with pytest.raises(QuotaSpent):
            await other.ask(paced(quota=quota, calls=3))
        await other.ask(paced(quota=quota, calls=2))
        with pytest.raises(QuotaSpent) as never:
            await one.ask(paced(quota=quota, calls=6))
        assert never.value.retry_at is None

    tell(database, story)


@pytest.mark.parametrize(
    ("status", "headers", "seconds"),
    [(429, {"retry-after": "90"}, 90), (429, {}, 60), (503, {"retry-after": "600"}, 600)],
)
def test_a_host_that_wants_to_be_left_alone_is(
    database: Database, status: int, headers: dict[str, str], seconds: int
) -> None:
    """Retry-After closes a host for all processes, and a shorter one later opens it no sooner."""

    async def story(one: Yard, other: Yard) -> None:
        await one.ask(answer=Response(status, headers, b""))
        await one.gate.heard(VISIT, Response(429, {"retry-after": "1"}, b""), one.watch.now)
        for who in (one, other):
            with pytest.raises(RateLimited) as refused:
                await who.ask()
            assert refused.value.retry_at == NOON + timedelta(seconds=seconds)
        one.watch.later(seconds=seconds)
        await other.ask()

    tell(database, story)


def test_who_waited_for_a_turn_looks_again_before_asking(database: Database) -> None:
    """A host that was closed while one waited for their turn is not asked when it comes."""

    async def story(one: Yard, other: Yard) -> None:
        visit = paced(interval=10 * SECOND, concurrency=2)
        await one.ask(visit)
        slept = one.gate.sleep

        async def meanwhile(seconds: float) -> None:
            await other.gate.heard(visit, Response(429, {"retry-after": "60"}, b""), NOON)
            await slept(seconds)

        one.gate.sleep = meanwhile
        with pytest.raises(RateLimited):
            await one.ask(visit)

    tell(database, story)


def test_a_closed_host_and_a_spent_quota_are_shown(database: Database) -> None:
    """Whoever looks at budgets sees both by name, with when they end; a place held is no budget."""

    async def story(one: Yard, other: Yard) -> None:
        del other
        limited = paced(quota=Quota(1), interval=SECOND)
        async with one.gate.visit(limited):
            held = await one.gate.database.read(budgets.busy, now=one.watch.now)
            assert {row.key.partition("#")[0] for row in held} == {"quotes:rate", "quotes:quota"}
            closed = Response(429, {"retry-after": "30"}, b"")
            await one.gate.heard(limited, closed, one.watch.now)
        rows = await one.gate.database.read(budgets.busy, now=one.watch.now)
        ends = {
            row.endpoint: free_at(row.limit, row.standing, NOON)
            for row in rows
            if left(row.limit, row.standing, NOON) == 0
        }
        assert ends["boerse.example"] == NOON + 30 * SECOND
        assert ends["boerse"] > NOON + timedelta(hours=11)
        seen = await one.gate.database.read(limits_seen, clock=one.watch)
        assert seen.calls_left == {("quotes/boerse", "app"): 0, ("quotes/boerse.example", "app"): 0}
        one.watch.later(seconds=31)
        rows = await one.gate.database.read(budgets.busy, now=one.watch.now)
        assert [row.endpoint for row in rows] == ["boerse"]

    tell(database, story)
