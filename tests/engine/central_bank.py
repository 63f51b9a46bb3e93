"""A central bank with a history of its own, a gate before it, and what keeps its rates."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

import sqlalchemy as sa

from penstock.db import rates
from penstock.db.lane import Database as Lanes
from penstock.domain.pricing import RobotsSeen, Visit
from penstock.domain.request import Request, Response
from penstock.engine.rates import RateKeeper, Refreshed
from penstock.quotes.reference_rates import DAILY, LAST_90_DAYS, SINCE_1999
from tests.quotes.history import CODES, history

FRIDAY = date(2026, 11, 20)
EVENING = datetime(2026, 11, 20, 17, tzinfo=UTC)
DAYS = 400
"""How many days the whole history of these tests has."""


@dataclass(slots=True)
class World:
    """A central bank, a gate before it, and the time."""

    now: datetime = EVENING
    last: date = FRIDAY
    asked: list[str] = field(default_factory=list)
    visits: list[Visit] = field(default_factory=list)
    heard: list[int | None] = field(default_factory=list)
    instead: Response | Exception | None = None
    shut: Exception | None = None
    bodies: dict[str, bytes] = field(default_factory=dict)

    def clock(self) -> datetime:
        """Say what time it is."""
        return self.now

    def body(self, url: str) -> bytes:
        """Return a document as it is today."""
        days = {DAILY: 1, LAST_90_DAYS: 62, SINCE_1999: DAYS}[url]
        return self.bodies[url] if url in self.bodies else history(self.last, days=days)

    async def send(self, request: Request) -> Response:
        """Answer as the bank does, by ETag."""
        self.asked.append(request.url)
        if isinstance(self.instead, Exception):
            raise self.instead
        if self.instead is not None:
            return self.instead
        etag = f'"{self.last}"'
        if request.headers.get("If-None-Match") == etag:
            return Response(304, {}, b"")
        return Response(200, {"etag": etag, "content-type": "text/xml"}, self.body(request.url))

    @asynccontextmanager
    async def visit(self, visit: Visit) -> AsyncIterator[None]:
        """Let everybody through, unless it is shut."""
        if self.shut is not None:
            raise self.shut
        self.visits.append(visit)
        yield


class OpenGate:
    """A gate of domain/pricing.py that asks the world."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.visit = world.visit

    async def heard(self, visit: Visit, response: Response | None, now: datetime) -> None:
        """Take note of an answer."""
        assert now == self.world.now
        assert visit in self.world.visits
        self.world.heard.append(response.status if response else None)

    async def robots(self, host: str) -> RobotsSeen | None:
        """Know of none."""

    async def keep_robots(self, host: str, seen: RobotsSeen) -> None:
        """Keep none."""


@dataclass(slots=True)
class Kept:
    """The keeper under test, and what it keeps."""

    world: World
    lanes: Lanes
    keeper: RateKeeper

    def refresh(self) -> Refreshed:
        """Look once."""
        return asyncio.run(self.keeper.refresh())

    def due(self) -> datetime:
        """Return when to look next."""
        return asyncio.run(self.keeper.next_due())

    def days(self) -> list[date]:
        """Return the days that are stored, each with all its currencies."""
        table = rates.rates.c
        query = sa.select(table.day, sa.func.count()).group_by(table.day).order_by(table.day)
        found = self.lanes.read_now(lambda one: one.execute(query).all())
        assert {count for _, count in found} <= {len(CODES)}
        return [day for day, _ in found]

    def pass_to(self, day: date) -> None:
        """Let time pass to the evening of a day, whose rates are there."""
        self.world.now = datetime(day.year, day.month, day.day, 17, tzinfo=UTC)
        self.world.last = day
        self.world.asked.clear()
