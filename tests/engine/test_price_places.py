"""Places at hosts, hosts that are out of order, and what is known of their robots.txt."""

import asyncio
from datetime import timedelta

import pytest
import sqlalchemy as sa

from penstock.domain.pricing import Quota, RobotsSeen
from penstock.domain.quote import QuotaSpent, SourceUnavailable
from penstock.domain.request import Response
from penstock.engine.price_gate import LEASE
from tests.databases import Database
from tests.engine.bench import NOON
from tests.engine.price_house import FINE, SECOND, VISIT, Yard, paced, tell, yard


def test_no_more_at_a_time_than_a_host_takes(database: Database) -> None:
    """Places are counted over all processes, and each is free as soon as its visit is over."""

    async def story(one: Yard, other: Yard) -> None:
        pair = paced(concurrency=2)
        inside = most = 0
        both = asyncio.Event()

        async def stay(who: Yard) -> None:
            nonlocal inside, most
            async with who.gate.visit(pair):
                inside += 1
                most = max(most, inside)
                if inside == 2:
                    both.set()
                await both.wait()
                await who.gate.database.read(lambda connection: connection.dialect.name)
                inside -= 1

        await asyncio.gather(*(stay(who) for who in (one, other) * 5))
        assert most == 2

    tell(database, story)


def test_a_place_of_the_dead_is_free_after_a_while(database: Database) -> None:
    """Who is killed inside holds the place no longer than its lease, and nobody fails for it."""

    async def story(one: Yard, other: Yard) -> None:
        visit = paced(quota=Quota(10))
        entered = one.gate.visit(visit)
        await entered.__aenter__()
        at = await other.ask(visit)  # while `one` never says that it left
        assert LEASE <= at - NOON <= LEASE + 3 * SECOND

    tell(database, story)


def test_who_is_cancelled_leaves_nothing_behind(database: Database) -> None:
    """A visit that is cancelled, wherever it was, gives back its place and what it did not use."""

    async def story(one: Yard, other: Yard) -> None:
        visit = paced(quota=Quota(2), interval=5 * SECOND)
        await other.ask(visit)
        for turns in range(12):
            asked = asyncio.create_task(one.ask(visit))
            for _ in range(turns):
                await asyncio.sleep(0)
            asked.cancel()
            await asyncio.gather(asked, return_exceptions=True)
            if not asked.cancelled():
                break
            one.watch.later(seconds=10)
        else:
            await other.ask(visit)
        with pytest.raises(QuotaSpent):
            await other.ask(visit)

    tell(database, story)


def test_a_host_out_of_order_is_left_alone_and_probed_by_one(database: Database) -> None:
    """After three bad answers in a row nobody asks; later one does, and its answer counts."""

    async def story(one: Yard, other: Yard) -> None:
        for answer in (None, Response(500, {}, b""), None):
            await one.ask(answer=answer)
        other.gate.health.forget("quotes")
        for who in (one, other):
            with pytest.raises(SourceUnavailable):
                await who.ask()
        one.watch.later(seconds=31)
        async with one.gate.visit(VISIT):
            with pytest.raises(SourceUnavailable):
                await other.ask()
            await one.gate.heard(VISIT, None, one.watch.now)
        with pytest.raises(SourceUnavailable):
            await other.ask()
        one.watch.later(seconds=61)
        await other.ask()
        one.watch.later(seconds=2)
        await one.ask()

    tell(database, story)


def test_one_bad_answer_is_an_accident(database: Database) -> None:
    """A good answer ends a row of bad ones, and to be asked to wait is not to be out of order."""

    async def story(one: Yard, other: Yard) -> None:
        slow_down = Response(503, {"retry-after": "1"}, b"")
        for answer in (None, None, FINE, None, None, slow_down):
            await one.ask(answer=answer)
        one.watch.later(seconds=2)
        await other.ask()

    tell(database, story)


def test_robots_are_read_once_for_all(database: Database) -> None:
    """What one process read of robots.txt is known to the others; what was read later stands."""

    async def story(one: Yard, other: Yard) -> None:
        assert await other.gate.robots("boerse.example") is None
        seen = RobotsSeen(NOON + timedelta(days=1), "User-agent: *\nDisallow: /\0\n")
        await one.gate.keep_robots("boerse.example", seen)
        known = await other.gate.robots("boerse.example")
        assert known is not None
        assert known.until == seen.until
        assert known.text == "User-agent: *\nDisallow: /\ufffd\n"
        await other.gate.keep_robots("boerse.example", RobotsSeen(NOON, None))
        async with yard(database, one.watch) as third:
            assert await third.gate.robots("boerse.example") == known

    tell(database, story)


def test_a_quiet_visit_costs_two_transactions(database: Database) -> None:
    """A place, a turn and a call are one transaction, and leaving is the other."""

    async def story(one: Yard, other: Yard) -> None:
        del other
        await one.ask(paced(interval=SECOND, quota=Quota(10)))
        assert one.gate.ledger.transactions == 2
        rows = await one.gate.database.read(
            lambda connection: connection.execute(sa.text("SELECT count(*) FROM breakers")).scalar()
        )
        assert rows == 0

    tell(database, story)
