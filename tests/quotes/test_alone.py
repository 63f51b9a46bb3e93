"""Turns, kept answers and believed prices in memory."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Final

import pytest

from penstock.domain.pricing import Kept, Quota, Visit
from penstock.domain.quote import (
    TRUSTED,
    QuotaSpent,
    Quote,
    RateLimited,
    SourceUnavailable,
)
from penstock.domain.request import Response
from penstock.quotes.alone import FAILURES, AcceptedAlone, AnswersAlone, GateAlone
from tests.quotes.answers import NOW
from tests.quotes.virtual import clock, later, live

VISIT: Final = Visit(source="one", title="One", host="one.example.com")


async def pass_through(gate: GateAlone, visit: Visit) -> datetime:
    """Make a visit, and return when it began."""
    async with gate.visit(visit):
        return clock()


def test_turns_are_an_interval_apart() -> None:
    """Ten that come at once are let in one after the other, however many there may be at a time."""

    async def play() -> None:
        gate = GateAlone(clock=clock)
        visit = replace(VISIT, interval=timedelta(seconds=2), concurrency=4)
        begun = await asyncio.gather(*(pass_through(gate, visit) for _ in range(10)))
        assert sorted(begun) == [NOW + timedelta(seconds=2 * number) for number in range(10)]

    live(play)


def test_a_place_is_held_until_the_answer_is_there() -> None:
    """With two places, the third waits until one of them is free again."""

    async def play() -> None:
        gate = GateAlone(clock=clock)
        visit = replace(VISIT, concurrency=2)
        async with AsyncExitStack() as held:
            await held.enter_async_context(gate.visit(visit))
            await held.enter_async_context(gate.visit(visit))
            third = asyncio.ensure_future(pass_through(gate, visit))
            await later(30)
            assert not third.done()
        assert await third == NOW + timedelta(seconds=30)

    live(play)


def test_a_turn_that_would_come_too_late_is_refused() -> None:
    """Whoever has no patience is told when to come back, and takes nobody's turn."""

    async def play() -> None:
        gate = GateAlone(clock=clock, patience=timedelta(seconds=5))
        visit = replace(VISIT, interval=timedelta(seconds=4), concurrency=9)
        waiting = [asyncio.ensure_future(pass_through(gate, visit)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(RateLimited) as refusal:
            await pass_through(gate, visit)
        assert refusal.value.retry_at == NOW + timedelta(seconds=8)
        await asyncio.gather(*waiting)
        assert await pass_through(gate, visit) == NOW + timedelta(seconds=8)

    live(play)


def test_a_quota_holds_until_its_reset() -> None:
    """Three calls a day in New York, of which a batch may be several; nothing is spent in vain."""
    quota = Quota(3, "America/New_York", "00:00")

    async def play() -> None:
        gate = GateAlone(clock=clock)
        visit = replace(VISIT, quota=quota)
        await pass_through(gate, replace(visit, calls=2))
        with pytest.raises(QuotaSpent):
            await pass_through(gate, replace(visit, calls=2))
        await pass_through(gate, visit)
        with pytest.raises(QuotaSpent) as spent:
            await pass_through(gate, visit)
        assert spent.value.retry_at == datetime(2026, 11, 22, 5, 0, tzinfo=UTC)
        await pass_through(gate, replace(visit, quota=None, calls=0))
        await later((spent.value.retry_at - clock()).total_seconds())
        await pass_through(gate, visit)

    live(play)


@pytest.mark.parametrize(
    ("now", "began", "ends"),
    [
        ("2026-11-21T12:00Z", "2026-11-21T05:00Z", "2026-11-22T05:00Z"),
        ("2026-11-21T04:59Z", "2026-11-20T05:00Z", "2026-11-21T05:00Z"),
        ("2026-03-08T12:00Z", "2026-03-08T05:00Z", "2026-03-09T04:00Z"),
        ("2026-11-01T12:00Z", "2026-11-01T04:00Z", "2026-11-02T05:00Z"),
    ],
    ids=["noon", "before", "spring", "autumn"],
)
def test_a_day_is_as_long_as_in_its_zone(now: str, began: str, ends: str) -> None:
    """Days of 23 and 25 hours begin and end at midnight there."""
    quota = Quota(1, "America/New_York")
    instant = datetime.fromisoformat(now)
    assert quota.began(instant) == datetime.fromisoformat(began)
    assert quota.ends(instant) == datetime.fromisoformat(ends)


@pytest.mark.parametrize(
    ("status", "said", "seconds"), [(429, "90", 90), (429, "", 60), (503, "120", 120)]
)
def test_a_host_is_left_alone_as_long_as_it_says(status: int, said: str, seconds: int) -> None:
    """429, and 503 with Retry-After, close it for everybody; a shorter wait later opens nothing."""
    headers = {"retry-after": said} if said else {}

    async def play() -> None:
        gate = GateAlone(clock=clock)
        await gate.heard(VISIT, Response(status, headers, b""), clock())
        await gate.heard(VISIT, Response(429, {"retry-after": "1"}, b""), clock())
        with pytest.raises(RateLimited) as closed:
            await pass_through(gate, replace(VISIT, source="another"))
        assert closed.value.retry_at == NOW + timedelta(seconds=seconds)
        await pass_through(gate, replace(VISIT, host="two.example.com"))
        await later(seconds)
        await pass_through(gate, VISIT)

    live(play)


def test_a_host_that_keeps_failing_is_left_alone() -> None:
    """After five failures in a row it rests, longer each time; one good answer forgives all."""

    async def play() -> None:
        gate = GateAlone(clock=clock)
        for _ in range(FAILURES):
            await pass_through(gate, VISIT)
            await gate.heard(VISIT, None, clock())
        for rest in (30, 60, 120):
            with pytest.raises(SourceUnavailable):
                await pass_through(gate, VISIT)
            await later(rest)
            await pass_through(gate, VISIT)
            await gate.heard(VISIT, Response(502, {}, b""), clock())
        await later(240)
        await gate.heard(VISIT, Response(200, {}, b""), clock())
        await gate.heard(VISIT, None, clock())
        await pass_through(gate, VISIT)

    live(play)


def test_a_gate_outlives_its_event_loop() -> None:
    """What was learnt in one loop holds in the next, also after somebody had to wait."""
    gate = GateAlone(clock=lambda: NOW)

    async def play() -> None:
        async def hold() -> None:
            async with gate.visit(VISIT):
                await asyncio.sleep(0)

        await asyncio.gather(hold(), hold(), hold())

    live(play)
    live(play)


def test_the_oldest_answers_make_room() -> None:
    """Only so many are kept, those that were used last."""

    def kept(number: int) -> Kept:
        return Kept("one", f"https://{number}", {}, NOW, NOW)

    async def play() -> None:
        answers = AnswersAlone(most=3)
        await answers.keep([kept(number) for number in range(3)])
        await answers.recall(["https://0"])
        await answers.keep([kept(3)])
        assert set(await answers.recall([f"https://{number}" for number in range(4)])) == {
            "https://0",
            "https://2",
            "https://3",
        }

    live(play)


def test_an_older_price_replaces_none() -> None:
    """Unless a person said that it is right."""

    def quote(price: str, hours: int, *flags: str) -> Quote:
        at = NOW + timedelta(hours=hours)
        return Quote(
            "ACME",
            Decimal(price),
            "USD",
            "USD",
            at,
            at,
            "one",
            "way",
            price,
            flags=flags,
            instrument="ACME:XNYS",
        )

    async def play() -> None:
        accepted = AcceptedAlone()
        for told, last in [
            (quote("5", 0), "5"),
            (quote("4", -1), "5"),
            (quote("6", 1), "6"),
            (quote("3", 0, TRUSTED), "3"),
        ]:
            await accepted.accept([told])
            assert (await accepted.last(["ACME:XNYS", "OTHR:XNYS"]))["ACME:XNYS"].price == Decimal(
                last
            )

    live(play)
