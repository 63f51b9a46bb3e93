"""The budgets of all processes, kept in the database (domain.budget.Ledger).

Requests that ask while another transaction is under way are answered together by the next one. And
where turns of a rate are scarce, as many more are taken as requests of this process wait for
theirs: they will come back soon. So where many wait, a call costs a fraction of a transaction. A
turn that nobody uses in time is lost.
"""

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa

from penstock.db import budgets
from penstock.db.lane import Database
from penstock.domain.budget import Ask, Book, Grant, Use, heed
from penstock.domain.clock import Clock
from penstock.domain.limit import Scope
from penstock.domain.rate_headers import Told

MOST_TOGETHER: Final = 64
AHEAD: Final = timedelta(milliseconds=100)
"""Turns of so long a time may be taken for those who will come back."""

TIDIED: Final = timedelta(hours=1)

Answer = tuple[Grant, datetime]
Waiting = tuple[Ask, asyncio.Future[Answer]]


@dataclass(slots=True)
class Turns:
    """The turns of one rate that this process was given: `taken` by a request, and `spare` ones."""

    taken: deque[datetime] = field(default_factory=deque)
    spare: deque[datetime] = field(default_factory=deque)

    def take(self, ask: Ask, slack: timedelta, now: datetime) -> Grant | None:
        """Return a spare turn that is not too late, if there is one."""
        while self.spare and self.spare[0] < now - slack:
            self.spare.popleft()
        if not self.spare or self.spare[0] - now > ask.patience:
            return None
        at = self.spare.popleft()
        self.taken.append(at)
        return Grant(granted=True, wait=at - now, slack=slack)

    def wanted(self, interval: timedelta, now: datetime) -> int:
        """Return how many turns to take for those who wait now, and will come back."""
        while self.taken and self.taken[0] <= now:
            self.taken.popleft()
        return min(len(self.taken), AHEAD // interval) - len(self.spare)


@dataclass(slots=True)
class SharedLedger:
    """One for the whole process. `clock` is our own; the fleet's is asked of the database."""

    database: Database
    clock: Clock
    one_clock: bool = False
    """Whether every process reads this very clock, so that the database need not be asked."""
    _waiting: list[Waiting] = field(default_factory=list)
    _serving: asyncio.Task[None] | None = None
    _turns: dict[str, Turns] = field(default_factory=dict)
    _tidied: datetime | None = None
    transactions: int = 0
    """How many were needed, for whoever measures."""

    async def spend(self, ask: Ask) -> Answer:
        """Answer a request. Raises what the database raises."""
        pace = _pace_alone(ask)
        if pace is not None and pace.limit is not None and pace.key in self._turns:
            now = self.clock()
            grant = self._turns[pace.key].take(ask, pace.limit.slack / 2, now)
            if grant is not None:
                return grant, now
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._wait(ask, answer)
        return await answer

    async def give_back(self, uses: Sequence[Use], at: datetime) -> None:
        """Take back calls of quotas that were granted for `at` (`Grant.at`): they are over."""
        over: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._wait(Ask((), timedelta(0), tuple((use, at) for use in uses)), over)
        await over

    async def heed(self, use: Use, told: Told) -> None:
        """Store what the bank said."""
        await self.database.write(self._heed, use, told)

    def _wait(self, ask: Ask, answer: asyncio.Future[Answer]) -> None:
        self._waiting.append((ask, answer))
        if self._serving is None:
            self._serving = asyncio.create_task(self._serve(), name="ledger")

    async def _serve(self) -> None:
        try:
            while self._waiting:
                batch = self._waiting[:MOST_TOGETHER]
                del self._waiting[:MOST_TOGETHER]
                await self._answer(batch)
        finally:
            self._serving = None

    async def _answer(self, batch: Sequence[Waiting]) -> None:
        live = [(ask, answer) for ask, answer in batch if ask.over or not answer.done()]
        asks = [ask for ask, _ in live]
        try:
            answers, spare = await self.database.write(self._grant, asks, self._wanted(asks))
        except Exception as error:  # noqa: BLE001 - it belongs to those who asked
            await self._fail(live, error)
            return
        for key, turns in spare.items():
            self._turns[key].spare.extend(turns)
        for (ask, waiting), answer in zip(live, answers, strict=True):
            self._note(ask, answer)
            if not waiting.done():
                waiting.set_result(answer)

    async def _fail(self, live: Sequence[Waiting], error: Exception) -> None:
        """Tell the one who asked; of several, ask for each alone: not all are to fail for one.

        One may spend of a connection that is no more.
        """
        for one in live:
            if len(live) > 1:
                await self._answer([one])
            elif not one[1].done():
                one[1].set_exception(error)

    def _note(self, ask: Ask, answer: Answer) -> None:
        pace, (grant, since) = _pace_alone(ask), answer
        if pace is not None and grant.granted:
            self._turns.setdefault(pace.key, Turns()).taken.append(since + grant.wait)

    def _wanted(self, asks: Sequence[Ask]) -> dict[str, tuple[Use, int]]:
        """Return the rates of which more turns are wanted than were asked for, and how many."""
        now, wanted = self.clock(), {}
        for pace in filter(None, map(_pace_alone, asks)):
            turns = self._turns.get(pace.key)
            if turns is not None and pace.limit is not None:
                wanted[pace.key] = (pace, turns.wanted(pace.limit.interval, now))
        return wanted

    def _grant(
        self, connection: sa.Connection, asks: Sequence[Ask], wanted: dict[str, tuple[Use, int]]
    ) -> tuple[list[Answer], dict[str, list[datetime]]]:
        self.transactions += 1
        self._tidy(connection)
        uses = [use for ask in asks for use in (*ask.uses, *(use for use, _ in ask.over))]
        held = budgets.lock(connection, uses, now=self.clock())
        now = self._now(connection)  # only now, when nobody else can take what lies before it
        ours = self.clock()
        book = Book(held, now)
        grants = [book.grant(ask) for ask in asks]
        spare = {}
        for key, (use, number) in wanted.items():
            more = [book.grant(Ask((use,), timedelta.max)) for _ in range(number)]
            spare[key] = [ours + grant.wait for grant in more]
        for key, use in book.changed.items():
            budgets.save(connection, use, book.standings[key], now=now)
        return [(grant, ours) for grant in grants], spare

    def _tidy(self, connection: sa.Connection) -> None:
        """Forget what is long over, once an hour."""
        now = self.clock()
        if self._tidied is None or now - self._tidied >= TIDIED:
            self._tidied = now
            budgets.delete_quiet(connection, now=now)

    def _heed(self, connection: sa.Connection, use: Use, told: Told) -> None:
        self._tidy(connection)
        held = budgets.lock(connection, [use], now=self.clock())
        now = self._now(connection)
        budgets.save(connection, use, heed(held[use.key], told, now), now=now)

    def _now(self, connection: sa.Connection) -> datetime:
        own = self.clock()
        return own if self.one_clock else budgets.fleet_now(connection, own)


def _pace_alone(ask: Ask) -> Use | None:
    """Return the rate of the app, where a request spends of nothing else."""
    if not ask.uses:
        return None
    first, *others = ask.uses
    paced = first.limit is not None and first.limit.spaced and first.scope is Scope.APP
    return first if paced and not others else None
